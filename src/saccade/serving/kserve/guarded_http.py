"""uvicorn's HTTP with limits where it has none: on slow and endless headers, on connections, and on unread bodies."""

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from saccade.serving.kserve.http_bodies import BODY_TIMEOUT_S
from saccade.serving.protocol import JSON_CONTENT_TYPE, error_body

MAX_CONNECTIONS = 900  # below the usual limit of 1,024 open files
IDLE_S = 65  # without a byte: longer than the 60 s of usual proxies, which would else meet a closed connection
HEADERS_TIMEOUT_S = 10
REQUEST_TIMEOUT_S = BODY_TIMEOUT_S + 5  # the body of an inference has its own limit, which is answered with a reason
MAX_OVERHEAD_BYTES = 64 << 10  # what is not body: request line, headers, the frames of chunks, trailers
MAX_PIPELINED = 16


class GuardedHttp(HttpToolsProtocol):
    """One connection. Whoever passes a limit is told so, if no answer is under way, and disconnected."""

    _clock: asyncio.TimerHandle | None = None
    _overhead_bytes = 0
    _in_request = False

    def connection_made(self, transport: Any) -> None:
        """Takes the connection if there is room for one more."""
        super().connection_made(transport)
        self._allow(IDLE_S)
        if len(self.connections) > MAX_CONNECTIONS:
            self._refuse(
                HTTPStatus.SERVICE_UNAVAILABLE, "overloaded", "There are too many connections. Try again later."
            )

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the connection."""
        self._stop_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parses what came. Anything that is no body counts, so that no part of a request can be endless."""
        if not self._in_request:
            self._in_request = True
            self._allow(HEADERS_TIMEOUT_S)
        self._overhead_bytes += len(data)
        super().data_received(data)
        if self._overhead_bytes > MAX_OVERHEAD_BYTES:
            status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            self._refuse(status, "too_large", f"Headers may have {MAX_OVERHEAD_BYTES:,} bytes.")

    def on_headers_complete(self) -> None:
        """Starts the request. An exception here is answered with 400."""
        if len(self.pipeline) > MAX_PIPELINED:
            raise ValueError("too many requests before the first was answered")
        self._allow(REQUEST_TIMEOUT_S)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Gives a part of the body to the request. An eighth more may be the frames of its chunks."""
        self._overhead_bytes -= len(body) * 9 // 8
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Lets the request take the time that its answer needs."""
        self._stop_clock()
        self._in_request, self._overhead_bytes = False, 0
        super().on_message_complete()

    def _allow(self, seconds: float) -> None:
        self._stop_clock()
        self._clock = self.loop.call_later(seconds, self._refuse_slow)

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _refuse_slow(self) -> None:
        if not self._in_request:  # it never sent a byte
            self.transport.close()
            return
        self._refuse(HTTPStatus.REQUEST_TIMEOUT, "slow_request", "The request did not come in time.")

    def _refuse(self, status: HTTPStatus, code: str, message: str) -> None:
        self._stop_clock()
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete:
            body = error_body(code, message)
            head = f"HTTP/1.1 {status} {status.phrase}\r\ncontent-type: {JSON_CONTENT_TYPE}\r\n"
            end = f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
            self.transport.write((head + end).encode() + body)
        self.transport.close()
