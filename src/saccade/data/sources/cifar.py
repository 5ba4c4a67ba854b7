"""CIFAR-10 and CIFAR-100 from their original archives, Python and binary versions.

Source: Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html. An image is 3,072 bytes: 32 x 32 red, then green,
then blue. The binary versions put one label byte (CIFAR-10) or a coarse and a fine one (CIFAR-100) before each image.
"""

import pickle
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from saccade.core.errors import DataError, UsageError
from saccade.core.settings import read_settings
from saccade.data.batches import map_in_order
from saccade.data.sources.download import Remote, fetch
from saccade.data.sources.png import encode_png
from saccade.data.sources.source import Record, Source, displayable

SIDE_PX = 32
IMAGE_BYTES = 3 * SIDE_PX * SIDE_PX
LABEL_KINDS = ("fine", "coarse")
REMOTES = {
    "cifar10": Remote(
        "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a", 170_498_071
    ),
    "cifar100": Remote(
        "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz", "eb9058c3a382ffc7106e4002c42a8d85", 169_001_437
    ),
}
MAX_BYTES = 256 << 20  # of all members; the real archives hold 186 MB
_ENCODE_THREADS = 2
_ENCODE_IMAGES = 256
_SPLITS = {
    **{f"data_batch_{number}{suffix}": "train" for number in range(1, 6) for suffix in ("", ".bin")},
    "train": "train",
    "train.bin": "train",
    "test": "test",
    "test.bin": "test",
    "test_batch": "test",
    "test_batch.bin": "test",
}
_NAME_FILES = {"batches.meta.txt": "label_names", "fine_label_names.txt": "fine", "coarse_label_names.txt": "coarse"}
_META_FILES = ("batches.meta", "meta")
_META_KEYS = {b"label_names": "label_names", b"fine_label_names": "fine", b"coarse_label_names": "coarse"}
_LABEL_KEYS = {b"labels": "label_names", b"fine_labels": "fine", b"coarse_labels": "coarse"}


_ARCHIVE_ERRORS = (
    tarfile.TarError,
    zlib.error,
    pickle.UnpicklingError,
    OSError,
    EOFError,
    KeyError,  # this and the next: the dictionary holds other things than arrays and names
    ValueError,
    TypeError,
    AttributeError,
    OverflowError,
)


class _Part(NamedTuple):
    """One file of the archive."""

    split: str
    names: list[str]
    labels: dict[str, np.ndarray]  # kind -> (N,) class numbers
    pixels: np.ndarray  # (N, 3072) uint8


@dataclass
class _Content:
    """What has been found in an archive."""

    parts: list[_Part] = field(default_factory=list)
    classes: dict[str, list[str]] = field(default_factory=dict)  # kind -> names
    size: int = 0  # bytes of the members


def download_cifar(name: str, label_kind: str = "fine") -> Source:
    """Returns "cifar10" or "cifar100" from the cache directory, downloaded there first if need be."""
    path = fetch(REMOTES[name], read_settings().cache_dir / "downloads")
    return open_cifar(path, label_kind)


def open_cifar(path: Path, label_kind: str = "fine") -> Source:
    """Returns an original archive as a source; every image becomes a PNG.

    label_kind: "fine" or "coarse" for CIFAR-100's 100 classes or 20 groups. CIFAR-10 has "fine" only.
    The archive's pixels (184 MB for a whole one) are held in memory: its members come in no useful order.
    Raises DataError for an archive that is damaged or no CIFAR, UsageError for a label kind that it does not have.
    """
    location = displayable(str(path))
    content = _read_archive(path, location)
    kind = "label_names" if "label_names" in content.classes and label_kind == "fine" else label_kind
    if kind not in content.classes:
        raise UsageError(f"'{location}' has no {label_kind} labels: only CIFAR-100 has fine and coarse ones.")
    _check(content, kind, location)
    return Source(
        kind="cifar",
        location=location if label_kind == "fine" else f"{location}:{label_kind}",
        labels=frozenset(content.classes[kind]),
        count=sum(len(part.names) for part in content.parts),
        read=partial(_read, content, kind),
    )


def _read_archive(path: Path, location: str) -> _Content:
    content = _Content()
    try:
        with tarfile.open(path, "r|*") as archive:
            for member in archive:
                _read_member(archive, member, content)
    except _ARCHIVE_ERRORS as error:
        raise DataError(f"'{location}' is not a whole CIFAR archive: {error}. Download it again.") from error
    if not content.parts or not content.classes:
        raise DataError(
            f"'{location}' is a tar archive but not one of CIFAR's. Unpack it, and give the folder of class folders."
        )
    return content


