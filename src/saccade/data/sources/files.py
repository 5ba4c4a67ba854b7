"""Files on a disk, read by a few threads, in order."""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from saccade.data.batches import batches, map_in_order
from saccade.data.sources.source import MAX_FILE_BYTES, Fault, Record

# A disk answers a few requests at once better than one; more than this only queue (2 cores, local SSD).
READ_THREADS = 4
CHUNK_FILES = 64
CHUNK_BYTES = 8 << 20


class File(NamedTuple):
    """A file to be read. Its record is this without path and size, and with the bytes."""

    path: Path
    size: int  # bytes, as listed
    name: str
    label: str | None
    split: str | None
    fault: Fault | None = None


def read_files(files: Iterable[File]) -> Iterator[Record]:
    """Yields one record a file, in order. A file that cannot be read gives a record with a fault."""
    chunks = batches(files, lambda file: file.size, CHUNK_FILES, CHUNK_BYTES)
    for records in map_in_order(_read_chunk, chunks, READ_THREADS):
        yield from records


def stat_fault(path: Path) -> tuple[int, Fault | None]:
    """Returns the size of a file in bytes, or 0 and why it must not be opened."""
    try:
        status = os.stat(path)  # noqa: PTH116  # half the time of Path.stat, for every file of a folder
    except OSError as error:
        return 0, Fault("unreadable", f"cannot be opened: {os.strerror(error.errno or 0)}")
    except ValueError as error:  # a null byte in a table's path
        return 0, Fault("unreadable", f"cannot be opened: {error}")
    if not stat.S_ISREG(status.st_mode):  # opening a named pipe would wait forever
        return 0, Fault("not_an_image", "is not a regular file")
    return status.st_size, size_fault(status.st_size)


def size_fault(size: int) -> Fault | None:
    """Returns the fault of a file of so many bytes, if it has one."""
    if size == 0:
        return Fault("empty", "has no bytes")
    if size > MAX_FILE_BYTES:
        return Fault("too_large", f"has {size:,} bytes; at most {MAX_FILE_BYTES:,} are read")
    return None


def _read_chunk(files: list[File]) -> list[Record]:
    return [_read(file) for file in files]


def _read(file: File) -> Record:
    if file.fault:
        return Record(file.name, file.label, file.split, b"", file.fault)
    try:
        with file.path.open("rb") as opened:
            data = opened.read(file.size + 1)
    except OSError as error:
        fault = Fault("unreadable", f"cannot be read: {os.strerror(error.errno or 0)}")
        return Record(file.name, file.label, file.split, b"", fault)
    return Record(file.name, file.label, file.split, data, None if data else size_fault(0))
