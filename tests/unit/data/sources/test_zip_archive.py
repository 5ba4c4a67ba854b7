import contextlib
import io
import os
import struct
import zipfile
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saccade.core.errors import DataError
from saccade.data.sources.source import MAX_FILE_BYTES
from saccade.data.sources.zip_archive import open_zip

DIRECTORY_ENTRY = b"PK\x01\x02"


@pytest.fixture
def make_zip(tmp_path, encode):
    """make_zip({"cat/1.jpg": None, "x": b"bytes"}): a deflated zip; None stands for an image."""

    def make(members, compression=zipfile.ZIP_DEFLATED):
        path = tmp_path / "images.zip"
        with zipfile.ZipFile(path, "w", compression) as archive:
            for seed, (name, data) in enumerate(members.items()):
                archive.writestr(name, encode(seed) if data is None else data)
        return path

    return make


def patch_directory(path, offset, value):
    """Overwrites a field of the last entry in the zip's central directory."""
    content = bytearray(path.read_bytes())
    start = content.rindex(DIRECTORY_ENTRY) + offset
    content[start : start + len(value)] = value
    path.write_bytes(content)


def make_raw_zip(path, members):
    """Writes a stored zip whose names are these bytes, without the flag that says UTF-8."""
    body = directory = b""
    for name, data in members.items():
        sizes = struct.pack("<LLLHH", zlib.crc32(data), len(data), len(data), len(name), 0)
        common = struct.pack("<HHHHH", 20, 0, 0, 0, 33) + sizes
        directory += DIRECTORY_ENTRY + struct.pack("<H", 20) + common
        directory += struct.pack("<HHHLL", 0, 0, 0, 0, len(body)) + name
        body += b"PK\x03\x04" + common + name + data
    path.write_bytes(body + directory + end_of_directory(len(members), len(directory), len(body)))


def end_of_directory(entries, size, offset):
    return struct.pack("<LHHHHLLH", 0x06054B50, 0, 0, entries, entries, size, offset, 0)


def faults(source):
    return {record.name: record.fault.reason for record in source.read() if record.fault}


def test_zip_gives_every_file_with_class_and_split_in_archive_order(make_zip, encode):
    path = make_zip({"set/train/dog/1.jpg": None, "set/train/cat/1.jpg": None, "set/test/cat/2.jpg": None})
    source = open_zip(path)
    assert [(record.name, record.label, record.split, record.data) for record in source.read()] == [
        ("set/train/dog/1.jpg", "dog", "train", encode(0)),
        ("set/train/cat/1.jpg", "cat", "train", encode(1)),
        ("set/test/cat/2.jpg", "cat", "test", encode(2)),
    ]
    assert (source.count, source.labels) == (3, {"cat", "dog"})


def test_zip_counts_system_litter_and_leaves_it_out(make_zip):
    source = open_zip(make_zip({"cat/1.jpg": None, "__MACOSX/cat/._1.jpg": b"x", "cat/.DS_Store": b"x"}))
    assert (source.ignored, source.count) == (2, 1)


@pytest.mark.parametrize(
    "name", ["/etc/cat/1.jpg", "../cat/1.jpg", "cat/../../1.jpg", "..\\cat\\1.jpg", "C:/cat/1.jpg"]
)
def test_zip_with_name_that_leads_out_is_refused(make_zip, name):
    with pytest.raises(DataError, match=r"whose name leads out of the archive"):
        open_zip(make_zip({"dog/1.jpg": None, name: None}))


def test_zip_with_backslashes_is_read_as_folders(make_zip):
    assert open_zip(make_zip({"cat\\1.jpg": None, "dog\\1.jpg": None})).labels == {"cat", "dog"}


def test_zip_with_utf8_names_that_are_not_declared_reads_them(tmp_path):
    path = tmp_path / "linux.zip"
    make_raw_zip(path, {"kätzchen😺/1.jpg".encode(): b"a", b"hund/1.jpg": b"b"})
    source = open_zip(path)
    assert [(record.label, record.data) for record in source.read()] == [("kätzchen😺", b"a"), ("hund", b"b")]


def test_zip_with_names_in_an_old_code_page_reads_them(tmp_path):
    path = tmp_path / "dos.zip"
    make_raw_zip(path, {b"k\x84tzchen/1.jpg": b"a", b"hund/1.jpg": b"b"})
    assert open_zip(path).labels == {"kätzchen", "hund"}


def test_zip_bomb_of_one_member_is_refused(make_zip):
    with pytest.raises(DataError, match=r"is a zip bomb: 'cat/1.jpg' grows from"):
        open_zip(make_zip({"cat/1.jpg": bytes(4 << 20), "dog/1.jpg": None}))


