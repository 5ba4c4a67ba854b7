"""Whole files on a local disk, on their way to a directory that may be slow, broken, gone or hanging."""

import fcntl
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from saccade.core.artifacts import CAPTURE_GLOB
from saccade.core.errors import StorageError
from saccade.core.files import atomic_file
from saccade.core.log import logger

FIRST_RETRY_S, LAST_RETRY_S = 0.5, 30.0


class Spool:
    """Moves capture files from a local directory to the sink, oldest first, in a thread that may hang with the sink.

    Whatever the directory holds is moved, also what an earlier process left there. Several processes may share it.
    """

    def __init__(self, directory: Path, sink: Path, on_change: Callable[[Mapping[str, int]], None]) -> None:
        """on_change: gets what is to be added to `written` (records), `failed_writes` and `spooled_bytes`."""
        self.directory, self._sink, self._on_change = directory, sink, on_change
        self._known_bytes = 0
        self._measuring = threading.Lock()
        self._wake = threading.Event()
        self._closed = False
        # A daemon: a write to a dead network directory never returns, and must not keep the process.
        self._thread = threading.Thread(target=self._run, name="capture-spool", daemon=True)
        self._thread.start()

    def files_changed(self) -> None:
        """Counts the directory anew and lets the thread look for files."""
        self.measure()
        self._wake.set()

    def measure(self) -> int:
        """Returns the bytes of all files that wait, whoever wrote them."""
        with self._measuring:
            found = sum(_size(path) for path in self.directory.glob(CAPTURE_GLOB))
            change, self._known_bytes = found - self._known_bytes, found
        self._on_change({"spooled_bytes": change})
        return found

    def close(self, timeout_s: float) -> None:
        """Tries once more to move what waits, and returns after timeout_s at the latest. The rest stays on the disk."""
        self._closed = True
        self._wake.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        _remove_abandoned_drafts(self.directory)
        retry_s = FIRST_RETRY_S
        while True:
            is_last = self._closed
            self._wake.clear()
            retry_s = FIRST_RETRY_S if (moved := self._move_all()) else min(2 * retry_s, LAST_RETRY_S)
            if is_last:
                return
            if not self._closed:
                self._wake.wait(LAST_RETRY_S if moved else retry_s)

    def _move_all(self) -> bool:
        """Whether all files are moved; stops at the first that the sink refuses."""
        self.measure()
        for path in sorted(self.directory.glob(CAPTURE_GLOB)):
            try:
                self._move(path)
            except (OSError, StorageError) as error:
                self._on_change({"failed_writes": 1})
                logger.warning(f"Capture keeps its files in '{self.directory}', will try again: {error}")
                return False
            self.measure()
        return True

    def _move(self, path: Path) -> None:
        with _claimed(path) as file:
            if file is None:
                return
            if (records := _records(path)) is None:
                logger.warning(f"Capture file '{path}' is damaged and removed.")
            else:
                with atomic_file(self._sink / path.name) as draft, draft.open("wb") as copy:
                    shutil.copyfileobj(file, copy)
                self._on_change({"written": records})
            path.unlink()


@contextmanager
def _claimed(path: Path) -> Iterator[BinaryIO | None]:
    """The open file, which no other process will move while the block runs; None if another moves or has moved it."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        yield None
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        yield file if path.exists() else None


def _remove_abandoned_drafts(directory: Path) -> None:
    """Removes what processes that were killed had begun to write; in a container the next one has the same id."""
    for draft in directory.glob(f".{CAPTURE_GLOB}.*.tmp"):
        writer = draft.name.split(".")[-2]
        if writer == str(os.getpid()) or not Path("/proc", writer).exists():
            draft.unlink(missing_ok=True)


def _records(path: Path) -> int | None:
    """The number of records in a capture file, or None for a damaged one: it was written, but the machine stopped."""
    try:
        return int(pq.read_metadata(path).num_rows)
    except pa.ArrowException:
        return None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # moved a moment ago
        return 0
