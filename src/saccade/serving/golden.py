"""Golden answers: a few images and what the evaluation answered, repeated by every server before it reports ready."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import saccade_native
from saccade.core.artifacts import GOLDEN_ANSWERS_JSON, GOLDEN_DIR
from saccade.core.errors import BundleError
from saccade.core.files import write_json

# Mean over the images of the largest difference of a probability. bfloat16 against float32 moves 8 images by 0.005, and
# by 0.019 once in 10,000 draws; swapped colour channels move all draws further, a shift by one pixel 9 of 10.
# (custom_cnn on cifar10.zip, 84 % accuracy, temperature 0.52, n=2,000)
GOLDEN_TOLERANCE = 0.03


def write_golden(
    bundle: Path, images: Sequence[bytes], answers: Sequence[saccade_native.Answer], classes: Sequence[str]
) -> None:
    """Writes images and their answers into bundle/golden.

    answers: of classifier.predict(images, with_views=False): whether an image near the view threshold is looked at
    again differs from processor to processor, and moves its probabilities by up to 0.3.
    """
    directory = bundle / GOLDEN_DIR
    directory.mkdir()
    entries = []
    for number, (image, answer) in enumerate(zip(images, answers, strict=True)):
        file = f"{number}.image"
        (directory / file).write_bytes(image)
        probabilities = [round(float(probability), 6) for probability in answer.probabilities]
        entries.append({"file": file, "label": classes[answer.label], "probabilities": probabilities})
    write_json(directory / GOLDEN_ANSWERS_JSON, entries)


def check_golden(bundle: Path, classifier: saccade_native.Classifier) -> None:
    """Raises BundleError unless the classifier answers the golden images as the evaluation did."""
    images, expected = _read(bundle)
    answers = classifier.predict(images, with_views=False)
    if refused := [answer.error for answer in answers if answer.error is not None]:
        raise BundleError(f"A golden image of '{bundle}' is refused: {refused[0]} {_ADVICE}")
    answered = np.stack([answer.probabilities for answer in answers])
    if answered.shape != expected.shape:
        raise BundleError(
            f"The golden answers of '{bundle}' have {expected.shape[1]} probabilities, the model "
            f"{answered.shape[1]}. {_ADVICE}"
        )
    difference = float(np.abs(answered - expected).max(axis=1).mean())
    # Written so that a probability that is not a number is refused too.
    if not difference <= GOLDEN_TOLERANCE:
        raise BundleError(
            f"The golden images of '{bundle}' are answered with probabilities {difference:.3f} away from those of its "
            f"evaluation; {GOLDEN_TOLERANCE} is allowed. {_ADVICE}"
        )


def surest(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """Returns the entry of answers.json with the highest probability: rounding on another processor cannot turn it."""
    return max(entries, key=lambda entry: max(entry["probabilities"]))


def surest_golden(bundle: Path) -> tuple[bytes, str]:
    """Returns the surest golden image of a bundle that check_golden accepts, encoded, and its label."""
    directory = bundle / GOLDEN_DIR
    entry = surest(json.loads((directory / GOLDEN_ANSWERS_JSON).read_text(encoding="utf-8")))
    return (directory / entry["file"]).read_bytes(), entry["label"]


_ADVICE = "Serve the bundle with the version that made it, or evaluate again."


def _read(bundle: Path) -> tuple[list[bytes], np.ndarray]:
    directory = bundle / GOLDEN_DIR
    try:
        entries = json.loads((directory / GOLDEN_ANSWERS_JSON).read_text(encoding="utf-8"))
        images = [(directory / entry["file"]).read_bytes() for entry in entries]
        expected = np.array([entry["probabilities"] for entry in entries], np.float32)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleError(f"The golden answers of '{bundle}' cannot be read: {error}. Evaluate again.") from error
    if expected.ndim != 2 or not len(expected):
        raise BundleError(f"'{bundle}' has no golden answers to verify this server with. Evaluate again.")
    return images, expected
