"""From native answers to documents and records."""

from types import SimpleNamespace

import pytest

import saccade_native
from saccade.core.artifacts import BUNDLE_JSON, BundleInfo
from saccade.serving.answers import answer_documents, given_request_id, image_request_ids
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
