"""Metrics, traces, log and capture of a real kserve door."""

import io
import json
import os
import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import psutil
import pyarrow.parquet as pq
import pytest
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub
from PIL import Image

from saccade.core.artifacts import CAPTURE_GLOB
from saccade.serving.capture import CaptureWriter
from tests.integration.test_kserve_server import JSON, Server, grpc_request, v1, v2
from tests.unit.serving.test_capture import record

pytestmark = pytest.mark.integration
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{SPAN}-01"
HOSTILE = 'x"} 1\nevil_total{a="'
MIB = 1 << 20
IMAGES_PER_REQUEST, IMAGE_PX = 32, 180  # 97 kB an image: noise cannot be compressed


@pytest.fixture(scope="module")
def server(colour_bundle: Path) -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SACCADE_LOG_FORMAT", "json")
        running = Server(colour_bundle)
    yield running
    running.process.send_signal(signal.SIGTERM)
    _, log = running.process.communicate(timeout=60)
    assert [line for line in log.splitlines() if not isinstance(json.loads(line), dict)] == []


def grown(server: Server, before: dict[str, float]) -> dict[str, float]:
    return {name: value - before.get(name, 0) for name, value in server.samples().items()}


def test_counts_are_those_of_what_was_asked_over_every_protocol(server, colour_image):
    red, blue = colour_image("red", 1), colour_image("blue", 2)
    before = server.samples()
    server.ask("POST", "/predictions/colours", red)
    server.ask("POST", "/v1/models/colours:predict", v1(red, blue), JSON)
    server.ask("POST", "/v2/models/colours/infer", v2(blue), JSON)
    server.ask("POST", "/v2/models/colours/infer", b"no image")
    server.ask("POST", "/v2/models/nobody/infer", red)
    with grpc.insecure_channel(server.grpc_address) as channel:
        GRPCInferenceServiceStub(channel).ModelInfer(grpc_request(blue, blue, red))
    expected = {
        "saccade_request_seconds_count|raw": 1,
        "saccade_request_seconds_count|v1": 1,
        "saccade_request_seconds_count|v2": 1,
        "saccade_request_seconds_count|grpc": 1,
        "saccade_queue_seconds_count": 8,
        "saccade_prepare_seconds_count": 7,
        "saccade_infer_seconds_count": 7,
        "saccade_batch_images_sum": 8,
        "saccade_answers_total|red": 3,
        "saccade_answers_total|blue": 4,
        "saccade_answers_total|green": 0,
        "saccade_rejections_total|unknown_format": 1,
        "saccade_rejections_total|unknown_model": 1,
    }
    after = grown(server, before)
    assert {name: after[name] for name in expected} == expected


def test_times_fit_into_each_other(server, colour_image):
    before = server.samples()
    server.ask("POST", "/predictions/colours", colour_image("red", 1, (700, 500), "JPEG"))
    after = grown(server, before)
    parts = ("prepare_seconds_sum", "infer_seconds_sum", "predict_seconds_sum", "request_seconds_sum|raw")
    prepare, infer, predict, request = (after[f"saccade_{part}"] for part in parts)
    assert 0 < prepare + infer <= predict <= request


def test_clients_cannot_make_labels(server, colour_image):
    red = colour_image("red", 1)
    server.ask("POST", "/predictions/nobody", red)
    server.ask("POST", "/v2/models/colours/infer", v2(red, outputs=[{"name": "nothing"}]), JSON)
    server.ask("POST", "/v2/models/colours/versions/9/infer", red)
    before = set(server.samples())
    tensor = {"name": HOSTILE, "shape": [1], "datatype": HOSTILE, "data": [HOSTILE]}
    server.ask("POST", "/predictions/evil%22%7D%20", red)
    server.ask("POST", "/v2/models/colours/versions/evil/infer", red)
    server.ask("POST", "/v2/models/colours/infer", v2(red, outputs=[{"name": HOSTILE}]), JSON)
    server.ask("POST", "/v2/models/colours/infer", json.dumps({"inputs": [tensor], "id": HOSTILE}).encode(), JSON)
    assert set(server.samples()) - before <= {"saccade_rejections_total|invalid_request"}


def test_trace_is_continued_over_rest_in_answers_and_errors(server, colour_image):
    headers = {"traceparent": TRACEPARENT, "tracestate": "congo=t61rcWkgMzE"}
    for body, status in ((colour_image("red", 1), 200), (b"no image", 400)):
        answered, found, _ = server.ask("POST", "/predictions/colours", body, headers)
        assert answered == status
        assert re.fullmatch(rf"00-{TRACE}-[0-9a-f]{{16}}-01", found["traceparent"])
        assert SPAN not in found["traceparent"]
        assert found["tracestate"] == "congo=t61rcWkgMzE"


def test_wrong_trace_is_replaced(server, colour_image):
    _, found, _ = server.ask(
        "POST", "/predictions/colours", colour_image("red", 1), {"traceparent": f"{TRACEPARENT}-x"}
    )
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-02", found["traceparent"])
    assert TRACE not in found["traceparent"]


def test_trace_is_continued_over_grpc_in_answers_and_errors(server, colour_image):
    metadata = [("traceparent", TRACEPARENT)]
    with grpc.insecure_channel(server.grpc_address) as channel:
        infer = GRPCInferenceServiceStub(channel).ModelInfer
        _, call = infer.with_call(grpc_request(colour_image("red", 1)), metadata=metadata)
        with pytest.raises(grpc.RpcError) as refused:
            infer(grpc_request(b"no image"), metadata=metadata)
    for answered in (call, refused.value):
        assert re.fullmatch(rf"00-{TRACE}-[0-9a-f]{{16}}-01", dict(answered.trailing_metadata())["traceparent"])


