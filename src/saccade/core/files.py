"""Writing that is whole or not there: to a temporary name beside the target, then a rename."""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from saccade.core.errors import StorageError


@contextlib.contextmanager
def atomic_directory(target: Path) -> Iterator[Path]:
    """Yields an empty directory beside target that becomes target when the block ends without an error.

    An older target is replaced only then. On an error nothing is left behind and the older target stays.
    Raises StorageError when the disk is full or read-only.
    """
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(target)
        draft = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=f".{os.getpid()}.tmp", dir=target.parent))
    try:
        with storage_errors(target):
            yield draft
            draft.chmod(0o755)
            _replace_directory(draft, target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@contextlib.contextmanager
def atomic_file(target: Path) -> Iterator[Path]:
    """Yields a temporary path beside target that is renamed to target when the block ends without an error."""
    draft = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with storage_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            yield draft
            draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def write_json(target: Path, content: Any) -> None:
    """Writes content as readable JSON, whole or not at all."""
    with atomic_file(target) as draft:
        draft.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def sha256_of(path: Path) -> str:
    """Returns the hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def storage_errors(target: Path) -> Iterator[None]:
    """Turns the operating system's refusal to write into a StorageError that names the place."""
    try:
        yield
    except OSError as error:
        reason = _STORAGE_REASONS.get(error.errno or 0)
        if reason is None:
            raise
        raise StorageError(f"Cannot write '{target}': {reason}") from error


_STORAGE_REASONS = {
    errno.ENOSPC: "the disk is full. Free some space or choose another --out, then run the same command again.",
    errno.EDQUOT: "the disk quota is used up. Choose another --out, then run the same command again.",
    errno.EROFS: "the file system is read-only. Choose another directory with --out.",
    errno.EACCES: "permission denied. Choose another directory with --out.",
    errno.EEXIST: "a part of the path is a file. Choose another directory with --out.",
    errno.ENOTDIR: "a part of the path is not a directory. Choose another directory with --out.",
}


def _replace_directory(draft: Path, target: Path) -> None:
    if not target.exists():
        draft.rename(target)
        return
    # POSIX cannot swap two non-empty directories portably: step aside, move in, then remove the old one.
    aside = target.with_name(f".{target.name}.{os.getpid()}.old.tmp")
    target.rename(aside)
    draft.rename(target)
    shutil.rmtree(aside, ignore_errors=True)


def _remove_abandoned(target: Path) -> None:
    """Removes drafts of target whose process is gone, as after kill -9."""
    for draft in target.parent.glob(f".{target.name}.*.tmp"):
        process_id = draft.name.removesuffix(".tmp").removesuffix(".old").rpartition(".")[2]
        if process_id.isdigit() and not Path(f"/proc/{process_id}").exists():
            if draft.name.endswith(".old.tmp") and not target.exists():
                draft.rename(target)
            else:
                shutil.rmtree(draft, ignore_errors=True)
