"""A folder of class folders, with or without train/, val/ and test/ above them."""

import os
from functools import partial
from pathlib import Path

from saccade.core.errors import DataError
from saccade.data.sources.files import File, read_files, stat_fault
from saccade.data.sources.layout import HOW_TO_LAY_OUT, arrange, is_litter
from saccade.data.sources.source import Fault, Source, displayable


def open_folder(path: Path) -> Source:
    """Returns the folder as a source; links are followed, hidden files are counted and left out.

    Raises DataError for an empty folder, one without class folders, one that cannot be listed, and a link that leads
    back to a folder above it.
    """
    location = displayable(str(path))
    names, ignored = _list(path)
    if not names:
        raise DataError(f"Folder '{location}' holds no files ({ignored} hidden ones do not count). {HOW_TO_LAY_OUT}")
    places = arrange(names, location)
    files = [_file(path, name, *place) for name, place in zip(names, places, strict=True)]
    return Source(
        kind="folder",
        location=location,
        labels=frozenset(file.label for file in files if file.label is not None),
        count=len(files),
        read=partial(read_files, files),
        ignored=ignored,
    )


def _file(root: Path, name: str, label: str | None, split: str | None) -> File:
    size, fault = stat_fault(root / name)
    if label is None:
        fault = Fault("unlabelled", "stands outside the class folders")
    return File(root / name, size, displayable(name), label, split, fault)


def _list(root: Path) -> tuple[list[str], int]:
    """Returns the relative names of all files in byte order, and how many entries were ignored."""
    names: list[str] = []
    ignored = 0
    folders: list[tuple[str, tuple[tuple[int, int], ...]]] = [("", (_identity(root),))]
    while folders:
        prefix, above = folders.pop()
        for entry in _entries(root / prefix):
            name = f"{prefix}{entry.name}"
            if is_litter(entry.name):
                ignored += 1
            elif _is_folder(entry):
                identity = _identity(root / name)
                if identity in above:
                    raise DataError(
                        f"'{displayable(str(root / name))}' is a link to a folder that contains it. Remove the link."
                    )
                folders.append((f"{name}/", (*above, identity)))
            else:
                names.append(name)
    return sorted(names, key=os.fsencode), ignored


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise DataError(
            f"Cannot list '{displayable(str(folder))}': {reason}. Make it readable or move it away."
        ) from error


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself: listed as a file that cannot be opened
        return False


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino
