import io
import os
from pathlib import Path

import click
import pytest

from saccade.cli.named_images import named_images
from saccade.core.errors import DataError


@pytest.fixture
def folder(tmp_path):
    """Four images of two folders among other files, written in no order."""
    for name in ("b/2.JPG", "a/z.webp", "a/b.png", "b/10.jpeg", "b/notes.txt", "a/png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    return tmp_path


def names(paths: list[Path], listed: bytes | None = None) -> list[str]:
    return [name for name, _ in named_images(paths, io.BytesIO(listed) if listed is not None else None, io.BytesIO())]


def test_folder_gives_its_images_by_name(folder):
    found = [os.path.relpath(name, folder) for name in names([folder])]
    assert found == ["a/b.png", "a/z.webp", "b/10.jpeg", "b/2.JPG"]


def test_paths_keep_their_order_and_come_as_often_as_they_are_given(folder):
    text, image = folder / "b" / "notes.txt", folder / "b" / "2.JPG"
    assert names([text, folder / "a", image, image]) == [
        *map(str, (text, folder / "a" / "b.png", folder / "a" / "z.webp", image, image))
    ]


@pytest.mark.parametrize("listed", [b"x y\nz\n", b"x y\nz", b"x y\n\nz\n", b"x y\0z\0"])
def test_list_holds_one_path_a_line_or_before_each_nul(listed):
    assert names([], listed) == ["x y", "z"]


def test_name_with_a_line_break_needs_nul():
    assert names([], b"x\ny\0") == ["x\ny"]


def test_listed_folder_gives_its_images(folder):
    assert len(names([], os.fsencode(folder))) == 4


def test_dash_is_an_image_but_in_a_list_a_file():
    images = named_images([Path("-")], io.BytesIO(b"-"), io.BytesIO(b"image"))
    assert images == [("-", b"image"), ("-", Path("-"))]


def test_folder_without_an_image_is_bad_data(folder):
    (folder / "empty").mkdir()
    with pytest.raises(DataError, match=r"\.webp.*empty"):
        names([folder / "empty"])


@pytest.mark.parametrize("paths", [[], [Path("-"), Path("-")]])
def test_no_path_and_stdin_twice_are_wrong_use(paths):
    with pytest.raises(click.UsageError):
        names(paths)