def test_zip_bomb_of_overlapping_members_is_refused(make_zip):
    path = make_zip({"cat/1.jpg": os.urandom(40_000), "dog/1.jpg": None}, zipfile.ZIP_STORED)
    content = path.read_bytes()
    first, second = content.index(DIRECTORY_ENTRY), content.rindex(DIRECTORY_ENTRY)
    end = content.index(b"PK\x05\x06")
    entries = content[first:second] * 6_000 + content[second:end]
    path.write_bytes(content[:first] + entries + end_of_directory(6_001, len(entries), first))
    with pytest.raises(DataError, match=r"is a zip bomb: .* bytes grow to 240,0"):
        open_zip(path)


def test_zip_member_that_holds_more_than_it_declares_is_unreadable_and_not_inflated(make_zip):
    path = make_zip({"dog/1.jpg": None, "cat/1.jpg": bytes(64 << 20)})
    patch_directory(path, 24, struct.pack("<L", 1_000))  # declared size
    assert faults(open_zip(path)) == {"cat/1.jpg": "unreadable"}


def test_zip_member_that_declares_more_than_may_be_read_is_too_large(make_zip):
    path = make_zip({"dog/1.jpg": None, "cat/1.jpg": os.urandom(900_000)})
    patch_directory(path, 24, struct.pack("<L", MAX_FILE_BYTES + 1))
    assert faults(open_zip(path)) == {"cat/1.jpg": "too_large"}


def test_zip_in_a_zip_is_refused(make_zip):
    with pytest.raises(DataError, match=r"holds another archive, 'test.zip'"):
        open_zip(make_zip({"cat/1.jpg": None, "test.zip": b"PK"}))


def test_zip_that_is_encrypted_is_refused(make_zip):
    path = make_zip({"cat/1.jpg": None})
    patch_directory(path, 8, struct.pack("<H", 1))  # flags
    with pytest.raises(DataError, match=r"is encrypted"):
        open_zip(path)


def test_zip_that_is_cut_off_is_refused(make_zip):
    path = make_zip({"cat/1.jpg": None, "dog/1.jpg": None})
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"is not a whole zip"):
        open_zip(path)


def test_zip_without_files_is_refused(make_zip):
    with pytest.raises(DataError, match=r"holds no files"):
        open_zip(make_zip({"cat/": b""}))


def test_zip_with_damaged_member_lists_it_and_reads_the_others(make_zip):
    path = make_zip({"cat/1.jpg": None, "dog/1.jpg": None})
    content = bytearray(path.read_bytes())
    content[100:140] = bytes(40)
    path.write_bytes(content)
    assert faults(open_zip(path)) == {"cat/1.jpg": "unreadable"}


def test_zip_with_empty_member_and_loose_file_lists_both(make_zip):
    source = open_zip(make_zip({"cat/1.jpg": b"", "dog/1.jpg": None, "README.txt": b"x"}))
    assert faults(source) == {"cat/1.jpg": "empty", "README.txt": "unlabelled"}


def test_zip_with_member_without_name_lists_it(tmp_path, encode):
    path = tmp_path / "odd.zip"
    make_raw_zip(path, {b"cat/1.jpg": encode(0), b"": encode(1)})
    assert faults(open_zip(path)) == {"": "unlabelled"}


def test_zip_with_other_compression_lists_the_members_unread(make_zip):
    source = open_zip(make_zip({"cat/1.jpg": b"x" * 99, "dog/1.jpg": None}, zipfile.ZIP_BZIP2))
    assert set(faults(source).values()) == {"unreadable"}


def test_zip_with_link_does_not_follow_it(make_zip):
    link = zipfile.ZipInfo("cat/link.jpg")
    link.external_attr = 0o120777 << 16
    path = make_zip({"cat/1.jpg": None, "dog/1.jpg": None})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    assert faults(open_zip(path)) == {"cat/link.jpg": "not_an_image"}


@pytest.fixture(scope="module")
def small_zip():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("cat/1.jpg", "dög/2.jpg"):
            archive.writestr(name, name * 5)
    return buffer.getvalue()


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=4))
def test_zip_with_any_bytes_changed_is_read_or_refused(small_zip, tmp_path, changes):
    content = bytearray(small_zip)
    for position, value in changes:
        content[position % len(content)] = value
    (tmp_path / "x.zip").write_bytes(content)
    with contextlib.suppress(DataError):
        source = open_zip(tmp_path / "x.zip")
        assert len(list(source.read())) == source.count
