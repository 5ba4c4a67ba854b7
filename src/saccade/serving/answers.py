"""The predictor's answers as the JSON objects that clients read, the same behind every front door."""

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import saccade_native
from saccade.core.artifacts import BundleInfo
from saccade.serving.request_error import RequestError

REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


def answer_documents(answers: Sequence[Any], info: BundleInfo, request_id: str) -> list[dict[str, Any]]:
    """Returns one JSON object an image of a request.

    Raises RequestError for the first image that got no answer, by its number when there are several.
    """
    several = len(answers) > 1
    for number, answer in enumerate(answers):
        if answer.error is not None:
            raise _image_error(answer.error, f"Image {number}: " if several else "")
    ids = image_request_ids(request_id, len(answers))
    return [answer_document(answer, info, own_id) for answer, own_id in zip(answers, ids, strict=True)]


def answer_document(answer: Any, info: BundleInfo, request_id: str) -> dict[str, Any]:
    """Returns the JSON object of one answer without an error.

    answer: a saccade_native.Answer. Its probabilities are calibrated; a larger OOD score is less like training.
    """
    classes = info.classes
    return {
        "label": classes[answer.label],
        "probability": float(answer.probabilities[answer.label]),
        "top_k": [{"label": classes[label], "probability": probability} for label, probability in answer.top_k],
        "ood": {
            "score": answer.ood_score,
            "threshold": info.scoring["ood_threshold"],
            "is_ood": answer.is_ood,
            "detector": info.scoring["ood_detector"],
            "scores": dict(answer.scores),
        },
        "model": {"name": info.name, "version": info.version},
        "request_id": request_id,
    }


def image_request_ids(request_id: str, images: int) -> list[str]:
    """Returns the id of each image of a request: the request's own for one, numbered for several."""
    return [request_id] if images == 1 else [f"{request_id}.{number}" for number in range(images)]


def given_request_id(*candidates: Any) -> str | None:
    """Returns the first candidate that can be a request id: up to 128 letters, digits and '._:-'."""
    return next((text for text in candidates if isinstance(text, str) and REQUEST_ID.fullmatch(text)), None)


def _image_error(error: saccade_native.Error, where: str) -> RequestError:
    """The machine's lack of memory is the one error that is not the image's."""
    is_ours = isinstance(error, saccade_native.OutOfMemoryError)
    status = HTTPStatus.SERVICE_UNAVAILABLE if is_ours else HTTPStatus.BAD_REQUEST
    return RequestError(error.code, f"{where}{error}", status)
