"""What every step shares: quiet libraries, an end when its run ends, and the time and memory that it took."""

import functools
import os
import resource
import select
import signal
import threading
import time
from collections.abc import Callable
from typing import Any, ParamSpec

from saccade.core.log import configure_logging, logger
from saccade.core.settings import opt_out_of_telemetry, read_settings

Parameters = ParamSpec("Parameters")


def step(function: Callable[Parameters, dict[str, Any]]) -> Callable[Parameters, dict[str, Any]]:
    """Returns function with `seconds` and `peak_rss_bytes` added to its result."""

    @functools.wraps(function)
    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> dict[str, Any]:
        opt_out_of_telemetry()
        if not logger.handlers:
            configure_logging()
        _end_with_the_run()
        started = time.monotonic()
        result = function(*args, **kwargs)
        peak_kilobytes = max(
            resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        )
        return {**result, "seconds": round(time.monotonic() - started, 2), "peak_rss_bytes": peak_kilobytes * 1024}

    return run


def _end_with_the_run() -> None:
    """Ends this process when `saccade run` is gone, even by kill -9: nobody would read the step's result."""
    run_process_id = read_settings().run_process_id
    if run_process_id in (None, os.getpid()):
        return
    try:
        run_process = os.pidfd_open(run_process_id)
    except ProcessLookupError:
        signal.raise_signal(signal.SIGKILL)
        return
    threading.Thread(target=_wait_and_die, args=(run_process,), daemon=True, name="end-with-run").start()


def _wait_and_die(process_descriptor: int) -> None:
    select.select([process_descriptor], [], [])
    os.kill(os.getpid(), signal.SIGKILL)
