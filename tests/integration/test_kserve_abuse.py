"""Ten thousand bad requests: each is refused with a reason or disconnected, and the server stays as it was."""

import base64
import contextlib
import http.client
import json
import random
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import grpc
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kserve.protocol.grpc import grpc_predict_v2_pb2 as messages
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub

from saccade.serving.kserve.rest_door import rest_app

pytestmark = pytest.mark.integration
REQUESTS = 10_000  # always the same ones
THREADS = 8
REFUSED = {400, 404, 405, 408, 411, 413, 415, 431, 501, 503}
INFER = (
    *("/predictions/colours", "/predictions/colours/7", "/v1/models/colours:predict", "/v2/models/colours/infer"),
    "/v2/models/colours/versions/7/infer",
)
PATHS = (
    *INFER * 4,
    *("/v2/models/%00/infer", "/v2/models/colours/versions/../infer", "/v2/models/colours/versions/8/infer", "//"),
    *("/v2/repository/index", "/v2/models", "/metrics", "/", "/v2/models/colours/ready", "/openapi.json"),
)
TYPES = ("application/json", "image/jpeg", "application/octet-stream", "text/plain", "multipart/form-data", "a/b;c", "")
JSON_KEYS = ("inputs", "instances", "outputs", "name", "shape", "datatype", "data", "parameters", "id", "b64")
NUMBERS = (-1, 0, 1, 2, 2**31, 2**63, -(2**63), 10**400, 1.5, 1e308, None, True, "1", [], {}, [1], "\u0000", "é" * 50)
HEADS = (b"GET", b"POST", b"PUT", b"HEAD", b"TRACE", b"CONNECT", b"OPTIONS", b"PRI", b"\x16\x03\x01", b"")
MAX_GROWTH_BYTES = 50 << 20  # of resident memory; some 3 MB were seen


@pytest.fixture(scope="module")
def door(kserve_door, colour_bundle) -> Iterator[Any]:
    running = kserve_door([colour_bundle], "--max-body-bytes", "3000000")
    yield running
    assert running.stop() == 0
    assert "Traceback" not in running.log


