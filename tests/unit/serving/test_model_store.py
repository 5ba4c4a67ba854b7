import json
import zipfile
from pathlib import Path

import pytest

from saccade.core.errors import BundleError
from saccade.core.files import sha256_of
from saccade.serving.model_store import read_index, take_archive, take_archives
from saccade.serving.signing import sign

ARCHIVE = "pets@3.mar"


@pytest.fixture
def store(tmp_path) -> Path:
    """A store of one archive, written by hand."""
    path = tmp_path / "store"
    (path / "model-store").mkdir(parents=True)
    with zipfile.ZipFile(path / "model-store" / ARCHIVE, "w") as archive:
        archive.writestr("bundle/model.xml", "<net/>")
    write_index(path)
    return path


def write_index(store: Path, **changes: object) -> None:
    archive = store / "model-store" / ARCHIVE
    entry = {"name": "pets", "version": "3", "archive": ARCHIVE, "sha256": sha256_of(archive)}
    entry |= {"bytes": archive.stat().st_size, **changes}
    (store / "index.json").write_text(json.dumps({"models": [entry]}))


def test_archive_is_copied_as_it_is(store, tmp_path):
    (tmp_path / "private").mkdir()
    take_archives(store, read_index(store), tmp_path / "private")
    copy = tmp_path / "private" / "model-store" / ARCHIVE
    assert copy.read_bytes() == (store / "model-store" / ARCHIVE).read_bytes()


@pytest.mark.parametrize("alter", [lambda content: content[:-1] + b"?", lambda content: content + bytes(5_000_000)])
def test_archive_that_differs_from_the_index_is_refused(store, tmp_path, alter):
    archive = store / "model-store" / ARCHIVE
    archive.write_bytes(alter(archive.read_bytes()))
    with pytest.raises(BundleError, match=f"'{ARCHIVE}' has the sha256"):
        take_archive(store, read_index(store)[0], tmp_path)
    assert (tmp_path / ARCHIVE).stat().st_size < 5_000_000


def test_missing_archive_is_named(store, tmp_path):
    (store / "model-store" / ARCHIVE).unlink()
    with pytest.raises(BundleError, match=f"lacks the archive '{ARCHIVE}'"):
        take_archive(store, read_index(store)[0], tmp_path)


def test_archive_with_the_right_digest_is_still_looked_into(store, tmp_path):
    with zipfile.ZipFile(store / "model-store" / ARCHIVE, "w") as archive:
        archive.writestr("../../evil", "x")
    write_index(store)
    with pytest.raises(BundleError, match="would be written outside"):
        take_archive(store, read_index(store)[0], tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"archive": "../../etc/passwd"},
        {"archive": "/etc/passwd.mar"},
        {"archive": 3},
        {"name": "a/b"},
        {"version": ""},
        {"sha256": "0"},
        {"bytes": "9"},
        {"bytes": None},
    ],
)
def test_entry_that_publish_never_writes_is_refused(store, changes):
    write_index(store, **changes)
    with pytest.raises(BundleError, match="has an entry"):
        read_index(store)


def test_trusted_store_is_read(store, keys):
    sign(store, keys.private)
    assert read_index(store, keys.public) == read_index(store)


def test_index_altered_after_it_was_signed_is_refused(store, keys):
    sign(store, keys.private)
    write_index(store, version="4")
    with pytest.raises(BundleError, match="was altered"):
        read_index(store, keys.public)


def test_unsigned_store_is_refused_where_a_key_is_trusted(store, keys):
    with pytest.raises(BundleError, match="is not signed"):
        read_index(store, keys.public)
