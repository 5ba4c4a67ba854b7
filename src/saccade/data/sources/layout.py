"""Class folders: which split and which class a file belongs to, told from its path alone."""

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from saccade.core.errors import DataError
from saccade.data.sources.source import displayable, split_name, split_names

_LITTER = {"__MACOSX", "Thumbs.db", "desktop.ini"}
_IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
HOW_TO_LAY_OUT = (
    "Put every image in a folder named after its class (cat/1.jpg, dog/2.jpg), if you like below train/, val/ and "
    "test/, or give a CSV with the columns path and label."
)


class Place(NamedTuple):
    """Where a file stands. Without a label it stands outside the class folders."""

    label: str | None
    split: str | None


def is_litter(name: str) -> bool:
    """True for hidden files and what operating systems leave: .DS_Store, __MACOSX, Thumbs.db, desktop.ini."""
    return any(part.startswith(".") or part in _LITTER for part in name.split("/"))


def arrange(names: Sequence[str], location: str) -> list[Place]:
    """Returns the place of each file.

    names: paths relative to the source, parts joined by "/". One folder around everything is looked through. The
    folders at the top are either all splits or all classes; below a class folder any depth is allowed.
    Raises DataError when splits and classes stand side by side, or when no file is in a class folder.
    """
    paths = [name.split("/") for name in names]
    depth = _wrapper_depth(paths)
    splits = _splits({path[depth] for path in paths if len(path) > depth + 1}, location)
    places = [_place(path[depth:], splits) for path in paths]
    if all(place.label is None for place in places):
        raise DataError(f"'{location}' holds {len(names):,} files but no class folders. {HOW_TO_LAY_OUT}")
    return places


def class_name(text: str) -> str:
    """Returns the name of a class: displayable, and composed, because macOS writes é as two characters."""
    return displayable(unicodedata.normalize("NFC", text))


def _place(path: list[str], splits: dict[str, str]) -> Place:
    split = splits.get(path[0]) if len(path) > 1 else None
    below = path[1:] if split else path
    return Place(class_name(below[0]) if len(below) > 1 else None, split)


def _wrapper_depth(paths: list[list[str]]) -> int:
    """Returns how many folders stand around everything else, as in zips of a whole folder."""
    depth = 0
    while True:
        tops = {path[depth] for path in paths if len(path) > depth + 1}
        if len(tops) != 1 or split_name(next(iter(tops))):
            return depth
        below = [path for path in paths if len(path) > depth + 1]
        holds_folders = any(len(path) > depth + 2 for path in below)
        holds_images = any(len(path) == depth + 2 and path[-1].lower().endswith(_IMAGE_SUFFIXES) for path in below)
        if holds_images or not holds_folders:
            return depth
        depth += 1


def _splits(folders: set[str], location: str) -> dict[str, str]:
    """Returns folder -> split, empty when the folders are classes."""
    splits = {folder: split for folder in folders if (split := split_name(folder))}
    if others := sorted(folders - splits.keys()):
        if splits:
            raise DataError(
                f"'{location}' has the split folder '{min(splits)}' beside '{displayable(others[0])}', which is no "
                f"split. Move the class folders below train/, or rename it: a split is called {split_names()}."
            )
        return {}
    return splits
