"""The client against a real HTTP server that answers as it is told."""

import itertools
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from saccade.client import Client
from saccade.core.errors import ServingError, UsageError
from saccade.serving.protocol import parse_request, response_body
from saccade.serving.transport import RETRIES
from saccade.serving.v2_binary import parse_binary_request

Reply = tuple[int, bytes]


class Server(ThreadingHTTPServer):
    """reply(body, call number) decides each answer; calls and connections are counted."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.reply: Callable[[bytes, int], Reply] = lambda body, call: (200, answer(body.decode()))
        self.closes = False
        self.headers: dict[str, str] = {}
        self.calls: list[tuple[str, Message]] = []
        self.connections = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def setup(self) -> None:
        super().setup()
        with self.server.lock:
            self.server.connections += 1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        with self.server.lock:
            self.server.calls.append((self.path, self.headers))
            call = len(self.server.calls)
        status, content = self.server.reply(body, call)
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
        self.close_connection = self.server.closes  # without telling: as a server that gives up idle connections

    do_GET = do_POST  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


def document(label: str) -> dict[str, Any]:
    """What a server answers to an image of that label."""
    return {
        "label": label,
        "probability": 1.0,
        "top_k": [{"label": label, "probability": 1.0}],
        "ood": {"score": 0.0, "threshold": 1.0, "is_ood": False, "detector": "energy", "scores": {"energy": 0.0}},
        "model": {"name": "pets", "version": "1"},
        "request_id": "r",
    }


def answer(label: str) -> bytes:
    return json.dumps(document(label)).encode()


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def test_answers_come_in_the_order_of_the_images(server):
    images = [str(number).encode() for number in range(50)]
    with Client(server.url, "pets") as client:
        assert [found["label"] for found in client.predict(images, concurrency=8)] == [str(n) for n in range(50)]


def test_connections_are_kept_for_the_next_request(server):
    with Client(server.url, "pets") as client:
        client.predict([b"x"] * 20, concurrency=2)
        client.predict([b"x"] * 20, concurrency=2)
    assert server.connections <= 2


def test_file_is_sent_as_its_bytes(server, tmp_path):
    (tmp_path / "image").write_bytes(b"content")
    with Client(server.url, "pets") as client:
        assert client.predict([tmp_path / "image"]) == [document("content")]


def test_no_images_get_no_answers(server):
    with Client(server.url, "pets") as client:
        assert client.predict([]) == []


@pytest.mark.parametrize(
    ("protocol", "path"),
    [("raw", "/predictions/pets"), ("v1", "/v1/models/pets:predict"), ("v2", "/v2/models/pets/infer")],
)
def test_each_protocol_has_its_path_and_body(server, protocol, path):
    def reply(body: bytes, call: int) -> Reply:
        request = parse_request(body, server.calls[-1][1]["Content-Type"])
        assert (request.protocol, request.images) == (protocol, (b"image",))
        return 200, response_body(protocol, [document("cat")], "r")

    server.reply = reply
    with Client(server.url, "pets", protocol=protocol) as client:
        assert client.predict([b"image"]) == [document("cat")]
    assert server.calls[0][0] == path


def test_binary_tensor_holds_the_bytes_of_the_image(server):
    def reply(body: bytes, call: int) -> Reply:
        request = parse_binary_request(body, int(server.calls[-1][1]["Inference-Header-Content-Length"]))
        assert request.images == (b"image",)
        return 200, response_body("v2", [document("cat")], "r")

    server.reply = reply
    with Client(server.url, "pets", protocol="v2-binary") as client:
        assert client.predict([b"image"]) == [document("cat")]
    assert server.calls[0][0] == "/v2/models/pets/infer"


def test_token_is_sent_as_bearer(server):
    with Client(server.url, "pets", token="secret") as client:
        client.predict_one(b"x")
    assert server.calls[0][1]["Authorization"] == "Bearer secret"


def test_url_may_have_a_path_of_its_own(server):
    with Client(f"{server.url}/serving/", "pets") as client:
        client.predict([b"x"])
    assert server.calls[0][0] == "/serving/predictions/pets"


def test_refused_image_has_its_error_and_harms_no_other(server):
    refusal = json.dumps({"error": {"code": "truncated", "message": "stops"}}).encode()
    server.reply = lambda body, call: (400, refusal) if body == b"bad" else (200, answer(body.decode()))
    with Client(server.url, "pets") as client:
        answers = client.predict([b"a", b"bad", b"b"])
    error = {"code": "truncated", "message": "stops", "status": 400}
    assert answers == [document("a"), {"error": error}, document("b")]


@pytest.mark.parametrize(
    ("status", "content", "code", "message"),
    [
        (507, b'{"code": 507, "type": "WorkerDied", "message": "gone"}', "WorkerDied", "gone"),
        (400, b'{"error": "no such shape"}', "http_400", "no such shape"),
        (400, b'{"error": "no such shape", "code": "shape"}', "shape", "no such shape"),
        (413, b"", "http_413", "The server answered 413 (Request Entity Too Large)."),
        (599, b"[]", "http_599", "The server answered 599 (unknown status)."),
        (302, b"", "http_302", "The server answered 302 (Found)."),
    ],
)
def test_foreign_refusal_is_told_in_our_form(server, status, content, code, message):
    server.reply = lambda body, call: (status, content)
    with Client(server.url, "pets") as client:
        assert client.predict([b"x"]) == [{"error": {"code": code, "message": message, "status": status}}]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_refusal_that_every_image_would_meet_is_raised(server, status):
    server.reply = lambda body, call: (status, b'{"error": {"code": "unknown", "message": "not here"}}')
    with Client(server.url, "pets") as client, pytest.raises(UsageError, match=f"{server.url}.*not here"):
        client.predict([b"x"])


def test_full_server_is_asked_again(server):
    server.reply = lambda body, call: (503, b"{}") if call < 3 else (200, answer("late"))
    with Client(server.url, "pets") as client:
        assert client.predict([b"x"]) == [document("late")]
    assert len(server.calls) == 3


def test_server_that_stays_full_is_given_up(server):
    server.reply = lambda body, call: (503, b'{"type": "Busy", "message": "later"}')
    with Client(server.url, "pets") as client:
        assert client.predict([b"x"]) == [{"error": {"code": "Busy", "message": "later", "status": 503}}]
    assert len(server.calls) == 1 + RETRIES


def test_full_server_is_asked_again_after_the_time_that_it_names(server):
    server.headers = {"Retry-After": "1"}
    server.reply = lambda body, call: (503, b"{}") if call == 1 else (200, answer("late"))
    started = time.monotonic()
    with Client(server.url, "pets") as client:
        assert client.predict_one(b"x")["label"] == "late"
    assert time.monotonic() - started >= 1


@pytest.mark.parametrize(("status", "ready"), [(200, True), (503, False), (404, False)])
def test_readiness_is_asked_once_and_believed(server, status, ready):
    server.reply = lambda body, call: (status, b"{}")
    with Client(server.url, "pets") as client:
        assert client.is_ready() is ready
    assert [path for path, _ in server.calls] == ["/v2/health/ready"]


def test_metadata_is_the_document_of_the_server(server):
    server.reply = lambda body, call: (200, b'{"name": "pets"}')
    with Client(server.url, "pets") as client:
        assert client.metadata() == {"name": "pets"}
    assert server.calls[0][0] == "/v2/models/pets"


@pytest.mark.parametrize(("status", "content"), [(200, b"<html>"), (200, b"1"), (500, b"")])
def test_metadata_that_is_none_is_told(server, status, content):
    server.reply = lambda body, call: (status, content)
    with Client(server.url, "pets") as client, pytest.raises(ServingError, match=server.url):
        client.metadata()


def test_no_request_at_once_is_refused(server):
    with Client(server.url, "pets") as client, pytest.raises(UsageError, match="concurrency is 0"):
        client.predict([b"x"], concurrency=0)


def test_connection_that_the_server_closed_is_replaced(server):
    server.closes = True
    with Client(server.url, "pets") as client:
        assert client.predict([b"a"]) + client.predict([b"b"]) == [document("a"), document("b")]


def test_dead_server_is_named_with_what_to_do():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with Client(url, "pets") as client, pytest.raises(ServingError, match=f"No server answers at {url}.*serve"):
            client.predict([b"x"] * 10)


def test_silent_server_is_given_up_in_time():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with Client(url, "pets", timeout_s=0.1) as client, pytest.raises(ServingError, match="did not answer within"):
            client.predict([b"x"])


def test_slow_server_is_not_asked_again(server):
    done = threading.Event()
    server.reply = lambda body, call: (200, answer("late")) if done.wait(10) else (500, b"")
    with Client(server.url, "pets", timeout_s=0.2) as client, pytest.raises(ServingError, match=r"within 0\.2 s"):
        client.predict_one(b"x")
    done.set()
    assert len(server.calls) == 1


def test_early_refusal_is_read_while_the_body_is_sent():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        refuser = threading.Thread(target=refuse_early, args=(listening,))
        refuser.start()
        with Client(url, "pets") as client:
            found = client.predict_one(bytes(100 << 20))
        refuser.join()
    assert found["error"]["status"] == 413


def refuse_early(listening: socket.socket) -> None:
    """Answers 413 to the first request when only its head is read, and closes."""
    connection, _ = listening.accept()
    with connection:
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


@pytest.mark.parametrize("content", [b"<html>", b"[]", b"{}", b'{"label": "cat"}', b"1"])
@pytest.mark.parametrize("protocol", ["raw", "v1", "v2", "v2-binary"])
def test_foreign_server_is_told(server, protocol, content):
    server.reply = lambda body, call: (200, content)
    with (
        Client(server.url, "pets", protocol=protocol) as client,
        pytest.raises(ServingError, match="not answer as a Saccade server"),
    ):
        client.predict([b"x"])


def test_unreadable_file_has_its_error_and_harms_no_other(server, tmp_path):
    with Client(server.url, "pets") as client:
        answers = client.predict([b"a", tmp_path / "gone", b"b"])
    error = {"code": "unreadable", "message": "The file cannot be read: No such file or directory."}
    assert answers == [document("a"), {"error": error}, document("b")]


def test_images_are_taken_no_further_ahead_than_twice_the_concurrency(server):
    taken = []

    def endless() -> Iterator[bytes]:
        for number in itertools.count():
            taken.append(number)
            yield str(number).encode()

    with Client(server.url, "pets") as client:
        first = list(itertools.islice(client.predict_each(endless(), concurrency=3), 10))
    assert [found["label"] for found in first] == [str(number) for number in range(10)]
    assert len(taken) <= 10 + 2 * 3


def test_importing_the_client_loads_no_heavy_library():
    heavy = ("torch", "kserve", "saccade_native", "numpy", "cv2", "openvino", "grpc", "pandas")
    script = f"import sys, saccade.client; print([name for name in {heavy} if name in sys.modules])"
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert finished.stdout == "[]\n"


@pytest.mark.parametrize("url", ["", "127.0.0.1:8080", "ftp://host", "http://", "http://host:port", "http://host:0"])
def test_address_that_is_none_is_refused(url):
    with pytest.raises(UsageError, match="not a server's address"):
        Client(url, "pets")


def test_unknown_protocol_is_refused_with_the_known():
    with pytest.raises(UsageError, match="raw, v1, v2, v2-binary, grpc"):
        Client("http://localhost", "pets", protocol="v3")


@pytest.mark.parametrize("token", ["line\nbreak", "schlüssel"])
def test_token_that_no_header_can_carry_is_refused(token):
    with pytest.raises(UsageError, match="printable"):
        Client("http://localhost", token=token)
