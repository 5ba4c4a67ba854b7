"""One record an answered image, written in the background: a slow or broken disk never delays an answer."""

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from saccade.core.artifacts import CAPTURE_GLOB, CAPTURE_SCHEMA, IMAGE_STATISTICS
from saccade.core.errors import StorageError
from saccade.core.files import atomic_file
from saccade.core.log import logger

RECORD_OVERHEAD_BYTES = 2048  # the Python objects of one record beside its arrays and its image
FIRST_RETRY_S, LAST_RETRY_S = 0.5, 30.0


@dataclass(frozen=True)
class CaptureStats:
    """Counts since the writer was made. added = written + dropped + what waits."""

    added: int = 0
    written: int = 0
    dropped: int = 0
    failed_writes: int = 0
    queued_bytes: int = 0


class CaptureWriter:
    """Takes records without ever waiting and writes them to Parquet files of CAPTURE_SCHEMA in one thread.

    A file is written when flush_rows records wait, when the oldest waits for flush_seconds, or when no record came for
    idle_seconds. TorchServe kills its worker about two seconds after it stops taking requests, so idle_seconds below
    that loses nothing at an orderly stop. When records of more than queue_bytes wait, new ones are dropped and counted.
    A write that fails is repeated until it succeeds; its records keep their place in the queue meanwhile.
    """

    def __init__(
        self,
        directory: Path,
        *,
        queue_bytes: int = 64 << 20,
        flush_rows: int = 5000,
        flush_seconds: float = 10.0,
        idle_seconds: float = 1.0,
    ) -> None:
        self._directory = directory
        self._queue_bytes = queue_bytes
        self._flush_rows, self._flush_seconds, self._idle_seconds = flush_rows, flush_seconds, idle_seconds
        self._records: list[dict[str, Any]] = []
        self._first_added = self._last_added = 0.0
        self._stats = CaptureStats()
        self._files = 0
        self._closed = False
        self._changed = threading.Condition()
        # A daemon, because Python joins other threads before it runs the exit handler that closes this writer.
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._thread.start()

    def add(self, record: dict[str, Any]) -> None:
        """Queues one record, or drops and counts it when the queue is full. Never waits for the disk."""
        size = record_bytes(record)
        with self._changed:
            fits = not self._closed and self._stats.queued_bytes + size <= self._queue_bytes
            self._count(added=1, dropped=int(not fits), queued_bytes=size if fits else 0)
            if not fits:
                return
            self._last_added = time.monotonic()
            self._records.append(record)
            if len(self._records) == 1:
                self._first_added = self._last_added
                self._changed.notify()
            elif len(self._records) == self._flush_rows:
                self._changed.notify()

    def stats(self) -> CaptureStats:
        """The counts of this moment."""
        with self._changed:
            return self._stats

    def close(self, timeout_s: float = 10.0) -> CaptureStats:
        """Writes what waits and returns the final counts. What cannot be written now is dropped and counted."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(timeout_s)
        stats = self.stats()
        logger.info(f"Capture in '{self._directory}' closed: {stats}")
        return stats

    def _run(self) -> None:
        while batch := self._next_batch():
            self._write_persistently(batch)

    def _next_batch(self) -> list[dict[str, Any]]:
        """Waits for records that are due and returns them; none when the writer is closed and empty."""
        with self._changed:
            while not self._closed and (wait_s := self._seconds_until_due()) != 0:
                self._changed.wait(wait_s)
            records, self._records = self._records, []
        return records

    def _seconds_until_due(self) -> float | None:
        if not self._records:
            return None
        if len(self._records) >= self._flush_rows:
            return 0
        due = min(self._first_added + self._flush_seconds, self._last_added + self._idle_seconds)
        return max(due - time.monotonic(), 0)

    def _write_persistently(self, records: list[dict[str, Any]]) -> None:
        size = sum(map(record_bytes, records))
        retry_s = FIRST_RETRY_S
        while not self._written(records):
            with self._changed:
                if self._closed:
                    self._count(dropped=len(records), queued_bytes=-size)
                    return
                self._changed.wait(retry_s)
            retry_s = min(2 * retry_s, LAST_RETRY_S)
        with self._changed:
            self._count(written=len(records), queued_bytes=-size)

    def _written(self, records: list[dict[str, Any]]) -> bool:
        try:
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
        return True

    def _next_path(self) -> Path:
        self._files += 1
        written = datetime.now(tz=UTC).strftime("%Y%m%dT%H%M%S%f")
        return self._directory / CAPTURE_GLOB.replace("*", f"{written}-{os.getpid()}-{self._files}")

    def _count(self, **changes: int) -> None:
        """Adds changes to the counts. The caller holds the lock."""
        self._stats = replace(self._stats, **{name: getattr(self._stats, name) + n for name, n in changes.items()})


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
