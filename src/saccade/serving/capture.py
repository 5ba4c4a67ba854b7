"""One record an answered image, written in the background: a slow or broken disk never delays an answer."""

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import accumulate, takewhile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from saccade.core.artifacts import CAPTURE_GLOB, CAPTURE_SCHEMA, IMAGE_STATISTICS
from saccade.core.errors import StorageError
from saccade.core.files import atomic_file
from saccade.core.log import logger
from saccade.serving.spool import FIRST_RETRY_S, LAST_RETRY_S, Spool

RECORD_OVERHEAD_BYTES = 2048  # the Python objects of one record beside its arrays and its image
CLOSE_S = 8.0  # beside the 20 s for requests under way, of the 30 s that a process has to stop


@dataclass(frozen=True)
class CaptureStats:
    """Counts since the writer was made. added = written + dropped + what waits in memory or in the spool."""

    added: int = 0
    written: int = 0  # in files of the directory, also what an earlier process had left in the spool
    dropped: int = 0
    failed_writes: int = 0
    queued_bytes: int = 0
    spooled_bytes: int = 0  # of files that wait in the spool, whoever wrote them


class CaptureWriter:
    """Takes records without ever waiting and writes them to Parquet files of CAPTURE_SCHEMA in one thread.

    A file is written when flush_rows records or a quarter of queue_bytes wait, when the oldest waits for flush_seconds,
    or when no record came for idle_seconds. TorchServe kills its worker about two seconds after it stops taking
    requests, so idle_seconds below that loses nothing at an orderly stop. When records of more than queue_bytes wait,
    new ones are dropped and counted. A write that fails is repeated until it succeeds; its records keep their place in
    the queue meanwhile.

    With a spool, files are written there, on a local disk, and a second thread moves them to the directory. While that
    is broken or hangs, they wait in the spool, up to spool_bytes; then records wait in memory as they do without it.
    What is in the spool outlives the process.
    """

    def __init__(
        self,
        directory: Path,
        *,
        queue_bytes: int = 64 << 20,
        flush_rows: int = 5000,
        flush_seconds: float = 10.0,
        idle_seconds: float = 1.0,
        spool_dir: Path | None = None,
        spool_bytes: int = 1 << 30,
        on_change: Callable[[Mapping[str, int]], None] | None = None,
    ) -> None:
        """on_change: gets every change of the counts, as what is to be added to fields of CaptureStats."""
        self._directory = directory
        self._spool_bytes, self._on_change = spool_bytes, on_change
        self._queue_bytes = queue_bytes
        self._largest_bytes = queue_bytes if spool_dir is None else min(queue_bytes, spool_bytes)
        self._file_bytes = self._largest_bytes // 4  # a file's table and its encoding take as much memory again
        self._flush_rows, self._flush_seconds, self._idle_seconds = flush_rows, flush_seconds, idle_seconds
        self._records: list[dict[str, Any]] = []
        self._first_added = self._last_added = 0.0
        self._stats = CaptureStats()
        self._waiting = self._pending_bytes = self._files = 0
        self._closed = False
        self._changed = threading.Condition()
        self._spool = None if spool_dir is None else Spool(spool_dir, directory, self._spool_changed)
        # A daemon, because Python joins other threads before it runs the exit handler that closes this writer.
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._thread.start()

    def add(self, record: dict[str, Any]) -> None:
        """Queues one record, or drops and counts it when the queue is full. Never waits for the disk."""
        size = record_bytes(record)
        with self._changed:
            has_room = self._stats.queued_bytes + size <= self._queue_bytes and size <= self._largest_bytes
            fits = has_room and not self._closed
            self._count(added=1, dropped=int(not fits), queued_bytes=size if fits else 0)
            if not fits:
                return
            self._last_added = time.monotonic()
            was_enough = self._is_enough()
            self._waiting += 1
            self._records.append(record)
            self._pending_bytes += size
            if len(self._records) == 1:
                self._first_added = self._last_added
            if len(self._records) == 1 or (self._is_enough() and not was_enough):
                self._changed.notify()

    def stats(self) -> CaptureStats:
        """The counts of this moment."""
        with self._changed:
            return self._stats

    def close(self, timeout_s: float = CLOSE_S) -> CaptureStats:
        """Writes what waits and returns the final counts, after timeout_s at the latest, also while the disk hangs.

        What cannot be written by then is dropped and counted; what is in the spool stays there for the next process.
        """
        deadline = time.monotonic() + timeout_s
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(timeout_s)
        if self._spool is not None:
            self._spool.close(max(deadline - time.monotonic(), 0))
        if self._thread.is_alive():
            self._give_up()
        stats = self.stats()
        logger.info(f"Capture in '{self._directory}' closed: {stats}")
        return stats

    def _give_up(self) -> None:
        """Counts what waits as dropped: the thread hangs in a write and will not be waited for."""
        with self._changed:
            self._count(dropped=self._waiting, queued_bytes=-self._stats.queued_bytes)

    def _run(self) -> None:
        while batch := self._next_batch():
            self._write_persistently(batch)

    def _next_batch(self) -> list[dict[str, Any]]:
        """Waits for records that are due and returns them; none when the writer is closed and empty."""
        with self._changed:
            while not self._closed and (wait_s := self._seconds_until_due()) != 0:
                self._changed.wait(wait_s)
            count = _fitting(self._records, self._file_bytes)
            records, self._records = self._records[:count], self._records[count:]
            self._pending_bytes -= sum(map(record_bytes, records))
        return records

    def _seconds_until_due(self) -> float | None:
        if not self._records:
            return None
        if self._is_enough():
            return 0
        due = min(self._first_added + self._flush_seconds, self._last_added + self._idle_seconds)
        return max(due - time.monotonic(), 0)

    def _is_enough(self) -> bool:
        """Whether the records fill a file."""
        return len(self._records) >= self._flush_rows or self._pending_bytes >= self._file_bytes

    def _write_persistently(self, records: list[dict[str, Any]]) -> None:
        size = sum(map(record_bytes, records))
        retry_s = FIRST_RETRY_S
        while not self._written(records):
            with self._changed:
                if self._closed:
                    self._waiting -= len(records)
                    self._count(dropped=len(records), queued_bytes=-size)
                    return
                self._changed.wait(retry_s)
            retry_s = min(2 * retry_s, LAST_RETRY_S)
        with self._changed:
            self._waiting -= len(records)
            self._count(written=0 if self._spool else len(records), queued_bytes=-size)

    def _written(self, records: list[dict[str, Any]]) -> bool:
        try:
            self._check_room(records)
            with atomic_file(self._next_path()) as draft:
                table = pa.Table.from_pylist(records, schema=CAPTURE_SCHEMA)
                # Embeddings and scores hardly repeat: a dictionary of them would only cost time and space.
                pq.write_table(table, draft, compression="zstd", use_dictionary=["model", "version", "label"])
        except (OSError, StorageError) as error:
            with self._changed:
                self._count(failed_writes=1)
                stats = self._stats
            logger.warning(f"Capture could not write {len(records)} records, will try again: {error} {stats}")
            return False
        if self._spool is not None:
            self._spool.files_changed()
        return True

    def _check_room(self, records: list[dict[str, Any]]) -> None:
        """Raises StorageError when the spool might grow beyond its limit."""
        if self._spool is None:
            return
        needed, held = sum(map(record_bytes, records)), self._spool.measure()
        if held + needed > self._spool_bytes:
            raise StorageError(
                f"'{self._spool.directory}' holds {held:,} of at most {self._spool_bytes:,} bytes that wait for "
                f"'{self._directory}', and {needed:,} more do not fit."
            )

    def _spool_changed(self, changes: Mapping[str, int]) -> None:
        with self._changed:
            self._count(**changes)
            if "written" in changes:
                self._changed.notify()  # there is room again

    def _next_path(self) -> Path:
        self._files += 1
        written = datetime.now(tz=UTC).strftime("%Y%m%dT%H%M%S%f")
        directory = self._directory if self._spool is None else self._spool.directory
        return directory / CAPTURE_GLOB.replace("*", f"{written}-{os.getpid()}-{self._files}")

    def _count(self, **changes: int) -> None:
        """Adds changes to the counts. The caller holds the lock."""
        self._stats = replace(self._stats, **{name: getattr(self._stats, name) + n for name, n in changes.items()})
        if self._on_change is not None:
            self._on_change(changes)


