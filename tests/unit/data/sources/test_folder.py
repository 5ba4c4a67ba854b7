import os

import pytest

from saccade.core.errors import DataError
from saccade.data.sources.folder import open_folder
from saccade.data.sources.source import MAX_FILE_BYTES


def reasons(source):
    return {record.name: record.fault.reason for record in source.read() if record.fault}


def test_folder_gives_every_file_with_class_and_split_in_order(image_folder):
    root = image_folder({"train/dog": 1, "train/cat": 2, "test/cat": 1})
    source = open_folder(root)
    assert [(record.name, record.label, record.split) for record in source.read()] == [
        ("test/cat/0.jpg", "cat", "test"),
        ("train/cat/0.jpg", "cat", "train"),
        ("train/cat/1.jpg", "cat", "train"),
        ("train/dog/0.jpg", "dog", "train"),
    ]
    assert (source.count, source.labels) == (4, {"cat", "dog"})


def test_folder_gives_the_bytes_of_more_files_than_a_chunk(image_folder):
    root = image_folder({"cat": 150, "dog": 1}, size=(2, 2))
    assert [record.data for record in open_folder(root).read()] == [
        (root / record.name).read_bytes() for record in open_folder(root).read()
    ]


def test_folder_counts_hidden_files_and_leaves_them_out(image_folder):
    root = image_folder({"cat": 1, "dog": 1, "__MACOSX/cat": 1})
    (root / ".DS_Store").write_bytes(b"x")
    (root / "cat/._0.jpg").write_bytes(b"x")
    source = open_folder(root)
    assert (source.ignored, [record.name for record in source.read()]) == (3, ["cat/0.jpg", "dog/0.jpg"])


def test_folder_without_files_says_how_to_lay_out(tmp_path):
    (tmp_path / "cat").mkdir()
    with pytest.raises(DataError, match=r"holds no files.*Put every image in a folder"):
        open_folder(tmp_path)


def test_folder_with_link_to_class_folder_follows_it(image_folder, tmp_path):
    root, elsewhere = image_folder({"cat": 1, "dog": 1}), image_folder({"cow": 1}, name="elsewhere")
    (root / "cow").symlink_to(elsewhere / "cow")
    assert open_folder(root).labels == {"cat", "dog", "cow"}


def test_folder_with_link_to_itself_names_the_link(image_folder):
    root = image_folder({"cat": 1, "dog": 1})
    (root / "cat/again").symlink_to(root)
    with pytest.raises(DataError, match=r"cat/again' is a link to a folder that contains it"):
        open_folder(root)


def test_folder_with_broken_and_circular_links_lists_them_as_unreadable(image_folder):
    root = image_folder({"cat": 1, "dog": 1})
    (root / "cat/gone.jpg").symlink_to(root / "nothing")
    (root / "dog/ring.jpg").symlink_to(root / "dog/ring.jpg")
    assert reasons(open_folder(root)) == {"cat/gone.jpg": "unreadable", "dog/ring.jpg": "unreadable"}


def test_folder_with_named_pipe_lists_it_and_does_not_wait(image_folder):
    root = image_folder({"cat": 1, "dog": 1})
    os.mkfifo(root / "cat/pipe.jpg")
    assert reasons(open_folder(root)) == {"cat/pipe.jpg": "not_an_image"}


def test_folder_with_empty_and_huge_files_lists_them_unread(image_folder):
    root = image_folder({"cat": 1, "dog": 1})
    (root / "cat/empty.jpg").touch()
    with (root / "dog/huge.jpg").open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    assert reasons(open_folder(root)) == {"cat/empty.jpg": "empty", "dog/huge.jpg": "too_large"}


def test_folder_with_file_beside_class_folders_lists_it_as_unlabelled(image_folder):
    root = image_folder({"cat": 1, "dog": 1})
    (root / "notes.txt").write_text("x")
    assert reasons(open_folder(root)) == {"notes.txt": "unlabelled"}


def test_folder_with_names_that_are_not_utf8_gives_names_that_are(image_folder, encode):
    root = image_folder({"cat": 1, "dog": 1})
    (root / os.fsdecode(b"d\xf6g")).mkdir()
    (root / os.fsdecode(b"d\xf6g/\xff.jpg")).write_bytes(encode(9))
    (root / "cat/😺.jpg").write_bytes(encode(10))
    found = {(record.name, record.label) for record in open_folder(root).read()}
    assert {(r"d\xf6g/\xff.jpg", r"d\xf6g"), ("cat/😺.jpg", "cat")} < found


def test_folder_whose_file_vanishes_before_reading_lists_it(image_folder):
    root = image_folder({"cat": 2, "dog": 1})
    source = open_folder(root)
    (root / "cat/1.jpg").unlink()
    assert reasons(source) == {"cat/1.jpg": "unreadable"}
