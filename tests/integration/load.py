"""A constant rate of requests, whatever the server does: each is sent at its time and its fate is recorded."""

import http.client
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

MOST_UNDER_WAY = 400  # requests; at 50 a second a server may stand still for 8 s before one is sent late


@dataclass(frozen=True)
class Fate:
    """What became of one request. status: 0 when no answer came, then error says why."""

    sent_at: float  # time.monotonic()
    latency_s: float
    status: int
    body: bytes = b""
    error: str = ""


class ConstantRate:
    """Sends requests while its block runs: with ConstantRate(url, path, bodies) as load: ...; load.fates

    Connections are kept alive, and opened again where the server closed them. A request is sent once, never again.
    """

    def __init__(
        self,
        url: str,
        path: str,
        bodies: Sequence[bytes],
        *,
        headers: dict[str, str] | None = None,
        per_second: float = 50,
        timeout_s: float = 30,
    ) -> None:
        """bodies: sent in turn.   timeout_s: when an answer is given up."""
        self._host, self._port = str(urlsplit(url).hostname), urlsplit(url).port
        self._path, self._bodies, self._headers = path, bodies, headers or {}
        self._per_second, self._timeout_s = per_second, timeout_s
        self._idle: deque[http.client.HTTPConnection] = deque()
        self._pool = ThreadPoolExecutor(MOST_UNDER_WAY, thread_name_prefix="load")
        self._stopped = threading.Event()
        self._sent: list[Future[Fate]] = []
        self._clock = threading.Thread(target=self._send_all, name="load-clock")

    def __enter__(self) -> Self:
        self._clock.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Sends no more and waits for the answers of what was sent."""
        self._stopped.set()
        self._clock.join()
        self._pool.shutdown()
        for connection in self._idle:
            connection.close()

    @property
    def fates(self) -> list[Fate]:
        """The fate of every request that has one, in the order in which they were sent."""
        return [sent.result() for sent in list(self._sent) if sent.done()]

    def failed(self) -> list[Fate]:
        """The requests that were not answered with 200."""
        return [fate for fate in self.fates if fate.status != 200]

    def await_answers(self, count: int) -> None:
        """Returns when count requests more than now were answered with 200."""
        wanted, deadline = self._right() + count, time.monotonic() + self._timeout_s
        while self._right() < wanted:
            assert time.monotonic() < deadline, f"fewer than {count} answers within {self._timeout_s} s"
            time.sleep(0.02)

    def _right(self) -> int:
        return sum(fate.status == 200 for fate in self.fates)

    def _send_all(self) -> None:
        started, number = time.monotonic(), 0
        while not self._stopped.wait(max(0.0, started + number / self._per_second - time.monotonic())):
            self._sent.append(self._pool.submit(self._send, self._bodies[number % len(self._bodies)]))
            number += 1

    def _send(self, body: bytes) -> Fate:
        sent_at = time.monotonic()
        connection = self._connection()
        try:
            connection.request("POST", self._path, body, self._headers)
            response = connection.getresponse()
            fate = Fate(sent_at, 0, response.status, response.read())
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            fate = Fate(sent_at, 0, 0, error=repr(error))
        self._idle.append(connection)  # http.client opens it again if it was closed
        return replace(fate, latency_s=time.monotonic() - sent_at)

    def _connection(self) -> http.client.HTTPConnection:
        try:
            return self._idle.pop()
        except IndexError:
            return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout_s)
