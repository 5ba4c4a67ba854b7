"""Request bodies within limits: of one body, of all bodies in memory at once, and of time."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus

from starlette.requests import Request

from saccade.serving.request_error import RequestError

BODY_TIMEOUT_S = 30.0  # a client that takes longer holds memory that others could use


class Bodies:
    """Reads the bodies of one server, in one event loop."""

    def __init__(self, max_body_bytes: int, max_held_bytes: int) -> None:
        """max_held_bytes: of all bodies that are being read or answered."""
        self.max_body_bytes, self.max_held_bytes = max_body_bytes, max_held_bytes
        self._held_bytes = 0

    @asynccontextmanager
    async def read(self, request: Request) -> AsyncIterator[bytes]:
        """The whole body, which counts as held until the block ends.

        Raises RequestError 413 for a body that is too long, before it is read if its length is announced; 408 for one
        that comes too slowly; 503 when too much is held. Raises ClientDisconnect when the client is gone.
        """
        # What is only announced is not held: else a few slow clients that announce much would shut out all others.
        announced_bytes = int(request.headers.get("content-length", "0"))
        with self.hold(announced_bytes):
            pass
        with self.hold(0) as held:
            yield await _received(request, held)

    @contextmanager
    def hold(self, body_bytes: int) -> Iterator["_Held"]:
        """Counts a body as held until the block ends. Raises RequestError where a limit is passed."""
        held = _Held(self)
        try:
            held.grow_to(body_bytes)
            yield held
        finally:
            held.release()

    def take(self, more_bytes: int, body_bytes: int) -> None:
        """Counts more_bytes of a body of body_bytes so far as held. Raises RequestError where a limit is passed."""
        if body_bytes > self.max_body_bytes:
            raise RequestError(
                "too_large",
                f"The body has {body_bytes:,} bytes or more; the limit is {self.max_body_bytes:,}.",
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            )
        if self._held_bytes + more_bytes > self.max_held_bytes:
            raise RequestError(
                "overloaded",
                f"The server holds {self._held_bytes:,} bytes of requests, of at most {self.max_held_bytes:,}. "
                "Try again later.",
                HTTPStatus.SERVICE_UNAVAILABLE,
            )
        self._held_bytes += more_bytes

    def give_back(self, held_bytes: int) -> None:
        """Counts bytes as held no longer."""
        self._held_bytes -= held_bytes


class _Held:
    """What one body holds."""

    def __init__(self, bodies: Bodies) -> None:
        self._bodies, self._bytes = bodies, 0

    def grow_to(self, body_bytes: int) -> None:
        if body_bytes > self._bytes:
            self._bodies.take(body_bytes - self._bytes, body_bytes)
            self._bytes = body_bytes

    def release(self) -> None:
        self._bodies.give_back(self._bytes)


async def _received(request: Request, held: _Held) -> bytes:
    chunks: list[bytes] = []
    received = 0
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for chunk in request.stream():
                received += len(chunk)
                held.grow_to(received)
                chunks.append(chunk)
    except TimeoutError as error:
        raise RequestError(
            "slow_body", f"The body did not come within {BODY_TIMEOUT_S:.0f} s.", HTTPStatus.REQUEST_TIMEOUT
        ) from error
    return b"".join(chunks)
