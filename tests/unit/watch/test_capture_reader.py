"""Capture files are read whole, latest last, and only this model's records count."""

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from saccade.core.artifacts import CAPTURE_SCHEMA
from saccade.core.errors import BundleError, DataError, UsageError
from saccade.watch.capture_reader import answers, read_capture, read_reference

START = datetime.datetime(2026, 11, 20, tzinfo=datetime.UTC)


def records(count: int, first: int = 0, **changed: Any) -> pa.Table:
    """count records; record i was answered i seconds after START, and its brightness is i."""
    rows = [
        {
            "request_id": f"request-{number}",
            "time": START + datetime.timedelta(seconds=number),
            "model": "pets",
            "version": "1",
            "label": "cat",
            "probability": 0.5,
            "probabilities": [0.5, 0.5],
            "ood_score": -1.0,
            "is_ood": False,
            "width": 32,
            "height": 32,
            "brightness": float(number),
            **dict.fromkeys(("contrast", "sharpness", "saturation", "entropy"), 0.25),
            "embedding": [float(number), 1.0, 2.0],
            "image": None,
            **changed,
        }
        for number in range(first, first + count)
    ]
    return pa.Table.from_pylist(rows, schema=CAPTURE_SCHEMA)


def test_window_holds_the_latest_records_of_all_files_in_order(tmp_path: Path) -> None:
    pq.write_table(records(30, first=30), tmp_path / "capture-a.parquet")
    pq.write_table(records(30, first=0), tmp_path / "capture-b.parquet")
    captured = read_capture(tmp_path, "pets", "1", window=40)
    assert captured.records["brightness"].to_pylist() == [float(number) for number in range(20, 60)]
    assert captured.found == 60


def test_window_by_default_holds_at_most_five_hundred(tmp_path: Path) -> None:
    pq.write_table(records(510), tmp_path / "capture-a.parquet")
    assert len(read_capture(tmp_path, "pets", "1").records) == 500


def test_a_single_file_is_read_too(tmp_path: Path) -> None:
    pq.write_table(records(25), tmp_path / "any-name.parquet")
    assert len(read_capture(tmp_path / "any-name.parquet", "pets", "1").records) == 25


def test_records_of_another_version_are_counted_and_left_out(tmp_path: Path) -> None:
    pq.write_table(records(25), tmp_path / "capture-a.parquet")
    pq.write_table(records(7, first=90, version="2"), tmp_path / "capture-b.parquet")
    captured = read_capture(tmp_path, "pets", "1")
    assert (len(captured.records), captured.other_models) == (25, 7)


def test_records_without_embedding_are_left_out(tmp_path: Path) -> None:
    pq.write_table(records(25), tmp_path / "capture-a.parquet")
    pq.write_table(records(5, embedding=None), tmp_path / "capture-b.parquet")
    assert len(read_capture(tmp_path, "pets", "1").records) == 25


def test_a_truncated_file_is_named_and_passed_over(tmp_path: Path) -> None:
    pq.write_table(records(25), tmp_path / "capture-a.parquet")
    whole = (tmp_path / "capture-a.parquet").read_bytes()
    (tmp_path / "capture-b.parquet").write_bytes(whole[: len(whole) // 2])
    captured = read_capture(tmp_path, "pets", "1")
    assert captured.unreadable == ["capture-b.parquet"]
    assert len(captured.records) == 25


def test_fewer_than_twenty_records_are_refused_with_their_number(tmp_path: Path) -> None:
    pq.write_table(records(19), tmp_path / "capture-a.parquet")
    with pytest.raises(DataError, match=r"19 records.*drift needs 20.*Send more"):
        read_capture(tmp_path, "pets", "1")


def test_records_of_another_model_alone_are_refused_with_its_name(tmp_path: Path) -> None:
    pq.write_table(records(30), tmp_path / "capture-a.parquet")
    with pytest.raises(DataError, match=r"0 records of model 'pets' version '3'.*records of pets 1"):
        read_capture(tmp_path, "pets", "3")


def test_an_empty_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="0 records"):
        read_capture(tmp_path, "pets", "1")


def test_a_missing_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no capture at"):
        read_capture(tmp_path / "missing", "pets", "1")


def test_a_window_too_small_to_judge_is_refused(tmp_path: Path) -> None:
    pq.write_table(records(30), tmp_path / "capture-a.parquet")
    with pytest.raises(UsageError, match="window of 5"):
        read_capture(tmp_path, "pets", "1", window=5)


def test_answers_hold_embedding_label_and_scalars_of_each_record() -> None:
    read = answers(records(3), ["dog", "cat"])
    np.testing.assert_array_equal(read.embedding, [[0, 1, 2], [1, 1, 2], [2, 1, 2]])
    assert read.predicted.tolist() == [1, 1, 1]
    assert read.scalars["brightness"].tolist() == [0, 1, 2]


def test_answers_of_a_slice_hold_only_its_embeddings() -> None:
    assert answers(records(10)[6:8], ["cat"]).embedding[:, 0].tolist() == [6, 7]


def test_answers_with_an_unknown_label_are_refused() -> None:
    with pytest.raises(DataError, match="cat"):
        answers(records(3), ["dog"])


def test_a_missing_reference_is_a_bundle_error(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="Evaluate the model again"):
        read_reference(tmp_path / "reference.parquet")
