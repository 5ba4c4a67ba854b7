"""Real processes of `saccade serve --server kserve` on loopback, asked by real clients."""

import asyncio
import base64
import http.client
import io
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import psutil
import pyarrow.parquet as pq
import pytest
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.grpc import grpc_predict_v2_pb2 as messages
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families

from saccade.client import Client
from saccade.core.artifacts import CAPTURE_GLOB
from saccade.core.errors import UsageError
from saccade.core.settings import read_settings
from saccade.serving.answers import answer_document
from saccade.serving.kserve.server import DoorOptions, KserveServer
from saccade.serving.predictor import Predictor
from saccade.serving.v2_binary import bytes_elements

pytestmark = pytest.mark.integration
LABELS = ("blue", "green", "red")
JSON = {"Content-Type": "application/json"}
MODEL = ("model", "version")  # labels that are the same here in every series
TOKEN = "a-long-random-word"
PHOTO = (700, 500)  # decoded in about 3 ms, so that requests meet in the queue
# A process of its own: Triton's and kserve's gRPC definitions have the same names and cannot both be imported.
TRITON = """
import pathlib, sys
import numpy as np
import tritonclient.grpc, tritonclient.http
from tritonclient.utils import InferenceServerException
image = pathlib.Path(sys.argv[1]).read_bytes()
for kind, url in ((tritonclient.http, sys.argv[2]), (tritonclient.grpc, sys.argv[3])):
    client = kind.InferenceServerClient(url)
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("colours", "7")
    tensor = kind.InferInput("image", [2], "BYTES")
    tensor.set_data_from_numpy(np.array([image, image], object))
    everything = client.infer("colours", [tensor])
    label = client.infer("colours", [tensor], outputs=[kind.InferRequestedOutput("label")]).as_numpy("label")
    try:
        client.infer("nobody", [tensor])
    except InferenceServerException as error:
        refused = error.message()
    labels, probabilities = everything.as_numpy("label"), everything.as_numpy("probability")
    print(labels[0].decode(), bool((probabilities > 0.5).all()), label[1].decode(), "nobody:", refused)
    client.close()
"""
SECRETS = re.compile(r"0x[0-9a-f]{4}|/tmp|/usr|site-packages|Traceback|saccade\.|libjpeg|libpng|\.py\b", re.IGNORECASE)

Answer = tuple[int, dict[str, str], bytes]


