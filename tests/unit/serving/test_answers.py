"""From native answers to documents and records."""

from dataclasses import replace
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest

import saccade_native
from saccade.core.artifacts import BUNDLE_JSON, CAPTURE_GLOB, BundleInfo
from saccade.core.settings import read_settings
from saccade.serving.answers import answer_documents, given_request_id, image_request_ids
from saccade.serving.predictor import Predictor
from saccade.serving.protocol import PROBE_REQUEST_ID
from saccade.serving.recording import Recorder
from saccade.serving.request_error import RequestError


@pytest.fixture
def info(colour_bundle) -> BundleInfo:
    return BundleInfo.load(colour_bundle / BUNDLE_JSON)


def refused(error: saccade_native.Error) -> SimpleNamespace:
    return SimpleNamespace(error=error)


def test_ids_of_several_images_are_numbered():
    assert image_request_ids("mine", 1) == ["mine"]
    assert image_request_ids("mine", 3) == ["mine.0", "mine.1", "mine.2"]


@pytest.mark.parametrize(
    ("candidates", "chosen"),
    [
        (("a", "b"), "a"),
        ((None, "b"), "b"),
        (("a b", 7, "x" * 129, "ok-1:2.3_4"), "ok-1:2.3_4"),
        (("", None), None),
    ],
)
def test_first_candidate_that_can_be_an_id_is_taken(candidates, chosen):
    assert given_request_id(*candidates) == chosen


def test_image_error_names_its_number_only_among_several(info):
    bad = refused(saccade_native.TruncatedError("The PNG stops."))
    with pytest.raises(RequestError, match=r"^The PNG stops\.$") as alone:
        answer_documents([bad], info, "mine")
    with pytest.raises(RequestError, match=r"^Image 1: The PNG stops\.$"):
        answer_documents([SimpleNamespace(error=None), bad], info, "mine")
    assert (alone.value.code, alone.value.http_status) == ("truncated", 400)


def test_lack_of_memory_is_the_fault_of_the_server(info):
    with pytest.raises(RequestError) as caught:
        answer_documents([refused(saccade_native.OutOfMemoryError("No memory is left."))], info, "mine")
    assert caught.value.http_status == 503


def test_recorder_without_a_directory_records_nothing(info):
    recorder = Recorder(info, replace(read_settings(), capture_dir=None))
    recorder.record([b"image"], [object()], "mine")
    recorder.close()
    assert recorder.stats().added == 0


def test_recorder_keeps_answers_but_not_the_servers_own(info, colour_bundle, colour_image, tmp_path):
    recorder = Recorder(info, replace(read_settings(), capture_dir=tmp_path, capture_images=True))
    images = [colour_image("red", 1), colour_image("blue", 2)]
    answers = Predictor(colour_bundle).predict(images)
    recorder.record(images, answers, "mine")
    recorder.record(images[:1], answers[:1], PROBE_REQUEST_ID)
    recorder.close()
    (file,) = tmp_path.glob(CAPTURE_GLOB)
    rows = [(row["request_id"], row["label"], row["image"]) for row in pq.read_table(file).to_pylist()]
    assert rows == [("mine.0", "red", images[0]), ("mine.1", "blue", images[1])]
    assert recorder.stats().written == 2
