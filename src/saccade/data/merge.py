"""Several sources become one set of classes, joined by name."""

import difflib
import json
import tomllib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from saccade.core.errors import DataError, UsageError
from saccade.data.sources.layout import class_name
from saccade.data.sources.source import Source, displayable


def load_mapping(path: Path) -> dict[str, str]:
    """Returns the class names to replace and what replaces them, from TOML or JSON: "automobile" = "car".

    A name is replaced once: what it becomes is not looked up again.
    Raises UsageError for a missing file, DataError for one that is no flat table of names.
    """
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    except OSError as error:
        raise UsageError(f"Cannot read the mapping '{path}': {error.strerror}. Give a TOML or JSON file.") from error
    except ValueError as error:  # JSON, TOML and UTF-8 errors alike
        raise DataError(f"Mapping '{path}' cannot be parsed: {error}. {_MAPPING_FORM}") from error
    if not isinstance(content, dict) or not all(isinstance(name, str) and name for name in content.values()):
        raise DataError(f"Mapping '{path}' is no flat table of names. {_MAPPING_FORM}")
    return {class_name(old): class_name(new) for old, new in content.items()}


_MAPPING_FORM = 'Write one line for each class to rename, such as "automobile" = "car" in TOML.'


def join_classes(sources: Sequence[Source], mapping: Mapping[str, str]) -> list[str]:
    """Returns the class names of all sources after the mapping, sorted; numbers by value.

    Raises DataError for a name in the mapping that no source has, for two spellings of one class, and for fewer than
    two classes.
    """
    labels = frozenset().union(*(source.labels for source in sources))
    for old in mapping:
        if old not in labels:
            raise DataError(f"The mapping renames '{old}', but no source has that class.{_nearest(old, labels)}")
    classes = {mapping.get(label, label) for label in labels}
    _refuse_two_spellings(classes, sources)
    if len(classes) < 2:
        raise DataError(
            f"{_locations(sources)} has one class only, '{min(classes)}'. A classifier needs at least two: add a "
            "folder of other images."
        )
    return sorted(classes, key=lambda name: (not name.isdecimal(), int(name) if name.isdecimal() else 0, name))


def allows_flip(sources: Sequence[Source], classes: Sequence[str]) -> bool:
    """False if a mirrored image may mean something else: a source says so, or the classes are digits or letters."""
    return all(source.allow_flip for source in sources) and not all(len(name) == 1 for name in classes)


def _refuse_two_spellings(classes: Collection[str], sources: Sequence[Source]) -> None:
    seen: dict[str, str] = {}
    for name in sorted(classes):
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            raise DataError(
                f"{_locations(sources)} has the class in two spellings, '{other}' and '{name}'. Rename one, or join "
                f'them with --mapping FILE.toml that says "{other}" = "{name}".'
            )


def _locations(sources: Sequence[Source]) -> str:
    return " with ".join(f"'{source.location}'" for source in sources)


def _nearest(name: str, labels: Collection[str]) -> str:
    found = difflib.get_close_matches(name, labels, n=1)
    known = ", ".join(sorted(labels)[:10])
    return f" Did you mean '{found[0]}'?" if found else f" The classes are {displayable(known)}."
