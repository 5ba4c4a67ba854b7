"""What `saccade predict` is asked about: paths, the images in folders, a list of paths, standard input."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import click

from saccade.core.errors import DataError

IMAGE_SUFFIXES = (".jpeg", ".jpg", ".png", ".webp")
STDIN = Path("-")

NamedImage = tuple[str, Path | bytes]


def named_images(paths: Sequence[Path], paths_from: BinaryIO | None, stdin: BinaryIO) -> list[NamedImage]:
    """Returns (name, file or encoded image) in the order of the paths; those of a folder by name.

    paths: STDIN is one encoded image.   paths_from: further paths, one a line or with a NUL after each.
    Raises click.UsageError when there is no path or two wish for stdin, DataError when there is no image.
    """
    if not paths and paths_from is None:
        raise click.UsageError("Give PATH..., or --paths-from FILE.")
    if paths.count(STDIN) > 1 or (STDIN in paths and paths_from is stdin):
        raise click.UsageError("Standard input (-) can be read only once.")
    images: list[NamedImage] = []
    for path in paths:
        images += [("-", stdin.read())] if path == STDIN else _images(path)
    for path in _listed(paths_from.read()) if paths_from else ():
        images += _images(path)
    if not images:
        asked = ", ".join(map(str, paths)) or "the list"
        raise DataError(f"No image ({', '.join(IMAGE_SUFFIXES)}) in {asked}.")
    return images


def _listed(content: bytes) -> list[Path]:
    separator = b"\0" if b"\0" in content else b"\n"
    return [Path(os.fsdecode(name)) for name in content.split(separator) if name]


def _images(path: Path) -> list[NamedImage]:
    """The images of a folder, or path itself, whether it can be read or not."""
    if not path.is_dir():
        return [(str(path), path)]
    found = (Path(folder, name) for folder, _, names in os.walk(path, onerror=_refuse) for name in names)
    return [(str(file), file) for file in sorted(found) if file.suffix.lower() in IMAGE_SUFFIXES]


def _refuse(error: OSError) -> None:
    raise DataError(f"Folder '{error.filename}' cannot be read: {error.strerror}.") from error
