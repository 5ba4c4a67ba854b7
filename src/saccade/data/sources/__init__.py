"""One file a source of images. open_source() is the way in."""

import tarfile
import zipfile
from pathlib import Path

from saccade.core.errors import DataError, UsageError
from saccade.data.sources.cifar import LABEL_KINDS, REMOTES, download_cifar, open_cifar
from saccade.data.sources.digits import open_digits
from saccade.data.sources.folder import open_folder
from saccade.data.sources.source import Source, displayable
from saccade.data.sources.table import open_table
from saccade.data.sources.zip_archive import open_zip

KINDS = (
    "a folder or zip of class folders, a CSV or Parquet table, an original CIFAR archive, cifar10, cifar100 or digits"
)
_TABLE_SUFFIXES = (".csv", ".parquet")


def open_source(text: str) -> Source:
    """Returns the source that text names, listed and checked as far as that goes without reading the images.

    text: "digits", "cifar10", "cifar100" or a path; "cifar100" and a path to its archive may end in ":coarse" or
    ":fine". A folder that bears one of the names is given as ./cifar10.
    Raises UsageError for a missing path or a file of no known kind, and what the source's own function raises.
    """
    if text == "digits":
        return open_digits()
    name, _, label_kind = text.rpartition(":")
    if label_kind in LABEL_KINDS and name in REMOTES:
        return download_cifar(name, label_kind)
    if label_kind in LABEL_KINDS and Path(name).is_file():
        return open_cifar(Path(name), label_kind)
    if text in REMOTES:
        return download_cifar(text)
    path = Path(text).expanduser()
    if not path.exists():
        raise UsageError(f"'{displayable(text)}' does not exist. Give {KINDS}.")
    return open_folder(path) if path.is_dir() else _open_file(path)


def _open_file(path: Path) -> Source:
    if path.suffix.lower() in _TABLE_SUFFIXES:
        return open_table(path)
    if zipfile.is_zipfile(path):
        return open_zip(path)
    if path.suffix.lower() == ".zip":
        raise DataError(f"'{displayable(str(path))}' is not a whole zip. Copy or download it again.")
    if tarfile.is_tarfile(path) or path.suffix.lower() in (".gz", ".tgz"):
        return open_cifar(path)
    raise UsageError(f"'{displayable(str(path))}' is a file of no known kind. Give {KINDS}.")
