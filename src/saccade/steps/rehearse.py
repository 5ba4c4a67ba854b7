"""The rehearsal: a freshly started server answers held-out images, first as they are, then corrupted."""

import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq

import saccade_native
from saccade.client import Answer, Client
from saccade.core.artifacts import BUNDLE_JSON, CAPTURE_GLOB, REFERENCE_PARQUET, BundleInfo
from saccade.core.errors import ServingError
from saccade.core.log import logger
from saccade.core.seed import derived_seed
from saccade.data.bundle import DatasetBundle
from saccade.steps.step import step
from saccade.watch.corruption import corrupt

STREAM_IMAGES = 200  # the drift test sees a corruption of severity 3 in half as many
CORRUPTION, SEVERITY = "gaussian_noise", 3
CAPTURE_DEADLINE_S = 30.0


@step
def rehearse(url: str, bundle: Path, dataset: Path, capture: Path, out: Path, *, seed: int = 0) -> dict[str, Any]:
    """Sends a clean and a corrupted stream of test images that the reference does not hold.

    url: a server of bundle that captures into capture. The records of each stream are moved to out/<stream>.
    Returns accuracy over HTTP on the clean stream, the streams' directories, and one example image as a file.
    Raises ServingError when an image is not answered or its record does not arrive.
    """
    info = BundleInfo.load(bundle / BUNDLE_JSON)
    data = DatasetBundle.open(dataset)
    rows = _held_out_rows(data, bundle, seed)
    clean = data.images(rows)
    streams = {"clean": clean, "corrupted": [_corrupted(image, seed + number) for number, image in enumerate(clean)]}
    answers: dict[str, list[Answer]] = {}
    with Client(url, info.name) as client:
        for name, images in streams.items():
            answers[name] = _answered(client.predict(images))
            _collect_capture(capture, out / name, len(images))
    example = out / "example.png"
    example.write_bytes(_png(saccade_native.decode(clean[0])))
    right = [
        answer["label"] == info.classes[label]
        for answer, label in zip(answers["clean"], data.labels[rows], strict=True)
    ]
    logger.info(f"Served answers: {sum(right)} of {len(right)} held-out images right.")
    return {
        "accuracy": sum(right) / len(right),
        "images": len(right),
        "streams": {name: str(out / name) for name in streams},
        "example": str(example),
    }


def _held_out_rows(data: DatasetBundle, bundle: Path, seed: int) -> np.ndarray:
    reference = pq.read_table(bundle / REFERENCE_PARQUET, columns=["request_id"])["request_id"].to_pylist()
    known = {int(request_id.removeprefix("reference-")) for request_id in reference}
    ids = np.asarray(data.index["id"])
    rows = np.array([row for row in data.indices("test") if ids[row] not in known])
    generator = np.random.default_rng(derived_seed(seed, "rehearse"))
    return np.sort(generator.permutation(rows)[:STREAM_IMAGES])


def _corrupted(image: bytes, seed: int) -> bytes:
    return _png(corrupt(saccade_native.decode(image), CORRUPTION, SEVERITY, seed=seed))


def _png(pixels: np.ndarray) -> bytes:
    return cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].tobytes()


def _answered(answers: list[Answer]) -> list[Answer]:
    refused = [answer["error"]["message"] for answer in answers if "error" in answer]
    if refused:
        raise ServingError(
            f"{len(refused)} of {len(answers)} held-out images were refused, the first with: {refused[0]}"
        )
    return answers


def _collect_capture(capture: Path, destination: Path, expected: int) -> None:
    """Waits until capture holds expected records and moves their files: what comes later is another stream."""
    deadline = time.monotonic() + CAPTURE_DEADLINE_S
    while (records := sum(pq.read_metadata(file).num_rows for file in capture.glob(CAPTURE_GLOB))) < expected:
        if time.monotonic() > deadline:
            raise ServingError(f"Capture holds {records} of {expected} answers after {CAPTURE_DEADLINE_S:.0f} s.")
        time.sleep(0.1)
    destination.mkdir(parents=True)
    for file in capture.glob(CAPTURE_GLOB):
        file.replace(destination / file.name)
