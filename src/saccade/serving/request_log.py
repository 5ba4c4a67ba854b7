"""One line of the log for a request that failed, took long, or belongs to the sample; for all others none.

A line never holds what a client sent but for the request id, which has only letters, digits and '._:-'.
"""

import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from saccade.core.artifacts import BundleInfo
from saccade.core.log import logger
from saccade.core.settings import read_settings
from saccade.serving.recording import in_sample
from saccade.serving.request_error import RequestError
from saccade.serving.trace import TraceContext

LINES_PER_SECOND, MOST_LINES_AT_ONCE = 10.0, 50.0


@dataclass(frozen=True)
class Call:
    """One request as its door sees it: for the clock and for the lines of the log."""

    protocol: str
    request_id: str
    started: float
    trace: TraceContext

    @classmethod
    def start(cls, protocol: str, request_id: str | None, trace: TraceContext) -> "Call":
        """Starts the clock of a request. request_id: the client's, if it gave a usable one."""
        return cls(protocol, request_id or uuid.uuid4().hex, time.monotonic(), trace)


class RequestLog:
    """Writes the lines of one server's requests.

    More than LINES_PER_SECOND are counted, not written: bad requests must not fill a disk.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """clock: in seconds; that of Call.started."""
        self._clock = clock
        settings = read_settings()
        self._slow_s, self._sample = settings.log_slow_s, settings.log_sample
        self._allowance, self._earned = MOST_LINES_AT_ONCE, clock()
        self._left_out = 0

    def answered(self, call: Call, seconds: float, info: BundleInfo) -> None:
        """Tells of a success, if it was slow or is in the sample."""
        outcome = _model(info) | {"status": HTTPStatus.OK.value, "seconds": seconds}
        if seconds >= self._slow_s:
            self._write(logging.WARNING, "was slow", call, outcome)
        elif self._sample and in_sample(call.request_id, self._sample):
            self._write(logging.INFO, "was answered", call, outcome)

    def refused(self, call: Call, error: RequestError, info: BundleInfo | None) -> None:
        """Tells of a failure, by its code: its message may repeat what the client sent.

        info: of the model that was asked, once it is known.
        """
        level = logging.WARNING if error.http_status >= HTTPStatus.INTERNAL_SERVER_ERROR else logging.INFO
        seconds = self._clock() - call.started
        outcome = _model(info) | {"status": int(error.http_status), "code": error.code, "seconds": seconds}
        self._write(level, "was refused", call, outcome)

    def _write(self, level: int, what: str, call: Call, outcome: dict[str, Any]) -> None:
        if not self._may_write():
            self._left_out += 1
            return
        fields = {
            **outcome,
            "protocol": call.protocol,
            "seconds": round(outcome["seconds"], 6),
            "trace_id": call.trace.trace_id,
            "span_id": call.trace.span_id,
        }
        if self._left_out:
            fields["lines_left_out"], self._left_out = self._left_out, 0
        told = ", ".join(f"{name} {value}" for name, value in fields.items())
        logger.log(level, f"Request {call.request_id} {what}: {told}", extra={"request_id": call.request_id, **fields})

    def _may_write(self) -> bool:
        now = self._clock()
        self._allowance = min(self._allowance + (now - self._earned) * LINES_PER_SECOND, MOST_LINES_AT_ONCE)
        self._earned = now
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True


def _model(info: BundleInfo | None) -> dict[str, Any]:
    return {} if info is None else {"model": info.name, "version": info.version}
