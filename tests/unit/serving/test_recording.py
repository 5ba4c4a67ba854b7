"""What the settings let through to capture."""

import io
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image

from saccade.core.artifacts import BUNDLE_JSON, CAPTURE_GLOB, BundleInfo
from saccade.core.errors import UsageError
from saccade.core.settings import Settings, read_settings
from saccade.serving.metrics import Metrics
from saccade.serving.predictor import Predictor
from saccade.serving.protocol import PROBE_REQUEST_ID
from saccade.serving.recording import Recorder, in_sample, open_capture


@pytest.fixture(scope="module")
def info(colour_bundle) -> BundleInfo:
    return BundleInfo.load(colour_bundle / BUNDLE_JSON)


@pytest.fixture(scope="module")
def red_and_blue(colour_bundle, colour_image) -> tuple[list[bytes], list]:
    """Two images and their answers."""
    images = [colour_image("red", 1), colour_image("blue", 2)]
    return images, Predictor(colour_bundle).predict(images)


@pytest.fixture
def black_image() -> bytes:
    """No class of the bundle is like it."""
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16)).save(buffer, "PNG")
    return buffer.getvalue()


def settings(directory: Path, **changes: object) -> Settings:
    return replace(read_settings(), capture_dir=directory, **changes)


def rows(directory: Path) -> list[dict]:
    return [row for file in sorted(directory.glob(CAPTURE_GLOB)) for row in pq.read_table(file).to_pylist()]


def test_recorder_without_a_directory_records_nothing(info):
    nowhere = replace(read_settings(), capture_dir=None)
    assert open_capture(nowhere, Metrics()) is None
    Recorder(info, nowhere, None).record([b"image"], [object()], "mine")


def test_recorder_keeps_answers_but_not_the_servers_own(info, red_and_blue, tmp_path):
    asked = settings(tmp_path, capture_images=True)
    metrics = Metrics()
    writer = open_capture(asked, metrics)
    recorder = Recorder(info, asked, writer)
    images, answers = red_and_blue
    recorder.record(images, answers, "mine")
    recorder.record(images[:1], answers[:1], PROBE_REQUEST_ID)
    assert writer.close(60).written == 2
    kept = [(row["request_id"], row["label"], row["image"]) for row in rows(tmp_path)]
    assert kept == [("mine.0", "red", images[0]), ("mine.1", "blue", images[1])]
    assert b"saccade_capture_written_records_total 2.0" in metrics.scrape("")[0]
    assert b"saccade_capture_queued_bytes 0.0" in metrics.scrape("")[0]


def test_sample_keeps_requests_whole_and_is_the_same_in_every_process(info, red_and_blue, tmp_path):
    images, answers = red_and_blue
    ids = [f"request-{number}" for number in range(100)]
    for process in ("first", "second"):
        asked = settings(tmp_path / process, capture_sample=0.25)
        writer = open_capture(asked, Metrics())
        recorder = Recorder(info, asked, writer)
        for request_id in ids:
            recorder.record(images, answers, request_id)
        writer.close(60)
    first, second = ([row["request_id"] for row in rows(tmp_path / process)] for process in ("first", "second"))
    assert first == second
    assert {name.removesuffix(".0") for name in first[::2]} == {name.removesuffix(".1") for name in first[1::2]}
    assert 0 < len(first) < 2 * len(ids)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_share_of_the_sample_is_the_one_asked_for(share):
    kept = sum(in_sample(f"{number}", share) for number in range(10_000))
    assert abs(kept - 10_000 * share) <= 4 * (10_000 * share * (1 - share)) ** 0.5  # four standard deviations


def test_answers_unlike_training_are_kept_beyond_the_sample_only_when_asked(info, colour_bundle, tmp_path, black_image):
    images = [black_image]
    answers = Predictor(colour_bundle).predict(images)
    assert answers[0].is_ood
    for keeps_all, expected in ((False, 0), (True, 1)):
        asked = settings(tmp_path / str(keeps_all), capture_sample=0.0, capture_all_ood=keeps_all)
        writer = open_capture(asked, Metrics())
        Recorder(info, asked, writer).record(images, answers, "mine")
        assert writer.close(60).written == expected


@pytest.mark.parametrize("text", ["1.5", "-0.1", "some", "nan"])
def test_impossible_share_is_a_usage_error_that_names_it(monkeypatch, text):
    monkeypatch.setenv("SACCADE_CAPTURE_SAMPLE", text)
    with pytest.raises(UsageError, match=f"SACCADE_CAPTURE_SAMPLE is '{text}'"):
        read_settings()
