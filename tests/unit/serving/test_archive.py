import configparser
import hashlib
import json
import zipfile
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from saccade.core.artifacts import BUNDLE_JSON, BundleInfo, file_digests
from saccade.core.errors import BundleError, UsageError
from saccade.serving.archive import write_archive
from saccade.serving.model_store import read_golden, read_index

INFO = BundleInfo(
    name="pets",
    version="3",
    architecture="none",
    classes=["cat", "dog"],
    preprocess=["decode"],
    preprocess_hash="abc",
    engine={"kind": "openvino", "precision": "f32"},
    scoring={},
    dataset_id="def",
    code_version="0",
    metrics={},
)
GOLDEN = [
    {"file": "0.image", "label": "cat", "probabilities": [0.6, 0.4]},
    {"file": "1.image", "label": "dog", "probabilities": [0.1, 0.9]},
]


def make_bundle(directory: Path, **changes: str) -> Path:
    """A directory with the files and digests of a bundle; what is packed is not looked into."""
    (directory / "golden").mkdir(parents=True)
    (directory / "model.xml").write_text("<net/>")
    (directory / "golden" / "0.image").write_bytes(b"zero")
    (directory / "golden" / "1.image").write_bytes(b"one")
    (directory / "golden" / "answers.json").write_text(json.dumps(GOLDEN))
    replace(INFO, files=file_digests(directory), **changes).save(directory / BUNDLE_JSON)
    return directory


def config_of(store: Path) -> dict[str, str]:
    parser = configparser.RawConfigParser(delimiters="=")
    parser.optionxform = str
    parser.read_string("[server]\n" + (store / "config" / "config.properties").read_text())
    return dict(parser["server"])


