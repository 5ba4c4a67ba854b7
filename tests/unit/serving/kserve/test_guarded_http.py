"""A real uvicorn with our protocol, asked over bare sockets."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import uvicorn

from saccade.serving.kserve import guarded_http
from saccade.serving.kserve.guarded_http import GuardedHttp

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


async def app(scope, receive, send) -> None:
    """Answers at once and reads no body; /slow takes its time, and /read reads."""
    if scope["path"] == "/slow":
        await asyncio.sleep(0.5)
    while scope["path"] == "/read" and (await receive())["more_body"]:
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def connect(monkeypatch) -> Iterator[Callable[[], socket.socket]]:
    """connect(): a new connection to a server with short limits."""
    limits = {"IDLE_S": 0.6, "HEADERS_TIMEOUT_S": 0.3, "REQUEST_TIMEOUT_S": 2, "MAX_CONNECTIONS": 20}
    for name, value in limits.items():
        monkeypatch.setattr(guarded_http, name, value)
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, http=GuardedHttp, lifespan="off", log_config=None, timeout_keep_alive=60)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    clients: list[socket.socket] = []

    def connected() -> socket.socket:
        clients.append(socket.create_connection(listener.getsockname(), timeout=20))
        return clients[-1]

    yield connected
    for client in clients:
        client.close()
    server.should_exit = True
    thread.join()
    listener.close()


def everything(client: socket.socket) -> bytes:
    """What comes until the server closes the connection."""
    received = b""
    while chunk := client.recv(65536):
        received += chunk
    return received


def one_answer(client: socket.socket) -> bytes:
    received = b""
    while not received.endswith(b"ok"):
        received += client.recv(65536)
    return received


def test_connection_is_kept_for_the_next_request(connect):
    client = connect()
    for _ in range(3):
        client.sendall(GET)
        assert one_answer(client).startswith(b"HTTP/1.1 200")
        time.sleep(0.4)  # longer than headers may take, which count only from their first byte


@pytest.mark.parametrize("start", [b"G", b"GET / HTTP/1.1\r\nhost:", b"\r\n"])
def test_headers_that_do_not_end_in_time_are_refused(connect, start):
    client = connect()
    client.sendall(start)
    answer = everything(client)
    assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b'"code":"slow_request"' in answer


def test_byte_now_and_then_does_not_help(connect):
    client = connect()
    started = time.monotonic()
    with pytest.raises(OSError):  # noqa: PT011
        while time.monotonic() < started + 20:
            client.sendall(b"a")
            time.sleep(0.05)


def test_line_ends_between_requests_do_not_keep_a_connection(connect):
    client = connect()
    client.sendall(GET)
    one_answer(client)
    client.sendall(b"\r\n")
    assert everything(client).startswith(b"HTTP/1.1 408")


def test_silent_connection_is_closed(connect):
    assert everything(connect()) == b""


def test_body_that_nobody_reads_is_not_waited_for(connect):
    client = connect()
    client.sendall(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 99\r\n\r\n")
    one_answer(client)
    assert everything(client).startswith(b"HTTP/1.1 408")


def sent_until_closed(client: socket.socket, start: bytes, more: bytes) -> bytes:
    """Sends start and then more for ever, at most 100 MB."""
    client.sendall(start)
    try:
        for _ in range(100_000_000 // len(more)):
            client.sendall(more)
    except OSError:
        pass
    try:
        return everything(client)
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize(
    ("start", "more"),
    [
        (b"GET /", b"a" * 10_000),
        (b"GET / HTTP/1.1\r\na: ", b"a" * 10_000),
        (b"GET / HTTP/1.1\r\n", b"a: b\r\n" * 1000),
        (b"POST /slow HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n", b"a: b\r\n" * 1000),
        (b"POST /slow HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1;", b"a" * 10_000),
        (b"POST /slow HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\na: ", b"a" * 10_000),
    ],
)
def test_endless_line_or_headers_or_trailers_end_the_connection(connect, start, more):
    client = connect()
    answer = sent_until_closed(client, start, more)
    assert answer == b"" or answer.startswith((b"HTTP/1.1 431", b"HTTP/1.1 400"))
    client = connect()
    client.sendall(GET)
    assert one_answer(client).startswith(b"HTTP/1.1 200")


def test_large_body_in_chunks_is_no_overhead(connect):
    client = connect()
    client.sendall(b"POST /read HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n")
    client.sendall((b"100\r\n" + b"x" * 0x100 + b"\r\n") * 20_000 + b"0\r\n\r\n")  # 140,000 bytes are frames
    assert one_answer(client).startswith(b"HTTP/1.1 200")


def test_flood_of_requests_before_an_answer_is_refused(connect):
    client = connect()
    client.sendall(GET.replace(b"/ ", b"/slow ") + GET * 100)
    assert b"HTTP/1.1 400" in everything(client)


def test_connection_above_the_limit_is_told_so(connect):
    crowd = [connect() for _ in range(20)]
    time.sleep(0.1)
    assert everything(connect()).startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert len(crowd) == 20