def mutated(data: bytes, choose: random.Random) -> bytes:
    """data with a few bytes changed, cut out, doubled, or cut off."""
    changed = bytearray(data)
    for _ in range(choose.randint(1, 8)):
        at, length = choose.randrange(len(changed) + 1), choose.choice((0, 1, 2, 4, 16, len(changed) // 2))
        replacement = choose.choice((b"", choose.randbytes(length), bytes(changed[at : at + length]) * 2, b"\xff" * 4))
        changed[at : at + length] = replacement
    return bytes(changed[: choose.choice((len(changed), len(changed), len(changed) // 2))])


def odd_json(image: str, choose: random.Random) -> bytes:
    """A request of V1 or V2 with one to three fields that are something else."""
    tensor: dict[str, Any] = {"name": "image", "shape": [1], "datatype": "BYTES", "data": [image]}
    document: dict[str, Any] = {"inputs": [tensor], "instances": [{"b64": image}]}
    del document[choose.choice(("inputs", "instances"))]
    owners = (tensor, document, *document.get("instances", [tensor]))
    for _ in range(choose.randint(1, 3)):
        owner = choose.choice(owners)
        key = choose.choice((*owner, "shape", "parameters", "outputs", "id"))
        owner[key] = choose.choice((*NUMBERS, [choose.choice(NUMBERS)] * choose.choice((1, 200)), {"b64": image}))
    return json.dumps(document).encode()


def bad_post(images: list[bytes], choose: random.Random) -> tuple[str, bytes, dict[str, str]]:
    """Path, body and headers of a request that is most likely wrong."""
    image = choose.choice(images)
    headers = {"Content-Type": choose.choice(TYPES)}
    kind = choose.randrange(4)
    if kind == 0:
        body = mutated(image, choose)
    elif kind == 1:
        body, headers["Content-Type"] = odd_json(base64.b64encode(image).decode(), choose), "application/json"
    elif kind == 2:
        body = mutated(odd_json(base64.b64encode(image).decode(), choose), choose)
        headers["Inference-Header-Content-Length"] = str(choose.choice((0, 10, len(body), -1, 10**9, "x")))
    else:
        body = choose.choice((b"", choose.randbytes(choose.randrange(300)), bytes(3_000_001), b"[" * 50_000))
    return choose.choice(PATHS), body, headers


def send_posts(door: Any, images: list[bytes], seed: int, count: int) -> Counter[int]:
    """Sends bad requests over HTTP and returns how often each status came. 0: disconnected without one."""
    choose, statuses = random.Random(seed), Counter[int]()
    connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=60)
    for _ in range(count):
        path, body, headers = bad_post(images, choose)
        try:
            connection.request("POST", path, body, headers)
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            statuses[0] += 1
            continue
        if response.status != 200 and response.headers.get_content_type() == "application/json":
            assert "error" in json.loads(content), content
        statuses[response.status] += 1
    connection.close()
    return statuses


def send_bytes(port: int, requests: list[bytes]) -> Counter[bytes]:
    """Sends each over a connection of its own, ends its side, and returns how often each status line came."""
    answers = Counter[bytes]()
    for request in requests:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
            received = b""
            with contextlib.suppress(OSError):
                client.sendall(request)
                client.shutdown(socket.SHUT_WR)
                while chunk := client.recv(65536):
                    received += chunk
        answers[received.partition(b"\r\n")[0] if received.startswith(b"HTTP/") else b""] += 1
    return answers


def garbage(choose: random.Random, images: list[bytes]) -> bytes:
    """Bytes that begin like HTTP, more or less."""
    good = b"POST /predictions/colours HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % len(images[0]) + images[0]
    targets = (b" / HTTP/1.1", b" /\xff HTTP/9.9", b"", b" * HTTP/1.1", b" a:1 HTTP/1.1")
    head = choose.choice(HEADS) + choose.choice(targets)
    fields = choose.choice((b"content-length: -1", b"content-length: 9\r\ncontent-length: 8", b"transfer-encoding: x"))
    made = head + b"\r\nhost: a\r\n" + fields + b"\r\n\r\n" + choose.randbytes(choose.randrange(100))
    noise = choose.randbytes(choose.randrange(1, 500))
    return choose.choice((made, mutated(good, choose), noise, good[: choose.randrange(99)]))


def send_grpc(address: str, images: list[bytes], seed: int, count: int) -> Counter[Any]:
    """Sends bad messages to ModelInfer and returns how often each status came."""
    choose, statuses = random.Random(seed), Counter[Any]()
    good = messages.ModelInferRequest(model_name="colours")
    good.inputs.add(name="image", datatype="BYTES", shape=[1])
    good.raw_input_contents.append(len(images[0]).to_bytes(4, "little") + images[0])
    with grpc.insecure_channel(address) as channel:
        infer = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        for _ in range(count):
            try:
                infer(mutated(good.SerializeToString(), choose), timeout=60)
                statuses[grpc.StatusCode.OK] += 1
            except grpc.RpcError as error:
                statuses[error.code()] += 1
    return statuses


def in_threads(send: Callable[[int], Counter[Any]]) -> Counter[Any]:
    with ThreadPoolExecutor(THREADS) as pool:
        return sum(pool.map(send, range(THREADS)), Counter())


def test_ten_thousand_bad_requests_are_refused_and_leave_no_trace(door, colour_image):
    images = [colour_image("red", 60 + n, (40, 30), kind) for n, kind in enumerate(("JPEG", "PNG", "WEBP"))]
    process, share = psutil.Process(door.process.pid), REQUESTS // THREADS
    in_threads(lambda seed: send_posts(door, images, seed, 100))  # so that what is made once is there
    before = process.memory_info().rss

    posts = in_threads(lambda seed: send_posts(door, images, 100 + seed, share * 6 // 10))
    lines = in_threads(lambda seed: send_bytes(door.port, garbages(200 + seed, images, share * 2 // 10)))
    over_grpc = in_threads(lambda seed: send_grpc(door.grpc_address, images, 300 + seed, share // 10))
    grpc_port = int(door.grpc_address.rpartition(":")[2])
    in_threads(lambda seed: send_bytes(grpc_port, garbages(400 + seed, images, share // 10)))

    assert set(posts) <= REFUSED | {200, 0}, posts
    assert posts[0] <= posts.total() // 20, posts  # a body that is too long may be refused while it is sent
    assert {line.split(b" ")[1] for line in lines if line} <= {b"%d" % status for status in REFUSED | {200, 204}}, lines
    assert set(over_grpc) <= {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.OK}, (
        over_grpc
    )
    assert process.memory_info().rss - before < MAX_GROWTH_BYTES
    status, answer = door.json("POST", "/predictions/colours", images[0])
    assert (status, answer["label"]) == (200, "red")


def garbages(seed: int, images: list[bytes], count: int) -> list[bytes]:
    choose = random.Random(seed)
    return [garbage(choose, images) for _ in range(count)]


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, told) for path, methods in document["paths"].items() for method, told in methods.items()]


def test_every_answer_has_a_status_that_the_openapi_document_tells(door):
    document = door.json("GET", "/openapi.json")[1]
    names = st.sampled_from(("colours", "7", "8")) | st.text(
        st.characters(codec="utf-8", exclude_characters="/:"), min_size=1
    )
    bodies = st.binary(max_size=200) | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(JSON_KEYS), inner, max_size=6),
    ).map(lambda value: json.dumps(value).encode())

    @settings(max_examples=500, derandomize=True, deadline=None, database=None)
    @given(st.sampled_from(operations(document)), names, names, bodies, st.sampled_from(TYPES))
    def ask(operation: tuple[str, str, dict[str, Any]], model: str, version: str, body: bytes, kind: str) -> None:
        path, method, told = operation
        url = path.replace("{model}", quote(model, safe="")).replace("{version}", quote(version, safe=""))
        status, headers, content = door.ask(method.upper(), url, body, {"Content-Type": kind})
        assert str(status) in told["responses"].keys() - {"500"}, content
        assert headers["content-type"].startswith(("application/json", "text/plain"))

    ask()


def test_openapi_document_has_every_path_and_none_else(door):
    paths = door.json("GET", "/openapi.json")[1]["paths"]
    app = rest_app(None, None)  # only its routes are looked at
    assert {path: set(methods) for path, methods in paths.items()} == {
        route.path: {method.lower() for method in route.methods} - {"head"} for route in app.routes
    }


def test_calls_that_send_nothing_do_not_shut_out_others(door):
    over = threading.Event()

    def silence() -> Iterator[bytes]:
        over.wait(60)
        yield from ()

    with grpc.insecure_channel(door.grpc_address) as channel:
        infer = channel.stream_unary("/inference.GRPCInferenceService/ModelInfer")
        silent = [infer.future(silence()) for _ in range(3)]
        with pytest.raises(grpc.RpcError) as caught:
            GRPCInferenceServiceStub(channel).ModelInfer(messages.ModelInferRequest(model_name="colours"), timeout=30)
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert not any(call.done() for call in silent)
        over.set()
        assert {call.code() for call in silent} == {grpc.StatusCode.INVALID_ARGUMENT}


def test_message_above_the_limit_is_refused(door):
    request = messages.ModelInferRequest(model_name="colours", raw_input_contents=[bytes(3_000_001)])
    with grpc.insecure_channel(door.grpc_address) as channel, pytest.raises(grpc.RpcError) as caught:
        GRPCInferenceServiceStub(channel).ModelInfer(request)
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
