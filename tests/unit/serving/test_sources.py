import pytest

from saccade.core.errors import BundleError, UsageError
from saccade.serving.archive import served_store, write_archive
from saccade.serving.kserve.loading import load_model
from saccade.serving.model_store import read_index
from saccade.serving.signing import sign
from saccade.serving.sources import find_models


def test_bundles_and_stores_are_found_together(colour_bundle, again, tmp_path):
    write_archive(again(colour_bundle, version="8"), tmp_path / "store")
    write_archive(again(colour_bundle, version="9"), tmp_path / "store", keep_versions=1)
    found = find_models([tmp_path / "store", colour_bundle], None)
    assert [(source.name, source.version) for source in found] == [("colours", "9"), ("colours", "8"), ("colours", "7")]
    assert len({source.digest for source in found}) == 3


def test_one_version_twice_is_refused(colour_bundle):
    with pytest.raises(UsageError, match="'colours' version '7' is there 2 times"):
        find_models([colour_bundle, colour_bundle], None)


def test_archive_is_loaded_and_leaves_nothing_behind(colour_bundle, tmp_path, monkeypatch):
    write_archive(colour_bundle, tmp_path / "store")
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    loaded = load_model(find_models([tmp_path / "store"], None)[0], threads=1)
    (answer,) = loaded.predictor.predict([loaded.golden])
    assert loaded.predictor.info.classes[answer.label] == loaded.golden_label
    assert list((tmp_path / "scratch").iterdir()) == []


def test_archive_of_another_model_than_the_index_says_is_refused(colour_bundle, tmp_path):
    write_archive(colour_bundle, tmp_path / "store")
    index = tmp_path / "store" / "index.json"
    index.write_text(index.read_text().replace('"version": "7"', '"version": "8"'))
    with pytest.raises(BundleError, match="The archive of 'colours' 8 holds 'colours' 7"):
        load_model(find_models([tmp_path / "store"], None)[0], threads=1)


def test_bundle_needs_the_signature_of_the_trusted_key(colour_bundle, again, keys, new_keys):
    bundle = again(colour_bundle, version="8")
    (source,) = find_models([bundle], keys.public)
    with pytest.raises(BundleError, match=r"'colours 8/bundle\.json' is not signed"):
        load_model(source, threads=1)
    sign(bundle, new_keys().private)
    with pytest.raises(BundleError, match="not by the owner"):
        load_model(source, threads=1)
    sign(bundle, keys.private)
    assert load_model(source, threads=1).predictor.info.version == "8"
    (bundle / "model.bin").write_bytes(b"other weights")
    with pytest.raises(BundleError, match=r"'colours 8' was altered in model\.bin"):
        load_model(source, threads=1)


def test_bundles_become_a_store_whose_default_is_the_first(colour_bundle, again, tmp_path, keys):
    paths = [colour_bundle, again(colour_bundle, version="8")]
    store, key = served_store(paths, tmp_path / "scratch", None)
    assert ([model["version"] for model in read_index(store)], key) == (["7", "8"], None)
    with pytest.raises(BundleError, match="is not signed"):
        served_store(paths, tmp_path / "other", keys.public)


def test_store_among_others_is_refused_for_torchserve(colour_bundle, tmp_path):
    write_archive(colour_bundle, tmp_path / "store")
    assert served_store([tmp_path / "store"], tmp_path, None) == (tmp_path / "store", None)
    with pytest.raises(UsageError, match="TorchServe serves one alone"):
        served_store([tmp_path / "store", colour_bundle], tmp_path, None)
