"""Words for people: to stderr, one line each. Servers may write them as JSON for programs."""

import atexit
import contextlib
import functools
import logging
import queue
import sys
import time
from collections.abc import Callable
from logging.handlers import QueueHandler, QueueListener
from typing import TextIO

from pythonjsonlogger.json import JsonFormatter

logger = logging.getLogger("saccade")

MOST_WAITING_LINES = 1000
LAST_LINES_S = 1.0  # for lines that wait when the process ends


def configure_logging(verbose: bool = False) -> None:
    """Sends Saccade's log lines to stderr as bare sentences. Call once, at the edge."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger.handlers[:] = [handler]
    logger.setLevel(logging.DEBUG if verbose else logging.INFO)
    logger.propagate = False


def configure_server_logging(stream: TextIO, *, as_json: bool) -> Callable[[], None]:
    """Sends our lines, and what libraries warn of, to stream, from a thread. Call once, at the edge.

    as_json: each line is an object with the keys time (ISO 8601, UTC), level, message, exc_info for an exception, and
    the fields of the line itself.   While nobody reads the stream, lines wait; beyond MOST_WAITING_LINES they are lost.
    Returns what waits until all lines so far are written, at most LAST_LINES_S; the end of the process does so too.
    """
    writer = logging.StreamHandler(stream)
    writer.setFormatter(
        JsonFormatter("{levelname}{message}", style="{", rename_fields={"levelname": "level"}, timestamp="time")
        if as_json
        else logging.Formatter("%(message)s")
    )
    lines: queue.Queue[logging.LogRecord] = queue.Queue(MOST_WAITING_LINES)
    QueueListener(lines, writer).start()
    flush = functools.partial(_await_last_lines, lines)
    atexit.register(flush)
    root = logging.getLogger()
    root.handlers[:] = [_BackgroundHandler(lines)]
    root.setLevel(logging.WARNING)
    logger.handlers.clear()
    logger.setLevel(logging.INFO)
    logger.propagate = True
    return flush


class _BackgroundHandler(QueueHandler):
    """Never waits: a log that nobody reads must not stop a server."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        return record  # the writer is in this process and may format it

    def enqueue(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(queue.Full):
            self.queue.put_nowait(record)


def _await_last_lines(lines: "queue.Queue[logging.LogRecord]") -> None:
    deadline = time.monotonic() + LAST_LINES_S
    while lines.unfinished_tasks and time.monotonic() < deadline:
        time.sleep(0.01)