def _fitting(records: Sequence[dict[str, Any]], most_bytes: int) -> int:
    """Returns how many of the first records have most_bytes together, at least one."""
    sizes = accumulate(map(record_bytes, records))
    return max(sum(1 for _ in takewhile(lambda size: size <= most_bytes, sizes)), 1)


def capture_record(
    answer: Any, names: Sequence[str], *, request_id: str, model: str, version: str, image: bytes | None
) -> dict[str, Any]:
    """Returns the row of CAPTURE_SCHEMA for one answer of the predictor.

    names: the class names.   image: the encoded bytes, or None to keep only what was measured.
    """
    return {
        "request_id": request_id,
        "time": datetime.now(tz=UTC),
        "model": model,
        "version": version,
        "label": names[answer.label],
        "probability": answer.probabilities[answer.label],
        "probabilities": answer.probabilities,
        "ood_score": answer.ood_score,
        "is_ood": answer.is_ood,
        "width": answer.width,
        "height": answer.height,
        **{name: getattr(answer.statistics, name) for name in IMAGE_STATISTICS},
        "embedding": answer.features,
        "image": image,
    }


def record_bytes(record: dict[str, Any]) -> int:
    """The memory that one waiting record holds, in bytes."""
    arrays = record["probabilities"].nbytes + record["embedding"].nbytes
    return RECORD_OVERHEAD_BYTES + int(arrays) + len(record["image"] or b"")
