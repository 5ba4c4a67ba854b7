"""Limits of gRPC messages, with calls as streams of requests."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from saccade.serving.kserve import grpc_bodies
from saccade.serving.kserve.grpc_bodies import MAX_MESSAGE_BYTES, Messages
from saccade.serving.kserve.http_bodies import Bodies
from saccade.serving.request_error import RequestError


async def call(*messages: bytes, after_s: float = 0) -> AsyncIterator[bytes]:
    await asyncio.sleep(after_s)
    for message in messages:
        yield message


def read(received: Messages, *calls: AsyncIterator[bytes]) -> list[bytes]:
    """Messages that are all held at the same time."""

    async def nested(left: tuple[AsyncIterator[bytes], ...]) -> list[bytes]:
        if not left:
            return []
        async with received.read(left[0]) as message:
            return [message, *await nested(left[1:])]

    return asyncio.run(nested(calls))


def test_first_message_of_a_call_is_read():
    assert read(Messages(Bodies(10, 10)), call(b"one", b"two")) == [b"one"]


def test_call_without_a_message_is_refused():
    with pytest.raises(RequestError) as caught:
        read(Messages(Bodies(10, 10)), call())
    assert caught.value.code == "empty_body"


def test_messages_count_together_with_bodies():
    bodies = Bodies(10, 10)
    with bodies.hold(6), pytest.raises(RequestError) as caught:
        read(Messages(bodies), call(b"12345"))
    assert (caught.value.code, caught.value.http_status) == ("overloaded", 503)
    assert read(Messages(bodies), call(b"12345")) == [b"12345"]


def test_slow_message_is_given_up_and_frees_its_place(monkeypatch):
    monkeypatch.setattr(grpc_bodies, "BODY_TIMEOUT_S", 0.05)
    received = Messages(Bodies(10, 10))
    with pytest.raises(RequestError) as caught:
        read(received, call(b"late", after_s=60))
    assert (caught.value.code, caught.value.http_status) == ("slow_body", 408)
    assert read(received, call(b"in time")) == [b"in time"]


def test_no_more_messages_arrive_at_once_than_there_is_room_for(monkeypatch):
    monkeypatch.setattr(grpc_bodies, "BODY_TIMEOUT_S", 0.2)
    received = Messages(Bodies(10, 25))  # room for two
    arriving: list[int] = []

    async def counted(number: int) -> AsyncIterator[bytes]:
        arriving.append(number)
        await asyncio.sleep(60)
        yield b""

    async def all_at_once() -> list[BaseException]:
        async def one(number: int) -> None:
            async with received.read(counted(number)):
                pass

        return await asyncio.gather(*(one(number) for number in range(5)), return_exceptions=True)

    errors = asyncio.run(all_at_once())
    assert arriving == [0, 1]
    assert {error.code for error in errors if isinstance(error, RequestError)} == {"slow_body"}


def test_message_is_limited_as_a_body_is_and_by_a_limit_of_its_own():
    assert Messages(Bodies(10, 100)).max_bytes == 10
    assert Messages(Bodies(1 << 30, 8 << 30)).max_bytes == MAX_MESSAGE_BYTES
