"""Capture files that wait on a local disk while their directory is broken or hangs."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from saccade.core.artifacts import CAPTURE_GLOB
from saccade.serving.capture import CaptureStats, CaptureWriter, record_bytes
from tests.unit.serving.test_capture import record, rows

OLD = "capture-0.parquet"  # of an earlier process: first in line, and not ours by its name


class Disks:
    """A spool, a sink, and a process that dies without closing its writer."""

    def __init__(self, directory: Path) -> None:
        self.spool, self.sink = directory / "spool", directory / "sink"

    def writer(self, **options: int) -> CaptureWriter:
        return CaptureWriter(self.sink, spool_dir=self.spool, idle_seconds=0.01, **options)

    def leave(self, *request_ids: str) -> None:
        """Puts a file of these records into the spool, whole, as an earlier process would have."""
        earlier = CaptureWriter(self.spool.with_name("earlier"))
        for name in request_ids:
            earlier.add(record(name))
        earlier.close(60)
        self.spool.mkdir(exist_ok=True)
        (file,) = self.spool.with_name("earlier").glob(CAPTURE_GLOB)
        file.rename(self.spool / OLD)

    def sink_ids(self) -> list[str]:
        return [row["request_id"] for row in rows(self.sink)]


@pytest.fixture
def disks(tmp_path: Path) -> Disks:
    return Disks(tmp_path)


@pytest.fixture
def hanging(disks: Disks) -> Iterator[Path]:
    """A sink in which the first write blocks for ever: opening a pipe that nobody reads."""
    disks.leave("old")
    disks.sink.mkdir()
    pipe = disks.sink / f".{OLD}.{os.getpid()}.tmp"
    os.mkfifo(pipe)
    yield pipe
    if pipe.exists():
        release(pipe)


def release(pipe: Path) -> bytes:
    with pipe.open("rb") as reader:
        return reader.read()


def test_records_pass_through_the_spool_and_leave_it_empty(disks):
    writer = disks.writer()
    for name in "abc":
        writer.add(record(name))
    assert writer.close(60) == CaptureStats(added=3, written=3)
    assert disks.sink_ids() == ["a", "b", "c"]
    assert list(disks.spool.iterdir()) == []


def test_broken_sink_fills_the_spool_and_is_caught_up_with(disks, wait_until):
    disks.sink.write_text("in the way")
    writer = disks.writer()
    writer.add(record("a"))
    wait_until(lambda: writer.stats().failed_writes)
    spooled = writer.stats()
    assert (spooled.queued_bytes, spooled.written, spooled.dropped) == (0, 0, 0)
    assert spooled.spooled_bytes == sum(file.stat().st_size for file in disks.spool.glob(CAPTURE_GLOB)) > 0
    disks.sink.unlink()
    wait_until(lambda: writer.stats().written == 1)
    assert disks.sink_ids() == ["a"]
    assert writer.close(60).spooled_bytes == 0


def test_hanging_sink_takes_spool_then_memory_then_drops(disks, hanging, wait_until):
    size = record_bytes(record("a"))
    writer = disks.writer(queue_bytes=4 * size, spool_bytes=20_000)
    for number in range(200):
        writer.add(record(str(number)))
        wait_until(lambda: writer.stats().queued_bytes == 0 or writer.stats().failed_writes)
    stats = writer.stats()
    assert stats.written == 0
    assert 0 < stats.spooled_bytes <= 20_000
    assert 0 < stats.queued_bytes <= 4 * size
    assert 0 < stats.dropped < 200
    assert release(hanging)[:4] == b"PAR1"
    (disks.sink / OLD).unlink()  # the pipe, under the name of the file
    final = writer.close(60)
    kept = disks.sink_ids()
    assert len(kept) == final.added - final.dropped
    assert len(set(kept)) == len(kept)


def test_close_returns_while_the_sink_hangs_and_leaves_files_for_the_next_process(disks, hanging, wait_until):
    writer = disks.writer()
    writer.add(record("new"))
    wait_until(lambda: len(list(disks.spool.glob(CAPTURE_GLOB))) == 2)
    stats = writer.close(timeout_s=0.2)
    assert (stats.added, stats.written, stats.dropped) == (1, 0, 0)
    assert len(list(disks.spool.glob(CAPTURE_GLOB))) == 2


def test_files_of_an_earlier_process_are_delivered(disks):
    disks.leave("a", "b")
    writer = disks.writer()
    assert writer.close(60) == CaptureStats(written=2)
    assert disks.sink_ids() == ["a", "b"]


def test_damaged_file_is_removed_and_holds_nobody_up(disks):
    disks.leave("a")
    (disks.spool / "capture-00.parquet").write_bytes(b"PAR1 the machine stopped here")
    assert disks.writer().close(60).written == 1
    assert disks.sink_ids() == ["a"]
    assert list(disks.spool.iterdir()) == []


def test_drafts_of_dead_processes_are_removed_and_those_of_others_kept(disks):
    disks.spool.mkdir()
    dead, own, other = (disks.spool / f".capture-1.parquet.{pid}.tmp" for pid in (2**22 + 1, os.getpid(), os.getppid()))
    for draft in (dead, own, other):
        draft.touch()
    disks.writer().close(60)
    assert list(disks.spool.iterdir()) == [other]


def test_two_writers_of_one_spool_deliver_every_record_once(disks):
    writers = [disks.writer(flush_rows=5) for _ in range(2)]

    def add(number: int) -> None:
        for count in range(100):
            writers[number].add(record(f"{number}-{count}"))

    threads = [threading.Thread(target=add, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stats = [writer.close(60) for writer in writers]
    assert sum(each.written for each in stats) == 200
    assert sorted(disks.sink_ids()) == sorted(f"{number}-{count}" for number in range(2) for count in range(100))


def test_record_larger_than_the_spool_is_dropped(disks):
    writer = disks.writer(spool_bytes=10_000)
    writer.add(record("a", bytes(20_000)))
    assert writer.close(60) == CaptureStats(added=1, dropped=1)