def _read_member(archive: tarfile.TarFile, member: tarfile.TarInfo, content: _Content) -> None:
    name = member.name.rpartition("/")[2]
    is_known = name in _SPLITS or name in _NAME_FILES or name in _META_FILES
    file = archive.extractfile(member) if is_known and member.isfile() else None
    if file is None:
        return
    content.size += member.size
    if content.size > MAX_BYTES:
        raise ValueError(f"its members claim more than {MAX_BYTES:,} bytes")
    if name in _NAME_FILES:
        content.classes[_NAME_FILES[name]] = file.read().decode("ascii").split()
    elif name in _META_FILES:
        meta = load_arrays(file)
        content.classes.update(
            {kind: [text.decode("ascii") for text in meta[key]] for key, kind in _META_KEYS.items() if key in meta}
        )
    elif name.endswith(".bin"):
        content.parts.append(_binary_part(name, file.read()))
    else:
        content.parts.append(_python_part(name, load_arrays(file)))


def _python_part(name: str, content: dict[bytes, Any]) -> _Part:
    labels = {kind: np.asarray(content[key], np.int64) for key, kind in _LABEL_KEYS.items() if key in content}
    names = [f"{name}/{filename.decode('utf-8', 'backslashreplace')}" for filename in content[b"filenames"]]
    return _Part(_SPLITS[name], names, labels, np.asarray(content[b"data"], np.uint8))


def _binary_part(name: str, content: bytes) -> _Part:
    kinds = ("coarse", "fine") if name in ("train.bin", "test.bin") else ("label_names",)
    rows = np.frombuffer(content, np.uint8).reshape(-1, len(kinds) + IMAGE_BYTES)
    labels = {kind: rows[:, column].astype(np.int64) for column, kind in enumerate(kinds)}
    names = [f"{name}/{number:05}.png" for number in range(len(rows))]
    return _Part(_SPLITS[name], names, labels, rows[:, len(kinds) :])


def _check(content: _Content, kind: str, location: str) -> None:
    classes = len(content.classes[kind])
    for part in content.parts:
        count = len(part.names)
        labels = part.labels.get(kind, np.empty(0))
        is_whole = part.pixels.shape == (count, IMAGE_BYTES) and labels.shape == (count,)
        if not is_whole or np.any((labels < 0) | (labels >= classes)):
            raise DataError(
                f"'{location}' is damaged: its images, labels and class names do not match. Download it again."
            )


def _read(content: _Content, kind: str) -> Iterator[Record]:
    classes = content.classes[kind]
    for part in sorted(content.parts, key=lambda part: part.names[:1]):
        encode = partial(_encode, part, [classes[label] for label in part.labels[kind]])
        for records in map_in_order(encode, range(0, len(part.names), _ENCODE_IMAGES), _ENCODE_THREADS):
            yield from records


def _encode(part: _Part, labels: list[str], start: int) -> list[Record]:
    rows = range(start, min(start + _ENCODE_IMAGES, len(labels)))
    images = part.pixels[rows.start : rows.stop].reshape(-1, 3, SIDE_PX, SIDE_PX).transpose(0, 2, 3, 1)
    return [
        Record(displayable(part.names[row]), labels[row], part.split, encode_png(image))
        for row, image in zip(rows, images, strict=True)
    ]


def load_arrays(file: IO[bytes]) -> dict[bytes, Any]:
    """Returns the dictionary in a pickle of builtins and uint8 arrays.

    A pickle can name any function to call, and a hostile one can break numpy itself: every name that CIFAR's archives
    do not use raises pickle.UnpicklingError, and numpy's own names get stand-ins that only keep bytes.
    """
    try:
        content = _ArrayUnpickler(file, encoding="bytes").load()
        return {key: value.array() if isinstance(value, _PickledArray) else value for key, value in content.items()}
    except Exception as error:  # a damaged pickle may raise anything
        raise pickle.UnpicklingError(str(error)) from error


class _PickledType:
    """Stands for numpy.dtype."""

    def __init__(self, name: bytes | str, *_: object) -> None:
        self.is_uint8 = name in (b"u1", "u1")

    def __setstate__(self, state: object) -> None:
        """Byte order and the like, which bytes have none of."""


class _PickledArray:
    """Stands for numpy.ndarray."""

    def __setstate__(self, state: tuple[int, tuple[int, ...], _PickledType, bool, bytes]) -> None:
        _, self.shape, self.type, self.is_column_major, self.data = state

    def array(self) -> np.ndarray:
        """Returns the array, uint8."""
        if not self.type.is_uint8:
            raise pickle.UnpicklingError("it holds an array of another type than uint8")
        return np.frombuffer(self.data, np.uint8).reshape(self.shape, order="F" if self.is_column_major else "C")


def _reconstruct(*_: object) -> _PickledArray:
    return _PickledArray()


_STAND_INS = {
    ("numpy", "ndarray"): _PickledArray,
    ("numpy", "dtype"): _PickledType,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,  # as newer versions of numpy write it
}


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _STAND_INS:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which no CIFAR archive does")
        return _STAND_INS[module, name]