def test_log_tells_of_refused_and_sampled_requests_and_holds_no_secret(colour_bundle, colour_image, monkeypatch):
    monkeypatch.setenv("SACCADE_LOG_FORMAT", "json")
    monkeypatch.setenv("SACCADE_LOG_SAMPLE", "1")
    running = Server(colour_bundle)
    headers = {"traceparent": TRACEPARENT, "Authorization": "Bearer my-secret-token"}
    running.ask(
        "POST", "/v1/models/colours:predict", v1(colour_image("red", 1)), {**JSON, **headers, "X-Request-Id": "good"}
    )
    running.ask("POST", "/v2/models/colours/infer", b"secret bytes", {**headers, "X-Request-Id": "bad"})
    running.process.send_signal(signal.SIGTERM)
    _, log = running.process.communicate(timeout=60)
    lines = {line["request_id"]: line for line in map(json.loads, log.splitlines()) if "request_id" in line}
    told = {
        name: [line[key] for key in ("level", "protocol", "status", "trace_id", "model")]
        for name, line in lines.items()
    }
    assert told == {
        "good": ["INFO", "v1", 200, TRACE, "colours"],
        "bad": ["INFO", "rest", 400, TRACE, "colours"],
    }
    assert lines["bad"]["code"] == "unknown_format"
    assert "secret" not in log


class Stalled:
    """A server whose capture directory hangs: where its first file should go is a pipe that nobody reads."""

    def __init__(self, bundle: Path, directory: Path) -> None:
        self.sink, self.spool = directory / "sink", directory / "spool"
        self.sink.mkdir()
        self.spool.mkdir()
        self.server = Server(bundle)
        self.pipe = self.sink / f".capture-0.parquet.{self.server.process.pid}.tmp"
        os.mkfifo(self.pipe)
        first = CaptureWriter(directory / "first")
        first.add(record("first"))
        first.close(60)
        next((directory / "first").glob(CAPTURE_GLOB)).rename(self.spool / "capture-0.parquet")

    def load(self, body: bytes, headers: dict[str, str], requests: int) -> list[int]:
        def ask(_: int) -> int:
            status, _, answer = self.server.ask("POST", "/v2/models/colours/infer", body, headers)
            assert b'"is_ood"' in answer
            return status

        with ThreadPoolExecutor(4) as clients:
            return list(clients.map(ask, range(requests)))

    def resident_bytes(self) -> int:
        return psutil.Process(self.server.process.pid).memory_info().rss


@pytest.fixture
def stalled(colour_bundle, tmp_path, monkeypatch) -> Stalled:
    monkeypatch.setenv("SACCADE_CAPTURE_DIR", str(tmp_path / "sink"))
    monkeypatch.setenv("SACCADE_CAPTURE_SPOOL_DIR", str(tmp_path / "spool"))
    monkeypatch.setenv("SACCADE_CAPTURE_SPOOL_BYTES", str(8 * MIB))
    monkeypatch.setenv("SACCADE_CAPTURE_QUEUE_BYTES", str(8 * MIB))
    monkeypatch.setenv("SACCADE_CAPTURE_IMAGES", "1")
    return Stalled(colour_bundle, tmp_path)


@pytest.fixture(scope="module")
def noise_request() -> tuple[bytes, dict[str, str]]:
    """A V2 request with binary tensors of 3 MB, all images different."""
    generator = np.random.default_rng(0)
    images = []
    for _ in range(IMAGES_PER_REQUEST):
        buffer = io.BytesIO()
        Image.fromarray(generator.integers(0, 256, (IMAGE_PX, IMAGE_PX, 3), np.uint8)).save(buffer, "PNG")
        images.append(buffer.getvalue())
    elements = b"".join(len(image).to_bytes(4, "little") + image for image in images)
    parameters = {"binary_data_size": len(elements)}
    tensor = {"name": "i", "shape": [len(images)], "datatype": "BYTES", "parameters": parameters}
    head = json.dumps({"inputs": [tensor]}).encode()
    return head + elements, {"Inference-Header-Content-Length": str(len(head))}


def test_stalled_sink_under_load_harms_no_answer_and_takes_no_memory(stalled, noise_request, colour_bundle, wait_until):
    body, headers = noise_request
    assert stalled.load(body, headers, 16) == [200] * 16
    wait_until(lambda: stalled.server.samples()["saccade_capture_dropped_records_total"])
    before = stalled.resident_bytes()
    assert stalled.load(body, headers, 64) == [200] * 64  # 200 MB of records, were they kept
    assert stalled.resident_bytes() - before < 50 * MIB
    found = stalled.server.samples()
    assert found["saccade_capture_written_records_total"] == 0
    assert found["saccade_capture_dropped_records_total"] > 64 * IMAGES_PER_REQUEST / 2
    assert 0 < found["saccade_capture_spooled_bytes"] <= 8 * MIB
    assert 0 < found["saccade_capture_queued_bytes"] <= 8 * MIB
    assert stalled.server.stop() == 0  # while the write still hangs

    stalled.pipe.unlink()
    waiting = sum(pq.read_metadata(file).num_rows for file in stalled.spool.glob(CAPTURE_GLOB))
    assert waiting > 0
    following = Server(colour_bundle)
    wait_until(lambda: not list(stalled.spool.glob(CAPTURE_GLOB)))
    assert following.stop() == 0
    rows = [pq.read_table(file, columns=["request_id"]) for file in stalled.sink.glob(CAPTURE_GLOB)]
    delivered = [name for table in rows for name in table["request_id"].to_pylist()]
    assert len(delivered) == len(set(delivered)) == waiting
