import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest

from saccade.core.artifacts import CAPTURE_GLOB, CAPTURE_SCHEMA
from saccade.serving.capture import CaptureStats, CaptureWriter, capture_record, record_bytes

STATISTICS = SimpleNamespace(brightness=0.5, contrast=0.25, sharpness=2.0, saturation=0.75, entropy=4.0)
ANSWER = SimpleNamespace(
    label=1,
    probabilities=np.array([0.25, 0.75], np.float32),
    ood_score=-1.5,
    is_ood=False,
    width=12,
    height=10,
    statistics=STATISTICS,
    features=np.array([1.0, 2.0, 3.0], np.float32),
)


def record(request_id: str, image: bytes | None = None) -> dict:
    return capture_record(ANSWER, ["cat", "dog"], request_id=request_id, model="pets", version="3", image=image)


def rows(directory: Path) -> list[dict]:
    return [row for file in sorted(directory.glob(CAPTURE_GLOB)) for row in pq.read_table(file).to_pylist()]


def test_record_holds_the_answer_and_what_was_measured(tmp_path):
    before = datetime.now(tz=UTC)
    writer = CaptureWriter(tmp_path)
    writer.add(record("a", b"image"))
    writer.close(60)
    (row,) = rows(tmp_path)
    assert before - timedelta(seconds=1) < row.pop("time") <= datetime.now(tz=UTC)
    assert row == {
        "request_id": "a",
        "model": "pets",
        "version": "3",
        "label": "dog",
        "probability": 0.75,
        "probabilities": [0.25, 0.75],
        "ood_score": -1.5,
        "is_ood": False,
        "width": 12,
        "height": 10,
        **vars(STATISTICS),
        "embedding": [1.0, 2.0, 3.0],
        "image": b"image",
    }


def test_file_has_the_schema_of_captures(tmp_path):
    writer = CaptureWriter(tmp_path)
    writer.add(record("a"))
    writer.close(60)
    (file,) = tmp_path.glob(CAPTURE_GLOB)
    assert pq.read_schema(file) == CAPTURE_SCHEMA


def test_records_of_many_threads_are_all_written_in_few_files(tmp_path):
    writer = CaptureWriter(tmp_path, flush_rows=100)

    def add(thread: int) -> None:
        for number in range(100):
            writer.add(record(f"{thread}-{number}"))

    threads = [threading.Thread(target=add, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert writer.close(60) == CaptureStats(added=400, written=400)
    expected = {f"{thread}-{number}" for thread in range(4) for number in range(100)}
    assert sorted(row["request_id"] for row in rows(tmp_path)) == sorted(expected)
    assert len(list(tmp_path.glob(CAPTURE_GLOB))) <= 5


def test_records_are_written_when_none_came_for_a_while(tmp_path, wait_until):
    writer = CaptureWriter(tmp_path, idle_seconds=0.05, flush_seconds=1000)
    writer.add(record("a"))
    wait_until(lambda: writer.stats().written == 1)
    writer.close(60)


def test_records_are_written_while_more_keep_coming(tmp_path, wait_until):
    writer = CaptureWriter(tmp_path, idle_seconds=1000, flush_seconds=0.05)
    writer.add(record("a"))
    wait_until(lambda: writer.stats().written == 1)
    writer.close(60)


def test_records_are_written_when_enough_wait(tmp_path, wait_until):
    writer = CaptureWriter(tmp_path, idle_seconds=1000, flush_seconds=1000, flush_rows=3)
    for name in "abc":
        writer.add(record(name))
    wait_until(lambda: writer.stats().written == 3)
    writer.close(60)


def test_large_records_are_written_before_they_fill_the_queue(tmp_path, wait_until):
    size = record_bytes(record("a", bytes(10_000)))
    writer = CaptureWriter(tmp_path, queue_bytes=16 * size, idle_seconds=1000, flush_seconds=1000)
    for number in range(4):
        writer.add(record(str(number), bytes(10_000)))
    wait_until(lambda: writer.stats().written == 4)
    writer.close(60)


def test_full_queue_drops_and_counts_new_records(tmp_path):
    sink = tmp_path / "file"
    sink.write_text("no directory can be here")
    size = record_bytes(record("a"))
    writer = CaptureWriter(sink / "capture", queue_bytes=3 * size, idle_seconds=0.01)
    for number in range(5):
        writer.add(record(str(number)))
    stats = writer.stats()
    assert (stats.added, stats.dropped, stats.queued_bytes) == (5, 2, 3 * size)
    writer.close(60)


def test_record_larger_than_the_whole_queue_is_dropped(tmp_path):
    writer = CaptureWriter(tmp_path, queue_bytes=10_000)
    writer.add(record("a", bytes(20_000)))
    assert writer.close(60) == CaptureStats(added=1, dropped=1)


def test_broken_disk_is_tried_again_until_it_works(tmp_path, wait_until):
    sink = tmp_path / "capture"
    sink.write_text("in the way")
    writer = CaptureWriter(sink, idle_seconds=0.01)
    writer.add(record("a"))
    wait_until(lambda: writer.stats().failed_writes)
    sink.unlink()
    wait_until(lambda: writer.stats().written == 1)
    assert [row["request_id"] for row in rows(sink)] == ["a"]
    assert writer.close(60).queued_bytes == 0


def test_full_disk_is_counted_and_leaves_no_half_file(mount, wait_until):
    disk = mount("size=16k")
    writer = CaptureWriter(disk, idle_seconds=0.01)
    writer.add(record("a", np.random.default_rng(0).bytes(100_000)))
    wait_until(lambda: writer.stats().failed_writes)
    stats = writer.close(60)
    assert (stats.written, stats.dropped, stats.queued_bytes) == (0, 1, 0)
    assert list(disk.iterdir()) == []


def test_closed_writer_counts_what_it_cannot_write(tmp_path):
    sink = tmp_path / "file"
    sink.write_text("no directory can be here")
    writer = CaptureWriter(sink / "capture", idle_seconds=1000)
    writer.add(record("a"))
    stats = writer.close(60)
    assert (stats.written, stats.dropped, stats.queued_bytes) == (0, 1, 0)


def test_record_after_the_close_is_dropped(tmp_path):
    writer = CaptureWriter(tmp_path)
    writer.close(60)
    writer.add(record("late"))
    assert writer.stats() == CaptureStats(added=1, dropped=1)


@pytest.mark.parametrize("image", [None, b"x" * 5000])
def test_record_counts_its_arrays_and_image(image):
    assert record_bytes(record("a", image)) - record_bytes(record("a")) == len(image or b"")
