"""Thousands of requests that are none, on a real TorchServe: each gets a reason, and nothing is worn out by them."""

import contextlib
import http.client
import json
import random
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from saccade.serving.torchserve.server import TorchServe
from saccade.steps.publish import publish

pytestmark = pytest.mark.integration
Call = tuple[str, bytes, str]  # path, body, content type
PATHS = ("/predictions/colours", "/v1/models/colours:predict", "/v2/models/colours/infer", "/invocations")
JSON = "application/json"
TYPES = (JSON, "image/jpeg", "text/html", "a/b/c;;;=", "application/json; charset=klingon", "")
INTERNALS = re.compile(
    rb"/tmp|/home|/root|site-packages|\.py\b|\.java\b|0x[0-9a-f]{6,}|Traceback|org\.pytorch|java\.\w+\."
)
BROKEN_HTTP = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
    b"GET /ping HTTP/1.1\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
    b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n",
    b"POST /predictions/colours HTTP/1.1\r\nContent-Length: many\r\n\r\nabc",
    b"POST /predictions/colours HTTP/1.1\r\nContent-Length: -5\r\n\r\nabc",
    b"POST /predictions/colours HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabc",
    b"POST /predictions/colours HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nabc\r\n",
    b"POST /predictions/colours HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\nabc",
    b"POST /predictions/colours HTTP/1.1\r\nContent-Length: 100\r\n\r\nabc",
    b"POST /predictions/colours HTTP/1.1\r\nContent-Le",
)


@pytest.fixture(scope="module")
def server(colour_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TorchServe]:
    directory = tmp_path_factory.mktemp("garbage")
    publish(colour_bundle, directory / "store")
    with TorchServe(directory / "store", log_dir=directory) as running:
        yield running


@pytest.fixture
def processes(server: TorchServe) -> list[psutil.Process]:
    """Java and the worker."""
    (java,) = [child for child in psutil.Process().children() if str(server.model_store) in " ".join(child.cmdline())]
    return [java, *java.children()]


def malformed(count: int, image: bytes) -> list[Call]:
    """Well-framed requests whose bodies hold no image: bytes, damaged images, and JSON of every wrong shape."""
    draw = random.Random(5)

    def tensor(shape: object, data: object, datatype: object = "BYTES") -> bytes:
        return json.dumps({"inputs": [{"name": "x", "shape": shape, "datatype": datatype, "data": data}]}).encode()

    def body() -> bytes:
        return draw.choice(
            [
                lambda: b"",
                lambda: draw.randbytes(draw.randrange(1, 5000)),
                lambda: image[: draw.randrange(1, len(image) // 2)],
                lambda: b'{"instances":' * draw.choice([1, 5, 100_000]),
                lambda: b"[" * 50_000,
                lambda: json.dumps({"instances": [{"b64": draw.choice(["%%%", "YQ==", "é", 7, None, []])}]}).encode(),
                lambda: json.dumps({"instances": draw.choice([[], {}, 1, [1], [[]], [{"b64": {}}]])}).encode(),
                lambda: tensor(draw.choice([[-3], [2**63], [], "x", [1, 2, 3], [True]]), ["YQ=="]),
                lambda: tensor([1], ["YQ=="], draw.choice(["FP32", 7, None])),
                lambda: json.dumps(draw.choice([None, 1, [], {}, "x", {"inputs": 0}, {"id": []}])).encode(),
                lambda: b'{"instances": [{"b64": "\xff\xfe"}]}',
            ]
        )()

    return [(draw.choice(PATHS), body(), draw.choice(TYPES)) for _ in range(count)]


def answered(server: TorchServe, path: str, body: bytes, content_type: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(server.host, server.port, timeout=60)
    try:
        connection.request("POST", path, body, {"Content-Type": content_type})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def hung_up(server: TorchServe, data: bytes) -> bytes:
    """What the server says to bytes after which the client closes its side. The server must close too."""
    with socket.create_connection((server.host, server.port), timeout=60) as connection:
        answer = b""
        with contextlib.suppress(ConnectionError):  # it resets instead of closing
            connection.sendall(data)
            with contextlib.suppress(OSError):  # already reset
                connection.shutdown(socket.SHUT_WR)
            while block := connection.recv(65536):
                answer += block
        return answer


def resident_mib(processes: list[psutil.Process]) -> float:
    return sum(process.memory_info().rss for process in processes) / 2**20


def test_thousands_of_malformed_requests_get_a_reason_each(server, processes, colour_image):
    calls = malformed(10_000, colour_image("red", 1, (64, 64)))
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda call: answered(server, *call), calls[:2000]))
        before = resident_mib(processes)
        answers += pool.map(lambda call: answered(server, *call), calls[2000:])
    assert {status for status, _ in answers} == {400}
    errors = [json.loads(body)["error"] for _, body in answers]
    assert all(error if isinstance(error, str) else error["message"] for error in errors)
    assert [body for _, body in answers if INTERNALS.search(body)] == []
    assert resident_mib(processes) < before + 150
    assert all(process.is_running() for process in processes)  # the worker too: it was not replaced


def test_what_is_no_http_is_refused_or_hung_up_on(server, processes, colour_image):
    draw = random.Random(7)
    noise = [draw.randbytes(draw.randrange(1, 3000)) + draw.choice([b"", b"\r\n\r\n"]) for _ in range(300)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda data: hung_up(server, data), [*BROKEN_HTTP * 20, *noise]))
    assert {answer[:12] for answer in answers} <= {b"", b"HTTP/1.1 400", b"HTTP/1.1 413"}
    assert [answer for answer in answers if INTERNALS.search(answer)] == []
    assert answered(server, PATHS[0], colour_image("red", 1), "image/png")[0] == 200
    assert all(process.is_running() for process in processes)


def test_clients_that_never_finish_their_requests_keep_nobody_from_asking(server, colour_image):
    with ExitStack() as slow:
        for data in BROKEN_HTTP[-2:] * 100:
            slow.enter_context(socket.create_connection((server.host, server.port))).sendall(data)
        assert answered(server, PATHS[0], colour_image("red", 1), "image/png")[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("POST", "/predictions/../../etc/passwd", 404),
        ("POST", "/predictions/nobody", 404),
        ("POST", "/predictions/colours/99", 404),
        ("POST", "/predictions/%zz", 403),
        ("GET", "/models", 404),
        ("DELETE", "/models/colours", 404),
        ("PUT", "/models/colours?min_worker=0", 404),
        ("POST", "/v2/models/colours/versions/7/infer", 501),
    ],
)
def test_refusals_of_torchserve_itself_tell_no_internals(server, method, path, status):
    connection = http.client.HTTPConnection(server.host, server.port, timeout=60)
    connection.request(method, path)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    assert response.status == status
    assert not INTERNALS.search(body)
    document = json.loads(body)
    assert document.get("message") or document["error"]


def test_error_of_a_v2_request_is_text_as_its_clients_want_it(server):
    tensor = {"name": "x", "shape": [1], "datatype": "BYTES", "data": ["YQ=="]}
    status, body = answered(server, PATHS[2], json.dumps({"inputs": [tensor]}).encode(), JSON)
    document = json.loads(body)
    assert (status, document["code"]) == (400, "unknown_format")
    assert "not a JPEG" in document["error"]
