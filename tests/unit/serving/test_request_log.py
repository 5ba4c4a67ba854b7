"""Lines of the log as a program reads them."""

import io
import json
import logging
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from saccade.core.errors import UsageError
from saccade.core.log import configure_server_logging, logger
from saccade.core.settings import read_settings
from saccade.serving.request_error import RequestError
from saccade.serving.request_log import Call, RequestLog
from saccade.serving.trace import TraceContext

MODEL = SimpleNamespace(name="colours", version="7")
TRACE = TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", 1)
OVERLOADED = RequestError("overloaded", "128 images wait already", 503)


class Log(io.StringIO):
    """What was written, once all of it is."""

    def __init__(self) -> None:
        super().__init__()
        self.flush_lines = configure_server_logging(self, as_json=True)

    def getvalue(self) -> str:
        self.flush_lines()
        return super().getvalue()


@pytest.fixture(autouse=True)
def kept_logging() -> Iterator[None]:
    root = logging.getLogger()
    before = (root.handlers[:], root.level, logger.handlers[:], logger.level, logger.propagate)
    yield
    root.handlers[:], logger.handlers[:], logger.propagate = before[0], before[2], before[4]
    root.setLevel(before[1])
    logger.setLevel(before[3])


@pytest.fixture
def stream(kept_logging) -> Log:
    """Where JSON lines go while the test runs."""
    return Log()


def call(request_id: str = "mine") -> Call:
    return Call("v2", request_id, 0.0, TRACE)


def lines(stream: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_refusal_is_one_object_with_every_field(stream):
    RequestLog().refused(call(), OVERLOADED, MODEL)
    (line,) = lines(stream)
    assert line.pop("message").startswith(
        "Request mine was refused: model colours, version 7, status 503, code overloaded"
    )
    assert line.pop("time").endswith("+00:00")
    assert line.pop("seconds") > 0
    assert line == {
        "level": "WARNING",
        "request_id": "mine",
        "model": "colours",
        "version": "7",
        "protocol": "v2",
        "status": 503,
        "code": "overloaded",
        "trace_id": TRACE.trace_id,
        "span_id": TRACE.span_id,
    }


def test_message_of_an_error_is_not_told_as_it_may_repeat_the_client(stream):
    RequestLog().refused(
        call(), RequestError("unknown_model", "There is no model 'secret\nINFO: all is well'", 404), None
    )
    assert "secret" not in stream.getvalue()
    assert lines(stream)[0]["level"] == "INFO"


def test_quick_success_is_told_only_when_sampled(stream, monkeypatch):
    RequestLog().answered(call(), 0.01, MODEL)
    assert stream.getvalue() == ""
    monkeypatch.setenv("SACCADE_LOG_SAMPLE", "1")
    RequestLog().answered(call(), 0.01, MODEL)
    assert [(line["status"], line["seconds"]) for line in lines(stream)] == [(200, 0.01)]


def test_slow_success_is_told(stream, monkeypatch):
    monkeypatch.setenv("SACCADE_LOG_SLOW_SECONDS", "0.5")
    log = RequestLog()
    log.answered(call("quick"), 0.49, MODEL)
    log.answered(call("slow"), 0.5, MODEL)
    assert [line["request_id"] for line in lines(stream)] == ["slow"]


def test_flood_of_failures_is_counted_and_not_told(stream):
    now = [1.0]
    log = RequestLog(clock=lambda: now[0])
    for _ in range(1000):
        log.refused(call(), OVERLOADED, MODEL)
    assert len(lines(stream)) == 50
    now[0] += 0.1  # ten lines a second
    log.refused(call("later"), OVERLOADED, MODEL)
    last = lines(stream)[-1]
    assert (last["request_id"], last["lines_left_out"]) == ("later", 950)


def test_exception_and_warnings_of_libraries_are_objects_too(stream):
    logging.getLogger("some.library").warning("two\nlines")
    try:
        raise ValueError("bad")
    except ValueError:
        logger.exception("It failed.")
    library, ours = lines(stream)
    assert library["message"] == "two\nlines"
    assert ours["exc_info"].endswith("ValueError: bad")


def test_unknown_format_is_a_usage_error(monkeypatch):
    monkeypatch.setenv("SACCADE_LOG_FORMAT", "xml")
    with pytest.raises(UsageError, match=r"SACCADE_LOG_FORMAT is 'xml'\. Choose one of text, json"):
        read_settings()


def test_log_that_nobody_reads_stops_nobody_and_loses_only_lines():
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream:
        flush = configure_server_logging(stream, as_json=False)
        for number in range(5000):  # 1 MB, where a pipe holds 64 kB
            logger.warning(f"{number} {'x' * 200}")
        told = ThreadPoolExecutor(1).submit(Path(f"/dev/fd/{reader}").read_text)
        flush()
    numbers = [int(line.split()[0]) for line in told.result(30).splitlines()]
    os.close(reader)
    assert numbers == sorted(set(numbers))
    assert 1000 <= len(numbers) < 5000
