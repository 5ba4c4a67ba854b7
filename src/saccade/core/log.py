"""Words for people: to stderr, one line each."""

import logging
import sys

logger = logging.getLogger("saccade")


def configure_logging(verbose: bool = False) -> None:
    """Sends Saccade's log lines to stderr as bare sentences. Call once, at the edge."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger.handlers[:] = [handler]
    logger.setLevel(logging.DEBUG if verbose else logging.INFO)
    logger.propagate = False
