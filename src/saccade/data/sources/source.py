"""What every source of images gives: one record a file, read lazily and always in the same order."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

# The default of saccade_native.Limits: what is larger would be refused by the decoder, so it is not even read.
MAX_FILE_BYTES = 64 << 20

Reason = Literal[
    "unreadable",  # the file or the image in it is damaged
    "empty",
    "too_large",
    "not_an_image",  # none of the formats that are read
    "unlabelled",  # outside the class folders, or no label in its table
    "duplicate",  # the same bytes as an earlier image of its class and split
    "leak",  # a training image with the same bytes as a test or validation image, or a validation image as a test image
    "conflicting",  # the same bytes under two classes: nobody knows which is right, so neither is used
]

_SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Fault(NamedTuple):
    """Why a file is not used."""

    reason: Reason
    message: str


class Record(NamedTuple):
    """One file of a source. With a fault, data is empty."""

    name: str  # path inside the source, displayable
    label: str | None
    split: str | None  # "train", "val", "test" or None where the source does not say
    data: bytes
    fault: Fault | None = None


@dataclass(frozen=True)
class Source:
    """A set of images that has been listed but not yet read."""

    kind: str  # "folder", "zip", "cifar", "table", "digits"
    location: str  # as the user gave it
    labels: frozenset[str]
    count: int  # files that read() gives
    read: Callable[[], Iterator[Record]]
    ignored: int = 0  # hidden files and system litter, which read() does not give
    allow_flip: bool = True  # a mirrored image still means the same


def split_name(text: str) -> str | None:
    """Returns the split that a folder or a table calls by this name in any case, or None for no split's name."""
    return _SPLIT_NAMES.get(text.strip().lower())


def split_names() -> str:
    """Returns the names that split_name knows, for messages."""
    return ", ".join(_SPLIT_NAMES)


def displayable(text: str) -> str:
    r"""Returns valid UTF-8 without control characters; different texts stay different.

    Bytes that are not UTF-8 (surrogates, as os.fsdecode gives them) and control characters become \xNN, and a
    backslash becomes two, so that no written-out escape can be taken for one.
    """
    escaped = text.replace("\\", "\\\\")
    valid = escaped.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return _CONTROL_CHARACTERS.sub(lambda found: f"\\x{ord(found[0]):02x}", valid)
