import struct
import zipfile
from pathlib import Path

import pytest

from saccade.core.errors import BundleError
from saccade.serving.unpacking import unpack

LINK = 0o120777 << 16


def archive_of(
    path: Path, *members: tuple[str | zipfile.ZipInfo, bytes], compression: int = zipfile.ZIP_STORED
) -> Path:
    with zipfile.ZipFile(path / "a.mar", "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path / "a.mar"


def member(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode
    return info


def test_only_the_directory_is_unpacked(tmp_path):
    archive = archive_of(tmp_path, ("bundle/a", b"1"), ("bundle/golden/b", b"22"), ("handler.py", b"import this"))
    unpack(archive, "bundle", tmp_path / "out")
    found = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert found == {"a", "golden/b"}
    assert (tmp_path / "out" / "golden" / "b").read_bytes() == b"22"


@pytest.mark.parametrize("name", ["../a", "bundle/../../a", "/etc/a", "bundle\\..\\a", "bundle/.."])
def test_path_that_leads_outside_is_refused(tmp_path, name):
    with pytest.raises(BundleError, match="would be written outside"):
        unpack(archive_of(tmp_path, (name, b"x")), "bundle", tmp_path / "out")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.mar"]


def test_link_is_refused(tmp_path):
    with pytest.raises(BundleError, match="'bundle/a' is a link"):
        unpack(archive_of(tmp_path, (member("bundle/a", LINK), b"/etc/passwd")), "bundle", tmp_path / "out")


def test_compressed_file_is_refused_before_it_can_grow(tmp_path):
    archive = archive_of(tmp_path, ("bundle/a", bytes(10)), ("bundle/b", b"0" * 5), compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(BundleError, match="'bundle/a' is compressed"):
        unpack(archive, "bundle", tmp_path / "out")


def test_bomb_is_refused_by_its_sizes(tmp_path):
    archive = archive_of(tmp_path, ("bundle/a", bytes(50_000_000)), compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(BundleError, match="its files have 50,000,000 bytes, the archive itself"):
        unpack(archive, "bundle", tmp_path / "out")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name_are_refused(tmp_path):
    with pytest.raises(BundleError, match="same name"):
        unpack(archive_of(tmp_path, ("bundle/a", b"1"), ("bundle/a", b"2")), "bundle", tmp_path / "out")


def test_too_many_files_are_refused(tmp_path):
    archive = archive_of(tmp_path, *((f"bundle/{number}", b"") for number in range(1001)))
    with pytest.raises(BundleError, match="1001 files, of at most 1000"):
        unpack(archive, "bundle", tmp_path / "out")


def test_flipped_bit_is_refused(tmp_path):
    archive = archive_of(tmp_path, ("bundle/a", b"honest"))
    archive.write_bytes(archive.read_bytes().replace(b"honest", b"honesT"))
    with pytest.raises(BundleError, match="is damaged"):
        unpack(archive, "bundle", tmp_path / "out")


def test_header_that_names_another_file_is_refused(tmp_path):
    archive = archive_of(tmp_path, ("bundle/a", b"x"))
    archive.write_bytes(archive.read_bytes().replace(b"bundle/a", b"bundle/b", 1))
    with pytest.raises(BundleError, match="not a whole archive"):
        unpack(archive, "bundle", tmp_path / "out")


@pytest.mark.parametrize("keep", [0, 1, 30, 100, 120])
def test_stump_of_an_archive_is_refused(tmp_path, keep):
    archive = archive_of(tmp_path, ("bundle/a", b"x" * 50))
    archive.write_bytes(archive.read_bytes()[:keep])
    with pytest.raises(BundleError, match="not a whole archive"):
        unpack(archive, "bundle", tmp_path / "out")


def test_size_that_lies_is_refused(tmp_path):
    archive = archive_of(tmp_path, ("bundle/a", b"x" * 50))
    archive.write_bytes(archive.read_bytes().replace(struct.pack("<I", 50), struct.pack("<I", 60)))
    with pytest.raises(BundleError):
        unpack(archive, "bundle", tmp_path / "out")
