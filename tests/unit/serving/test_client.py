"""The client against a real HTTP server that answers as it is told."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from saccade.core.errors import ServingError, UsageError
from saccade.serving.client import RETRIES, Client
from saccade.serving.protocol import parse_request, response_body

Reply = tuple[int, bytes]


class Server(ThreadingHTTPServer):
    """reply(body, call number) decides each answer; calls and connections are counted."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.reply: Callable[[bytes, int], Reply] = lambda body, call: (200, answer(body.decode()))
        self.closes = False
        self.calls: list[tuple[str, str]] = []
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
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            self.server.calls.append((self.path, self.headers["Content-Type"]))
            call = len(self.server.calls)
        status, content = self.server.reply(body, call)
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        self.close_connection = self.server.closes  # without telling: as a server that gives up idle connections

    def log_message(self, *_: object) -> None:
        pass


def answer(label: str) -> bytes:
    return json.dumps({"label": label}).encode()


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
        assert client.predict([tmp_path / "image"]) == [{"label": "content"}]


def test_no_images_get_no_answers(server):
    with Client(server.url, "pets") as client:
        assert client.predict([]) == []


@pytest.mark.parametrize(
    ("protocol", "path"),
    [("raw", "/predictions/pets"), ("v1", "/v1/models/pets:predict"), ("v2", "/v2/models/pets/infer")],
)
def test_each_protocol_has_its_path_and_body(server, protocol, path):
    expected = {
        "label": "cat",
        "probability": 1.0,
        "top_k": [{"label": "cat", "probability": 1.0}],
        "ood": {"score": 0.0, "threshold": 1.0, "is_ood": False, "detector": "energy", "scores": {"energy": 0.0}},
        "model": {"name": "pets", "version": "1"},
        "request_id": "r",
    }

    def reply(body: bytes, call: int) -> Reply:
        request = parse_request(body, server.calls[-1][1])
        assert (request.protocol, request.images) == (protocol, (b"image",))
        return 200, response_body(protocol, [expected], "r")

    server.reply = reply
    with Client(server.url, "pets", protocol=protocol) as client:
        assert client.predict([b"image"]) == [expected]
    assert server.calls[0][0] == path


def test_url_may_have_a_path_of_its_own(server):
    with Client(f"{server.url}/serving/", "pets") as client:
        client.predict([b"x"])
    assert server.calls[0][0] == "/serving/predictions/pets"


def test_refused_image_has_its_error_and_harms_no_other(server):
    refusal = json.dumps({"error": {"code": "truncated", "message": "stops"}}).encode()
    server.reply = lambda body, call: (400, refusal) if body == b"bad" else (200, answer(body.decode()))
    with Client(server.url, "pets") as client:
        answers = client.predict([b"a", b"bad", b"b"])
    assert answers == [{"label": "a"}, {"error": {"code": "truncated", "message": "stops"}}, {"label": "b"}]


@pytest.mark.parametrize(
    ("status", "content", "error"),
    [
        (404, b'{"code": 404, "type": "ModelNotFoundException", "message": "Model not found: pets"}',
         {"code": "ModelNotFoundException", "message": "Model not found: pets"}),
        (413, b"", {"code": "http_413", "message": "The server answered 413 (Request Entity Too Large)."}),
        (599, b"[]", {"code": "http_599", "message": "The server answered 599 (unknown status)."}),
    ],
)  # fmt: skip
def test_foreign_refusal_is_told_in_our_form(server, status, content, error):
    server.reply = lambda body, call: (status, content)
    with Client(server.url, "pets") as client:
        assert client.predict([b"x"]) == [{"error": error}]


def test_full_server_is_asked_again(server):
    server.reply = lambda body, call: (503, b"{}") if call < 3 else (200, answer("late"))
    with Client(server.url, "pets") as client:
        assert client.predict([b"x"]) == [{"label": "late"}]
    assert len(server.calls) == 3


def test_server_that_stays_full_is_given_up(server):
    server.reply = lambda body, call: (503, b'{"type": "Busy", "message": "later"}')
    with Client(server.url, "pets") as client:
        assert client.predict([b"x"]) == [{"error": {"code": "Busy", "message": "later"}}]
    assert len(server.calls) == 1 + RETRIES


def test_connection_that_the_server_closed_is_replaced(server):
    server.closes = True
    with Client(server.url, "pets") as client:
        assert client.predict([b"a"]) + client.predict([b"b"]) == [{"label": "a"}, {"label": "b"}]


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


def test_foreign_server_is_told(server):
    server.reply = lambda body, call: (200, b"<html>")
    with Client(server.url, "pets") as client, pytest.raises(ServingError, match="not answer as a Saccade server"):
        client.predict([b"x"])


def test_missing_file_is_told_by_its_name(server, tmp_path):
    with Client(server.url, "pets") as client, pytest.raises(FileNotFoundError, match="gone"):
        client.predict([tmp_path / "gone"])


@pytest.mark.parametrize("url", ["", "127.0.0.1:8080", "ftp://host", "http://"])
def test_address_that_is_none_is_refused(url):
    with pytest.raises(UsageError, match="not a server's address"):
        Client(url, "pets")


def test_unknown_protocol_is_refused_with_the_known():
    with pytest.raises(UsageError, match="raw, v1, v2"):
        Client("http://localhost", "pets", protocol="v3")