class Server:
    """A running door, and ways to ask it."""

    def __init__(self, bundle: Path, *options: str) -> None:
        command = [sys.executable, "-m", "saccade", "serve", str(bundle), "--server", "kserve", "--port", "0", *options]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        first = self.process.stderr.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+) and by gRPC at (127\.0\.0\.1:\d+)", first)
        assert found, first + self.process.stderr.read()
        self.port, self.grpc_address = int(found[1]), found[2]
        self.url = f"http://127.0.0.1:{self.port}"

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        connection = self.connect()
        connection.request(method, path, body, headers or {})
        return received(connection)

    def get(self, path: str) -> tuple[int, Any]:
        status, _, body = self.ask("GET", path)
        return status, json.loads(body)

    def samples(self) -> dict[str, float]:
        text = self.ask("GET", "/metrics")[2].decode()
        return {
            sample.name
            + "".join(f"|{value}" for name, value in sample.labels.items() if name not in MODEL): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def stop(self, kind: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(kind)
        _, log = self.process.communicate(timeout=60)
        assert "Traceback" not in log
        return self.process.returncode


def received(connection: http.client.HTTPConnection) -> Answer:
    response = connection.getresponse()
    answer = response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    connection.close()
    return answer


@pytest.fixture(scope="module")
def captures(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("capture")


@pytest.fixture(scope="module")
def server(colour_bundle: Path, captures: Path) -> Iterator[Server]:
    running = Server(colour_bundle, "--capture", str(captures))
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def guarded(colour_bundle: Path, tmp_path_factory) -> Iterator[Server]:
    """A server with a token and low limits, which Ctrl-C stops."""
    token_file = tmp_path_factory.mktemp("secret") / "token"
    token_file.write_text(f"{TOKEN}\n")
    options = ("--token-file", str(token_file), "--max-body-bytes", "3000000", "--queue-images", "128")
    running = Server(colour_bundle, *options)
    yield running
    assert psutil.Process(running.process.pid).children(recursive=True) == []
    assert running.stop(signal.SIGINT) == 0


@pytest.fixture(scope="module")
def stub(server) -> Iterator[GRPCInferenceServiceStub]:
    with grpc.insecure_channel(server.grpc_address) as channel:
        yield GRPCInferenceServiceStub(channel)


@pytest.fixture(scope="module")
def images(colour_image) -> list[tuple[str, bytes]]:
    """64 (label, encoded image): small PNG, JPEG and WebP."""
    kinds, sizes = ("PNG", "JPEG", "WEBP"), ((16, 16), (40, 30), (9, 64), (33, 17))
    return [(LABELS[n % 3], colour_image(LABELS[n % 3], 7000 + n, sizes[n % 4], kinds[n % 3])) for n in range(64)]


@pytest.fixture(scope="module")
def large_red() -> bytes:
    """A PNG of few bytes that takes some 5 ms to decode."""
    buffer = io.BytesIO()
    Image.new("RGB", (1000, 1000), (230, 40, 40)).save(buffer, "PNG")
    return buffer.getvalue()


def b64(image: bytes) -> str:
    return base64.b64encode(image).decode()


def v1(*images: bytes) -> bytes:
    return json.dumps({"instances": [{"b64": b64(image)} for image in images]}).encode()


def v2(*images: bytes, **fields: Any) -> bytes:
    tensor = {"name": "image", "shape": [len(images)], "datatype": "BYTES", "data": [b64(image) for image in images]}
    return json.dumps({"inputs": [tensor], **fields}).encode()


def grpc_request(*images: bytes, raw: bool = False, **fields: Any) -> Any:
    request = messages.ModelInferRequest(model_name="colours", **fields)
    tensor = request.inputs.add(name="image", datatype="BYTES", shape=[len(images)])
    if raw:
        request.raw_input_contents.append(b"".join(len(image).to_bytes(4, "little") + image for image in images))
    else:
        tensor.contents.bytes_contents.extend(images)
    return request


def outputs_of(document: dict[str, Any]) -> dict[str, list]:
    return {output["name"]: output["data"] for output in document["outputs"]}


def test_client_of_triton_is_answered_over_http_and_grpc(server, images, tmp_path):
    (tmp_path / "image").write_bytes(images[2][1])
    command = [sys.executable, "-c", TRITON, str(tmp_path / "image"), server.url.removeprefix("http://")]
    done = subprocess.run([*command, server.grpc_address], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.splitlines() == [
        "red True red nobody: There is no model 'nobody' here, only 'colours'.",
        "red True red nobody: There is no model 'nobody' here, only 'colours'.",
    ], done.stderr


def label_of(response: Any) -> str:
    """Of a gRPC response to one image, whose first output is the label."""
    raw = [element for data in response.raw_output_contents[:1] for element in bytes_elements(data, "label")]
    (label,) = raw or response.outputs[0].contents.bytes_contents
    return str(label, "utf-8")


def test_every_rest_protocol_gives_the_answer_of_the_predictor(server, images, colour_bundle):
    predictor = Predictor(colour_bundle)
    for protocol in ("raw", "v1", "v2"):
        with Client(server.url, "colours", protocol=protocol) as client:
            found = client.predict([image for _, image in images[:3]], concurrency=1)
        answers = predictor.predict([image for _, image in images[:3]])
        expected = [answer_document(answer, predictor.info, "") for answer in answers]
        assert [document | {"request_id": ""} for document in found] == expected
        assert [document["label"] for document in found] == list(LABELS)


@pytest.mark.parametrize("path", ["/predictions/colours", "/v1/models/colours:predict", "/v2/models/colours/infer"])
@pytest.mark.parametrize(("number", "kind"), [(0, "image/png"), (1, "image/jpeg"), (2, "image/webp")])
def test_raw_image_is_taken_on_every_inference_path(server, images, path, number, kind):
    label, image = images[number]
    status, _, body = server.ask("POST", path, image, {"Content-Type": kind})
    assert (status, json.loads(body)["label"]) == (200, label)


def test_request_of_several_images_numbers_their_ids(server, images):
    sent = [image for _, image in images[:40]]
    _, headers, body = server.ask("POST", "/v1/models/colours:predict", v1(*sent), {**JSON, "X-Request-Id": "many"})
    answers = json.loads(body)["predictions"]
    assert [answer["label"] for answer in answers] == [label for label, _ in images[:40]]
    assert [answer["request_id"] for answer in answers] == [f"many.{number}" for number in range(40)]
    assert headers["x-request-id"] == "many"


def test_v2_answers_only_what_was_asked_for(server, images):
    body = v2(images[2][1], id="mine", outputs=[{"name": "is_ood"}, {"name": "label"}])
    _, _, answered = server.ask("POST", "/v2/models/colours/versions/7/infer", body, JSON)
    document = json.loads(answered)
    assert [output["name"] for output in document["outputs"]] == ["is_ood", "label"]
    assert (document["id"], outputs_of(document)["label"]) == ("mine", ["red"])


def test_v2_binary_tensors_go_both_ways(server, images):
    elements = b"".join(len(image).to_bytes(4, "little") + image for _, image in images[:3])
    tensor = {"name": "i", "shape": [3], "datatype": "BYTES", "parameters": {"binary_data_size": len(elements)}}
    head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    headers = {"Inference-Header-Content-Length": str(len(head)), "Content-Type": "application/octet-stream"}
    _, answered, body = server.ask("POST", "/v2/models/colours/infer", head + elements, headers)
    json_bytes = int(answered["inference-header-content-length"])
    labels, probabilities = json.loads(body[:json_bytes])["outputs"][:2]
    sizes = [output["parameters"]["binary_data_size"] for output in (labels, probabilities)]
    tail = body[json_bytes:]
    assert bytes_elements(tail[: sizes[0]], "label") == [b"blue", b"green", b"red"]
    assert (np.frombuffer(tail[sizes[0] : sum(sizes)], "<f4") > 0.5).all()


@pytest.mark.parametrize("binary", [True, False])
def test_client_of_kserve_is_answered(server, images, binary):
    async def asked() -> Any:
        tensor = InferInput("image", [2], "BYTES")
        data = [images[0][1], images[1][1]]
        if binary:
            tensor.set_data_from_numpy(np.array(data, object), binary_data=True)
        else:
            tensor._data = [b64(image) for image in data]
        async with InferenceRESTClient(RESTConfig(protocol="v2", timeout=30)) as client:
            assert await client.is_server_live(server.url)
            assert await client.is_server_ready(server.url)
            assert await client.is_model_ready(server.url, "colours")
            return await client.infer(server.url, InferRequest("colours", [tensor]), model_name="colours")

    answered = asyncio.run(asked())
    assert next(output for output in answered.outputs if output.name == "label").data == ["blue", "green"]


def test_grpc_contents_are_answered_as_contents(stub, images):
    answer = stub.ModelInfer(grpc_request(images[0][1], images[2][1], id="mine"))
    by_name = {output.name: output for output in answer.outputs}
    assert (answer.id, answer.model_name, answer.model_version) == ("mine", "colours", "7")
    assert list(by_name["label"].contents.bytes_contents) == [b"blue", b"red"]
    assert list(by_name["request_id"].contents.bytes_contents) == [b"mine.0", b"mine.1"]
    assert list(by_name["top_k_probability"].shape) == [2, 3]


def test_grpc_raw_contents_are_answered_as_raw_contents(stub, images):
    request = grpc_request(images[0][1], images[2][1], raw=True, model_version="7")
    request.outputs.add(name="is_ood")
    request.outputs.add(name="label")
    answer = stub.ModelInfer(request)
    assert [output.name for output in answer.outputs] == ["is_ood", "label"]
    assert len(answer.raw_output_contents[0]) == 2
    assert bytes_elements(answer.raw_output_contents[1], "label") == [b"blue", b"red"]


def test_rest_and_grpc_agree_on_every_number(server, stub, images):
    _, _, body = server.ask("POST", "/v2/models/colours/infer", v2(images[5][1]), JSON)
    over_rest = outputs_of(json.loads(body))
    over_grpc = {output.name: output.contents for output in stub.ModelInfer(grpc_request(images[5][1])).outputs}
    for name in ("probability", "top_k_probability", "ood_score", "energy_detector_score"):
        assert list(over_grpc[name].fp32_contents) == over_rest[name]
    assert list(over_grpc["is_ood"].bool_contents) == over_rest["is_ood"]


def test_concurrent_v2_requests_share_batches_and_are_never_confused(server, colour_image):
    photos = [colour_image(LABELS[n % 3], 8000 + n % 6, PHOTO, "JPEG") for n in range(64)]
    before = server.samples()
    connections = [server.connect() for _ in photos]
    for connection, photo in zip(connections, photos, strict=True):
        connection.request("POST", "/v2/models/colours/infer", v2(photo), JSON)
    answers = [json.loads(received(connection)[2]) for connection in connections]
    after = server.samples()
    assert [outputs_of(answer)["label"] for answer in answers] == [[LABELS[n % 3]] for n in range(64)]
    batches = after["saccade_batch_images_count"] - before["saccade_batch_images_count"]
    assert 64 / batches > 4


def test_protocols_are_batched_together(server, stub, images):
    with ThreadPoolExecutor(48) as pool:
        clients = [Client(server.url, "colours", protocol=protocol) for protocol in ("raw", "v1", "v2")]
        over_rest = [pool.submit(clients[n % 3].predict_one, image) for n, (_, image) in enumerate(images)]
        over_grpc = [
            pool.submit(stub.ModelInfer, grpc_request(image, raw=n % 2 == 0)) for n, (_, image) in enumerate(images)
        ]
    for client in clients:
        client.close()
    assert [answer.result()["label"] for answer in over_rest] == [label for label, _ in images]
    assert [label_of(answer.result()) for answer in over_grpc] == [label for label, _ in images]


def test_corrupt_images_harm_no_neighbour(server, images):
    sent = [(label, image[:60] if n % 4 == 3 else image) for n, (label, image) in enumerate(images[:32])]
    with Client(server.url, "colours") as client:
        answers = client.predict([image for _, image in sent], concurrency=32)
    errors = [answer["error"] for answer in answers[3::4]]
    right = [answer.get("label") for n, answer in enumerate(answers) if n % 4 != 3]
    assert right == [label for n, (label, _) in enumerate(sent) if n % 4 != 3]
    assert len(errors) == 8
    assert {error["code"] for error in errors} <= {"truncated", "format", "unknown_format"}


REFUSED = [
    (b"", {}, 400, "empty_body"),
    (b"no image", {}, 400, "unknown_format"),
    (b"\xff\xd8\xff\xe0" + bytes(50), {}, 400, "truncated"),
    (b"\x89PNG\r\n\x1a\n" + bytes(50), {}, 400, "format"),
    (b"{", JSON, 400, "invalid_json"),
    (b"[" * 100_000, JSON, 400, "invalid_json"),
    (b"\xff\xfe", JSON, 400, "invalid_json"),
    (b"{}", JSON, 400, "invalid_request"),
    (b'{"instances": [{"b64": "?"}]}', JSON, 400, "invalid_base64"),
    (b'{"inputs": [{"name": "i", "shape": [-5], "datatype": "BYTES", "data": []}]}', JSON, 400, "invalid_request"),
    (b"a=1", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "unsupported_media_type"),
    (b"x", {"Content-Encoding": "gzip"}, 415, "unsupported_encoding"),
    (b"{}", {"Inference-Header-Content-Length": "9"}, 400, "invalid_request"),
    (b"{}", {"Inference-Header-Content-Length": "-1"}, 400, "invalid_request"),
]


@pytest.mark.parametrize(("body", "headers", "status", "code"), REFUSED)
def test_bad_request_is_refused_with_a_code_and_no_internals(server, body, headers, status, code):
    before = server.samples().get(f"saccade_rejections_total|{code}", 0)
    answered, found, content = server.ask("POST", "/v2/models/colours/infer", body, headers)
    error = json.loads(content)
    assert (answered, error["code"], found["content-type"]) == (status, code, "application/json")
    assert found["x-request-id"]
    assert isinstance(error["error"], str)
    assert not SECRETS.search(content.decode())
    assert server.samples()[f"saccade_rejections_total|{code}"] == before + 1


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("POST", "/predictions/nobody", 404, "unknown_model"),
        ("POST", "/v2/models/colours/versions/8/infer", 404, "unknown_version"),
        ("GET", "/v2/models/nobody", 404, "unknown_model"),
        ("GET", "/v2/models/colours/versions/8/ready", 404, "unknown_version"),
        ("POST", "/v2/repository/models/colours/unload", 404, "not_found"),
        ("GET", "/predictions/colours", 405, "method_not_allowed"),
    ],
)
def test_what_is_not_there_is_refused_by_name(server, method, path, status, code):
    answered, _, content = server.ask(method, path)
    error = json.loads(content)
    assert (answered, error["code"] if path.startswith("/v2") else error["error"]["code"]) == (status, code)


@pytest.mark.parametrize(
    ("request_of", "status", "code"),
    [
        (lambda good: grpc_request(b"no image"), grpc.StatusCode.INVALID_ARGUMENT, "unknown_format"),
        (lambda good: grpc_request(good[:60], raw=True), grpc.StatusCode.INVALID_ARGUMENT, "truncated"),
        (lambda good: grpc_request(), grpc.StatusCode.INVALID_ARGUMENT, "invalid_request"),
        (lambda good: grpc_request(good, model_version="8"), grpc.StatusCode.NOT_FOUND, "unknown_version"),
        (
            lambda good: messages.ModelInferRequest(model_name="colours", raw_input_contents=[good]),
            grpc.StatusCode.INVALID_ARGUMENT,
            "invalid_request",
        ),
    ],
)
def test_bad_grpc_request_is_refused_with_a_status_and_a_code(stub, images, request_of, status, code):
    with pytest.raises(grpc.RpcError) as caught:
        stub.ModelInfer(request_of(images[0][1]))
    assert caught.value.code() == status
    assert dict(caught.value.trailing_metadata())["saccade-error-code"] == code
    assert not SECRETS.search(caught.value.details())


def test_model_cannot_be_unloaded_over_grpc(stub):
    with pytest.raises(grpc.RpcError) as caught:
        stub.RepositoryModelUnload(messages.RepositoryModelUnloadRequest(model_name="colours"))
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_health_and_metadata_are_told_over_rest(server):
    assert server.get("/v2/health/live")[1]["live"] is True
    assert server.get("/v2/health/ready") == (200, {"ready": True})
    assert server.get("/v2/models/colours/ready") == (200, {"name": "colours", "ready": True})
    assert server.get("/v1/models/colours") == (200, {"name": "colours", "ready": True})
    assert server.get("/v1/models") == (200, {"models": ["colours"]})
    assert server.get("/v2")[1]["extensions"] == ["binary_tensor_data"]


def test_model_metadata_describes_what_is_answered(server, stub, images):
    _, described = server.get("/v2/models/colours/versions/7")
    _, _, body = server.ask("POST", "/v2/models/colours/infer", v2(images[0][1], images[1][1]), JSON)
    answered = json.loads(body)["outputs"]
    assert (described["name"], described["versions"]) == ("colours", ["7"])
    assert described["inputs"] == [{"name": "image", "datatype": "BYTES", "shape": [-1]}]
    kinds = [(output["name"], output["datatype"], [-1, *output["shape"][1:]]) for output in answered]
    assert [(output["name"], output["datatype"], output["shape"]) for output in described["outputs"]] == kinds
    over_grpc = stub.ModelMetadata(messages.ModelMetadataRequest(name="colours"))
    assert [(output.name, output.datatype, list(output.shape)) for output in over_grpc.outputs] == kinds
    assert list(over_grpc.versions) == ["7"]
    assert stub.ServerReady(messages.ServerReadyRequest()).ready
    assert stub.ModelReady(messages.ModelReadyRequest(name="colours")).ready


def test_every_metric_is_in_the_documents_and_none_else(server):
    text = server.ask("GET", "/metrics")[2].decode()
    scraped = set(re.findall(r"^# TYPE (saccade_\w+)", text, re.MULTILINE))
    page = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"
    assert set(re.findall(r"^\| `(saccade_\w+)", page.read_text(), re.MULTILINE)) == scraped


def test_answers_are_counted_by_label(server, images):
    before = server.samples()
    server.ask("POST", "/v1/models/colours:predict", v1(images[2][1], images[2][1], images[0][1]), JSON)
    after = server.samples()
    grown = {
        label: after[f"saccade_answers_total|{label}"] - before[f"saccade_answers_total|{label}"] for label in LABELS
    }
    assert grown == {"blue": 1, "green": 0, "red": 2}


def test_only_loopback_is_listened_on(server):
    listening = [
        connection.laddr
        for connection in psutil.net_connections("inet")
        if connection.pid == server.process.pid and connection.status == psutil.CONN_LISTEN
    ]
    assert {address.ip.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}
    assert {address.port for address in listening} == {server.port, int(server.grpc_address.rpartition(":")[2])}


def test_capture_holds_one_record_an_answered_image(server, captures, images, wait_until):
    for n, (_, image) in enumerate(images[:6]):
        server.ask("POST", "/predictions/colours", image, {"X-Request-Id": f"capture-{n}"})

    def records() -> dict[str, str]:
        rows = [row for file in captures.glob(CAPTURE_GLOB) for row in pq.read_table(file).to_pylist()]
        return {row["request_id"]: row["label"] for row in rows if row["request_id"].startswith("capture-")}

    wait_until(lambda: len(records()) >= 6)
    assert records() == {f"capture-{n}": label for n, (label, _) in enumerate(images[:6])}


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic é"}])
def test_inference_without_the_token_is_refused(guarded, images, header):
    encoded = {name: value.encode("latin-1").decode("latin-1") for name, value in header.items()}
    status, headers, body = guarded.ask("POST", "/predictions/colours", images[0][1], encoded)
    assert (status, headers["www-authenticate"], json.loads(body)["error"]["code"]) == (401, "Bearer", "unauthorized")


def test_inference_with_the_token_is_answered_and_health_needs_none(guarded, images):
    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert guarded.ask("POST", "/predictions/colours", images[0][1], headers)[0] == 200
    assert guarded.get("/v2/health/ready") == (200, {"ready": True})


def test_grpc_asks_for_the_token_too(guarded, images):
    with grpc.insecure_channel(guarded.grpc_address) as channel:
        stub = GRPCInferenceServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.ModelInfer(grpc_request(images[0][1]))
        assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED
        stub.ModelInfer(grpc_request(images[0][1]), metadata=[("authorization", f"Bearer {TOKEN}")])


def test_body_above_the_limit_is_refused_announced_or_not(guarded):
    headers = {"Authorization": f"Bearer {TOKEN}"}
    announced = guarded.ask("POST", "/predictions/colours", bytes(3_000_001), headers)
    in_chunks = guarded.ask("POST", "/predictions/colours", iter([bytes(1_500_000)] * 3), headers)
    for status, _, body in (announced, in_chunks):
        assert (status, json.loads(body)["error"]["code"]) == (413, "too_large")


def test_full_queue_sheds_whole_requests(guarded, large_red):
    body = v1(*[large_red] * 128)
    connections = [guarded.connect() for _ in range(6)]
    for connection in connections:
        headers = {**JSON, "Authorization": f"Bearer {TOKEN}"}
        connection.request("POST", "/v1/models/colours:predict", body, headers)
    answers = [received(connection) for connection in connections]
    shed = [
        (headers["retry-after"], json.loads(body)["error"]["code"])
        for status, headers, body in answers
        if status == 503
    ]
    right = [json.loads(body)["predictions"] for status, _, body in answers if status == 200]
    assert shed
    assert right
    assert len(shed) + len(right) == 6
    assert set(shed) == {("1", "overloaded")}
    assert {answer["label"] for predictions in right for answer in predictions} == {"red"}


def test_stopping_server_is_not_ready_but_answers_what_it_took(colour_bundle, colour_image, large_red, wait_until):
    server = Server(colour_bundle, "--drain-seconds", "20")
    body = v1(*[large_red] * 128)
    connections = [server.connect() for _ in range(2)]
    for connection in connections:
        connection.request("POST", "/v1/models/colours:predict", body, JSON)
    wait_until(lambda: server.samples()["saccade_queued_images"])
    server.process.send_signal(signal.SIGTERM)
    wait_until(lambda: server.get("/v2/health/ready") == (503, {"ready": False}))
    assert server.get("/v1/models/colours")[0] == 503
    with grpc.insecure_channel(server.grpc_address) as channel:
        assert not GRPCInferenceServiceStub(channel).ServerReady(messages.ServerReadyRequest()).ready
    late = server.ask("POST", "/predictions/colours", colour_image("blue", 1))
    assert (late[0], late[1]["connection"]) == (200, "close")
    assert server.stop() == 0  # the second signal ends the wait
    answers = [received(connection) for connection in connections]
    assert [(status, len(json.loads(body)["predictions"])) for status, _, body in answers] == [(200, 128)] * 2


@pytest.mark.parametrize("option", ["port", "grpc_port"])
def test_taken_port_is_named(colour_bundle, option):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        options = DoorOptions(**{"port": 0, "grpc_port": 0, option: port})
        with pytest.raises(UsageError, match=rf"{port}.*--{option.replace('_', '-')}"):
            KserveServer([colour_bundle], options, read_settings()).start(lambda: None)
