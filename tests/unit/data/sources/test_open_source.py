import shutil

import pytest

from saccade.core.errors import DataError, UsageError
from saccade.data.sources import open_source


def test_open_source_of_folder_zip_and_table_knows_each(image_folder):
    root = image_folder({"cat": 1, "dog": 1})
    archive = shutil.make_archive(str(root.parent / "packed"), "zip", root)
    (root.parent / "list.csv").write_text("path,label\nimages/cat/0.jpg,cat\n")
    kinds = [open_source(str(path)).kind for path in (root, archive, root.parent / "list.csv")]
    assert kinds == ["folder", "zip", "table"]


def test_open_source_of_missing_path_says_what_can_be_given(tmp_path):
    with pytest.raises(UsageError, match=r"nothing' does not exist. Give a folder or zip"):
        open_source(str(tmp_path / "nothing"))


def test_open_source_of_single_image_says_what_can_be_given(tmp_path, encode):
    (tmp_path / "cat.jpg").write_bytes(encode(0))
    with pytest.raises(UsageError, match=r"cat.jpg' is a file of no known kind. Give a folder or zip"):
        open_source(str(tmp_path / "cat.jpg"))


def test_open_source_of_broken_zip_says_so(tmp_path):
    (tmp_path / "images.zip").write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(DataError, match=r"images.zip' is not a whole zip"):
        open_source(str(tmp_path / "images.zip"))
