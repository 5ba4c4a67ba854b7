"""Limits of request bodies, with requests as an ASGI server hands them over."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import pytest
from starlette.requests import ClientDisconnect, Request

from saccade.serving.kserve import http_bodies
from saccade.serving.kserve.http_bodies import Bodies
from saccade.serving.request_error import RequestError


def sent(chunks: Sequence[bytes], announced: int | None = None, end: str = "http.request") -> Request:
    """A request whose body comes in chunks and then ends, or stalls, or breaks."""

    async def messages() -> AsyncIterator[dict]:
        for chunk in chunks:
            yield {"type": "http.request", "body": chunk, "more_body": True}
        if end == "stall":
            await asyncio.sleep(60)
        yield {"type": end}

    headers = [] if announced is None else [(b"content-length", str(announced).encode())]
    return Request({"type": "http", "method": "POST", "headers": headers}, messages().__anext__)


def read(bodies: Bodies, *requests: Request) -> list[bytes]:
    """Bodies that are all held at the same time."""

    async def nested(left: Sequence[Request]) -> list[bytes]:
        if not left:
            return []
        async with bodies.read(left[0]) as body:
            return [body, *await nested(left[1:])]

    return asyncio.run(nested(requests))


def test_chunks_become_one_body():
    assert read(Bodies(10, 10), sent([b"abc", b"", b"de"])) == [b"abcde"]


@pytest.mark.parametrize("announced", [None, 4, 11])
def test_body_above_the_limit_is_refused(announced):
    with pytest.raises(RequestError, match=r"11 bytes or more; the limit is 10") as caught:
        read(Bodies(10, 100), sent([b"x" * 6, b"x" * 5], announced))
    assert (caught.value.code, caught.value.http_status) == ("too_large", 413)


def test_announced_body_above_the_limit_is_not_read():
    with pytest.raises(RequestError, match="11 bytes"):
        read(Bodies(10, 100), sent([], 11, end="stall"))


@pytest.mark.parametrize("announced", [None, 6])
def test_bodies_together_above_the_limit_are_shed(announced):
    with pytest.raises(RequestError, match=r"holds 6 bytes of requests, of at most 11") as caught:
        read(Bodies(10, 11), sent([b"x" * 6]), sent([b"x" * 6], announced))
    assert (caught.value.code, caught.value.http_status) == ("overloaded", 503)


@pytest.mark.parametrize("end", ["http.request", "http.disconnect"])
def test_body_is_held_no_longer_than_its_request(end):
    bodies = Bodies(10, 10)
    for _ in range(3):
        with contextlib.suppress(ClientDisconnect):
            read(bodies, sent([b"x" * 6], end=end))
    assert read(bodies, sent([b"x" * 10])) == [b"x" * 10]


def test_refused_body_is_not_held():
    bodies = Bodies(10, 10)
    with pytest.raises(RequestError):
        read(bodies, sent([b"x" * 11]))
    assert read(bodies, sent([b"x" * 10])) == [b"x" * 10]


def test_body_that_stalls_is_given_up(monkeypatch):
    monkeypatch.setattr(http_bodies, "BODY_TIMEOUT_S", 0.01)
    with pytest.raises(RequestError) as caught:
        read(Bodies(10, 10), sent([b"x"], end="stall"))
    assert (caught.value.code, caught.value.http_status) == ("slow_body", 408)


def test_announced_bytes_that_do_not_come_take_no_room():
    bodies = Bodies(10, 10)

    async def slow_and_quick() -> bytes:
        slow = asyncio.create_task(bodies.read(sent([b"x"], announced=10, end="stall")).__aenter__())
        await asyncio.sleep(0.01)
        async with bodies.read(sent([b"quick"], announced=5)) as body:
            slow.cancel()
            return body

    assert asyncio.run(slow_and_quick()) == b"quick"
