"""One file from the network: resumed where it broke off, and kept only if its checksum is right."""

import hashlib
import http.client
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from saccade.core.errors import DataError, UsageError
from saccade.core.files import storage_errors
from saccade.core.progress import progress

TIMEOUT_S = 30
BLOCK_BYTES = 1 << 20


class Remote(NamedTuple):
    """A file whose publisher tells its size and checksum."""

    url: str
    md5: str
    size: int  # bytes

    @property
    def name(self) -> str:
        """The file's name."""
        return self.url.rpartition("/")[2]


def fetch(remote: Remote, directory: Path) -> Path:
    """Returns the file in directory, downloading what is missing of it.

    A download that breaks off leaves NAME.part, and the next call asks for the rest only.
    Raises UsageError with the manual step when the network does not give the file, DataError for a wrong checksum.
    """
    target = directory / remote.name
    if target.exists():
        return target
    part = target.with_name(f"{remote.name}.part")
    with storage_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)
    try:
        _download(remote, part)
    except (OSError, http.client.HTTPException) as error:
        raise UsageError(
            f"Cannot download {remote.url}: {getattr(error, 'reason', error)}. Run the same command again to resume, "
            f"or get the file by hand ({remote.size:,} bytes, md5 {remote.md5}) and give its path with --data, or put "
            f"it at '{target}'."
        ) from error
    _check(remote, part)
    part.replace(target)
    return target


def _download(remote: Remote, part: Path) -> None:
    have = part.stat().st_size if part.exists() else 0
    if have >= remote.size:
        return
    request = urllib.request.Request(remote.url, headers={"Range": f"bytes={have}-"} if have else {})
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
        resumes = response.status == http.client.PARTIAL_CONTENT
        with progress(remote.size, f"Downloading {remote.name}", "B") as shown:
            shown.update(have if resumes else 0)
            _append(response, part, "ab" if resumes else "wb", shown.update)
    if part.stat().st_size < remote.size:
        raise http.client.HTTPException("the connection ended early")


def _append(response: http.client.HTTPResponse, part: Path, mode: str, count: Callable[[int], object]) -> None:
    with storage_errors(part.parent), part.open(mode) as file:
        while block := response.read(BLOCK_BYTES):
            file.write(block)
            count(len(block))


def _check(remote: Remote, part: Path) -> None:
    with part.open("rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if found != remote.md5:
        part.unlink()
        raise DataError(
            f"{remote.url} gave a file with md5 {found} where {remote.md5} is published; it was deleted. Run again, or "
            "get the file from another place and give its path with --data."
        )
