"""Words for people: to stderr, one line each. Servers may write them as JSON for programs."""

import logging
import sys
from typing import TextIO

from pythonjsonlogger.json import JsonFormatter

logger = logging.getLogger("saccade")


def configure_logging(verbose: bool = False) -> None:
    """Sends Saccade's log lines to stderr as bare sentences. Call once, at the edge."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger.handlers[:] = [handler]
    logger.setLevel(logging.DEBUG if verbose else logging.INFO)
    logger.propagate = False


def configure_json_logging(stream: TextIO) -> None:
    """Sends our lines, and what libraries warn of, to stream: one JSON object a line.

    Its keys are time (ISO 8601, UTC), level, message, exc_info for an exception, and the fields of the line itself.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        JsonFormatter("{levelname}{message}", style="{", rename_fields={"levelname": "level"}, timestamp="time")
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logger.handlers.clear()
    logger.setLevel(logging.INFO)
    logger.propagate = True
