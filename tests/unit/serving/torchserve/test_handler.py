"""The handler as TorchServe's worker calls it: with TorchServe's own context, without its server."""

import atexit
import base64
import json
import signal
import warnings
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from saccade.core.artifacts import CAPTURE_GLOB
from saccade.serving.protocol import PROBE_REQUEST_ID
from saccade.serving.torchserve.handler import SaccadeHandler

with warnings.catch_warnings():
    warnings.simplefilter("ignore", ResourceWarning)  # TorchServe leaves its version file open
    from ts.context import Context, RequestProcessor


class Worker:
    """Calls a handler with a batch of (parts, headers), as ts/service.py does."""

    def __init__(self, bundle: Path, directory: Path) -> None:
        (directory / "bundle").symlink_to(bundle)
        self.context = Context("colours", str(directory), {}, 32, None, "0.12.0")
        self.handler = SaccadeHandler()
        self.handler.initialize(self.context)

    def call(self, *batch: tuple[dict, dict]) -> list[tuple[int, dict]]:
        self.context.request_ids = {number: f"server-{number}" for number in range(len(batch))}
        self.context.request_processor = [RequestProcessor(headers) for _, headers in batch]
        bodies = self.handler.handle([parts for parts, _ in batch], self.context)
        statuses = [self.context.get_response_status(number)[0] for number in range(len(batch))]
        return [(status, json.loads(body)) for status, body in zip(statuses, bodies, strict=True)]


@pytest.fixture
def worker(colour_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    monkeypatch.setenv("SACCADE_CAPTURE_DIR", str(tmp_path / "capture"))
    monkeypatch.setenv("SACCADE_CAPTURE_IMAGES", "1")
    before = signal.getsignal(signal.SIGTERM)
    (tmp_path / "model").mkdir()
    started = Worker(colour_bundle, tmp_path / "model")
    yield started
    atexit.unregister(started.handler.close)
    started.handler.close()
    signal.signal(signal.SIGTERM, before)


def raw(image: bytes, **headers: str) -> tuple[dict, dict]:
    return {"body": bytearray(image)}, {"body": {"content-type": "image/png"}, **headers}


def as_json(document: dict) -> tuple[dict, dict]:
    return {"body": bytearray(json.dumps(document).encode())}, {"body": {"content-type": "application/json"}}


def b64(image: bytes) -> str:
    return base64.b64encode(image).decode()


def test_batch_of_all_protocols_and_errors_is_answered_each_in_its_own_form(worker, colour_image):
    blue, green, red = (colour_image(label, 9000) for label in ("blue", "green", "red"))
    tensor = {"name": "x", "shape": [1], "datatype": "BYTES", "data": [b64(red)]}
    answers = worker.call(
        raw(blue),
        as_json({"instances": [{"b64": b64(green)}, {"b64": b64(blue)}]}),
        raw(blue[:50]),
        as_json({"inputs": [tensor]}),
        as_json({"nothing": 1}),
        raw(red),
    )
    assert [status for status, _ in answers] == [200, 200, 400, 200, 400, 200]
    bodies = [body for _, body in answers]
    assert bodies[0]["label"] == "blue"
    assert [answer["label"] for answer in bodies[1]["predictions"]] == ["green", "blue"]
    assert bodies[2]["error"]["code"] == "truncated"
    assert bodies[3]["outputs"][0]["data"] == ["red"]
    assert bodies[4]["error"]["code"] == "invalid_request"
    assert bodies[5]["label"] == "red"


def test_batch_without_any_image_is_answered(worker):
    assert [status for status, _ in worker.call(raw(b""), as_json({}))] == [400, 400]


def test_answer_has_the_id_that_the_server_gave(worker, colour_image):
    image = colour_image("red", 9001)
    answers = worker.call(raw(image), raw(image, **{"X-Request-Id": "mine"}))
    assert [body["request_id"] for _, body in answers] == ["server-0", "mine"]


def test_answers_are_captured_with_their_images_and_the_probe_is_not(worker, colour_image, tmp_path):
    image = colour_image("red", 9002)
    worker.call(raw(image), raw(image, **{"X-Request-Id": PROBE_REQUEST_ID}), raw(b"no image"))
    worker.handler.close()
    (file,) = (tmp_path / "capture").glob(CAPTURE_GLOB)
    (row,) = pq.read_table(file).to_pylist()
    assert (row["request_id"], row["label"], row["image"]) == ("server-0", "red", image)
