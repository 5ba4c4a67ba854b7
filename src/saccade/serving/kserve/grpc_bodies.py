"""The message of each gRPC inference within limits: of one, of all in memory at once, and of time.

grpc receives the message of a unary call whole before it calls us, however slowly it comes. Here inference is a call
with a stream of requests, which is the same on the wire for a client that sends one: we ask for it, and may give up.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

from saccade.serving.kserve.http_bodies import BODY_TIMEOUT_S, Bodies
from saccade.serving.request_error import RequestError

MAX_MESSAGE_BYTES = 16 << 20


class Messages:
    """Reads the messages of one server, in one event loop."""

    def __init__(self, bodies: Bodies) -> None:
        """bodies: what counts messages that have come, together with the bodies of HTTP."""
        self._bodies = bodies
        self.max_bytes = min(MAX_MESSAGE_BYTES, bodies.max_body_bytes)
        # Those on their way cannot be counted by bytes: they have as much room again as all that have come.
        self._arriving = asyncio.Semaphore(max(1, bodies.max_held_bytes // self.max_bytes))

    @asynccontextmanager
    async def read(self, requests: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The first message, which counts as held until the block ends.

        Raises RequestError 408 for one that comes too slowly, 503 when too much is held, 400 for none.
        """
        message = await self._received(requests)
        with self._bodies.hold(len(message)):
            yield message

    async def _received(self, requests: AsyncIterator[bytes]) -> bytes:
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S), self._arriving:
                return await anext(aiter(requests))
        except StopAsyncIteration as error:
            raise RequestError("empty_body", "The call has no message.") from error
        except TimeoutError as error:
            raise RequestError(
                "slow_body", f"The message did not come within {BODY_TIMEOUT_S:.0f} s.", HTTPStatus.REQUEST_TIMEOUT
            ) from error