def everything_in(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


@pytest.fixture
def bundle(tmp_path):
    return make_bundle(tmp_path / "bundle")


@pytest.fixture
def store(tmp_path, bundle):
    write_archive(bundle, tmp_path / "store")
    return tmp_path / "store"


def test_store_has_the_shape_that_kserve_mounts(store):
    assert set(everything_in(store)) == {"config/config.properties", "model-store/pets@3.mar", "index.json"}


def test_archive_holds_the_whole_bundle_the_handler_and_no_torch(store, bundle):
    with zipfile.ZipFile(store / "model-store" / "pets@3.mar") as archive:
        names = set(archive.namelist())
        assert names == {
            *(f"bundle/{name}" for name in everything_in(bundle)),
            *("handler.py", "torch.py", "MAR-INF/MANIFEST.json"),
        }
        assert archive.read("bundle/golden/1.image") == b"one"
        manifest = json.loads(archive.read("MAR-INF/MANIFEST.json"))
    assert manifest["model"] == {"modelName": "pets", "modelVersion": "3", "handler": "handler.py"}


def test_index_names_the_archive_and_its_digest(store):
    (model,) = read_index(store)
    content = (store / "model-store" / "pets@3.mar").read_bytes()
    assert model == {
        "name": "pets",
        "version": "3",
        "archive": "pets@3.mar",
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "dataset_id": "def",
        "preprocess_hash": "abc",
    }


def test_config_serves_the_model_from_loopback_only(store):
    config = config_of(store)
    addresses = {name: value for name, value in config.items() if name.endswith("_address")}
    assert addresses
    assert all("127.0.0.1" in address for address in addresses.values())
    assert config["load_models"] == "pets@3.mar"
    assert json.loads(config["models"])["pets"]["3"]["marName"] == "pets@3.mar"
    assert config["enable_model_api"] == "false"


def test_surest_golden_image_is_read_from_the_archive(store):
    assert read_golden(store, read_index(store)[0]) == (b"one", "dog")


def test_second_model_stands_beside_the_first(store, tmp_path):
    write_archive(make_bundle(tmp_path / "other", name="birds"), store)
    assert [model["name"] for model in read_index(store)] == ["birds", "pets"]
    assert config_of(store)["load_models"] == "birds@3.mar,pets@3.mar"


def test_new_version_of_a_model_replaces_the_old(store, tmp_path):
    write_archive(make_bundle(tmp_path / "newer", version="4"), store)
    assert [model["version"] for model in read_index(store)] == ["4"]
    assert list(json.loads(config_of(store)["models"])["pets"]) == ["4"]


def test_versions_that_stay_are_those_published_last(store, tmp_path):
    for version in ("4", "5", "6"):
        write_archive(make_bundle(tmp_path / version, version=version), store, keep_versions=2)
    assert [model["version"] for model in read_index(store)] == ["6", "5", "4"]
    archives = {path.name for path in (store / "model-store").iterdir()}
    assert archives == {"pets@6.mar", "pets@5.mar", "pets@4.mar"}
    options = json.loads(config_of(store)["models"])["pets"]
    assert {version: of["defaultVersion"] for version, of in options.items()} == {"6": True, "5": False, "4": False}


def test_version_that_is_published_again_is_the_default(store, tmp_path, bundle):
    write_archive(make_bundle(tmp_path / "newer", version="4"), store, keep_versions=1)
    write_archive(bundle, store, keep_versions=1)
    assert [model["version"] for model in read_index(store)] == ["3", "4"]


def test_store_is_signed_with_the_key_and_not_without(bundle, tmp_path, keys):
    store = tmp_path / "store"
    write_archive(bundle, store, sign_key=keys.private)
    assert [model["name"] for model in read_index(store, keys.public)] == ["pets"]
    write_archive(bundle, store)
    assert not (store / "index.json.sig").exists()


def test_words_of_people_stay_in_the_store(bundle, tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "README.md").write_text("ours")
    write_archive(bundle, tmp_path / "store")
    assert (tmp_path / "store" / "README.md").read_text() == "ours"


def test_directory_that_is_no_store_is_refused_and_unharmed(bundle, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("years of work")
    with pytest.raises(UsageError, match=r"holds thesis\.tex and is no model store"):
        write_archive(bundle, tmp_path / "home")
    assert everything_in(tmp_path / "home") == {"thesis.tex": b"years of work"}


def test_file_in_the_place_of_a_store_is_refused(bundle, tmp_path):
    (tmp_path / "store").write_text("mine")
    with pytest.raises(UsageError, match="is a file"):
        write_archive(bundle, tmp_path / "store")


@pytest.mark.parametrize(
    ("harm", "named"),
    [
        (lambda bundle: (bundle / "model.xml").write_text("<other/>"), r"model\.xml"),
        (lambda bundle: (bundle / "model.xml").unlink(), r"model\.xml"),
        (lambda bundle: (bundle / "added").write_text(""), "added"),
    ],
)
def test_altered_bundle_is_refused_with_the_file(store, bundle, harm, named):
    before = everything_in(store)
    harm(bundle)
    with pytest.raises(BundleError, match=f"differs from its bundle.json in {named}"):
        write_archive(bundle, store)
    assert everything_in(store) == before


@pytest.mark.parametrize("name", ["", "../up", "a b", "a/b", "é", ".hidden", "a\n"])
def test_name_that_no_url_can_hold_is_refused(tmp_path, name):
    for place in ("name", "version"):
        with pytest.raises(UsageError, match=f"cannot be the {place} of a served model"):
            write_archive(make_bundle(tmp_path / place, **{place: name}), tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_directory_without_index_is_no_store(tmp_path):
    with pytest.raises(UsageError, match=r"is not a model store.*saccade publish"):
        read_index(tmp_path)


def test_full_disk_leaves_the_older_store(bundle, mount):
    disk = mount("size=64k")
    write_archive(bundle, disk / "store")
    before = everything_in(disk / "store")
    (bundle / "model.xml").write_bytes(bytes(100_000))
    info = BundleInfo.load(bundle / BUNDLE_JSON)
    BundleInfo(**{**asdict(info), "files": file_digests(bundle)}).save(bundle / BUNDLE_JSON)
    with pytest.raises(Exception, match="disk is full"):
        write_archive(bundle, disk / "store")
    assert everything_in(disk / "store") == before
