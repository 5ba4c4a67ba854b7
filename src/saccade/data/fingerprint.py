"""What tells one state of the user's data from another, before any of it is imported."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from saccade.core.files import sha256_of


def fingerprint(sources: Sequence[str]) -> str:
    """Returns a digest that changes when a source's content does.

    A file counts by its bytes, a folder by the relative path, size and modification time of every file in it (reading
    all of them would cost as much as importing them), a name such as `digits` by itself. Images that a table names by
    path count by their path alone: after changing such files, import into a new directory.
    """
    digest = hashlib.sha256()
    for source in sources:
        path = _path(source)
        digest.update(f"{source}\n".encode("utf-8", "surrogateescape"))
        if path.is_file():
            digest.update(sha256_of(path).encode())
        elif path.is_dir():
            for line in sorted(_file_lines(path)):
                digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _path(source: str) -> Path:
    """Returns the path that a source names, without the labels that may follow an archive's path after a colon."""
    whole = Path(source)
    return whole if whole.exists() else Path(source.rpartition(":")[0] or source)


def _file_lines(folder: Path) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    stats = [(path.relative_to(folder), path.stat()) for path in files]
    return [f"{name}\t{stat.st_size}\t{stat.st_mtime_ns}\n" for name, stat in stats]
