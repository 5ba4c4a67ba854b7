import json

import pytest

from saccade.core.artifacts import BundleInfo, DatasetInfo, file_digests
from saccade.core.errors import BundleError

INFO = DatasetInfo(
    classes=["a", "b"],
    counts={"train": {"a": 1, "b": 2}},
    sources=[],
    content_id="0",
    seed=0,
    rejected={},
    allow_flip=True,
)


def test_document_survives_the_round_trip(tmp_path):
    INFO.save(tmp_path / "dataset.json")
    assert DatasetInfo.load(tmp_path / "dataset.json") == INFO


def test_missing_document_names_the_directory(tmp_path):
    with pytest.raises(BundleError, match=r"has no dataset\.json"):
        DatasetInfo.load(tmp_path / "dataset.json")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format_version": 99}, "format version 99, this Saccade reads 1"),
        ({"surprise": 1}, r"unknown keys \['surprise'\]"),
    ],
)
def test_foreign_document_is_refused_with_the_reason(tmp_path, change, reason):
    INFO.save(tmp_path / "dataset.json")
    content = json.loads((tmp_path / "dataset.json").read_text())
    (tmp_path / "dataset.json").write_text(json.dumps(content | change))
    with pytest.raises(BundleError, match=reason):
        DatasetInfo.load(tmp_path / "dataset.json")


def test_incomplete_document_is_refused(tmp_path):
    (tmp_path / "bundle.json").write_text('{"format_version": 1, "name": "x"}')
    with pytest.raises(BundleError, match="is incomplete"):
        BundleInfo.load(tmp_path / "bundle.json")


def test_broken_json_is_refused(tmp_path):
    (tmp_path / "bundle.json").write_text('{"format')
    with pytest.raises(BundleError, match="is not JSON"):
        BundleInfo.load(tmp_path / "bundle.json")


def test_digests_cover_every_file_but_the_one_that_holds_them(tmp_path):
    (tmp_path / "golden").mkdir()
    (tmp_path / "golden" / "0.png").write_bytes(b"abc")
    (tmp_path / "bundle.json").write_text("{}")
    assert file_digests(tmp_path) == {
        "golden/0.png": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    }
