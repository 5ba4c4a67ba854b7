"""Runs a pipeline on this machine: kfp.local, one subprocess a step, in the current environment."""

import contextlib
import io
import json
import os
import re
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from kfp import local

from saccade.core import errors
from saccade.core.artifacts import MLFLOW_DB

STEP_ERROR = re.compile(r"saccade\.core\.errors\.(?P<kind>\w+): (?P<message>.*)")
# What kfp prints around a step's own lines, which it indents.
KFP_RECORD = re.compile(r"\d\d:\d\d:\d\d\.\d+ - ")
EXECUTOR_RECORD = "[KFP Executor"
JSON_END = "    }"
TRACEBACK = "Traceback (most recent call last)"
STEP_LINE_INDENT = "    "


def run_pipeline(pipeline: Callable[..., Any], arguments: dict[str, Any], directory: Path) -> dict[str, Any]:
    """Runs pipeline with kfp.local and returns its outputs: kfp artifacts, and what steps returned.

    directory keeps the artifacts, the cache and pipeline.log. A finished step is not run again for the same arguments
    and inputs. What steps print goes to stderr, what kfp prints to the log.
    Raises the error that the failing step raised.
    """
    artifacts, cache = directory / "artifacts", directory / "cache"
    artifacts.mkdir(parents=True, exist_ok=True)
    remove_unreferenced_runs(artifacts, cache)
    runner = local.SubprocessRunner(use_venv=False)
    local.init(
        runner=runner,
        pipeline_root=str(artifacts),
        workspace_root=str(directory / "workspace"),
        enable_caching=True,
        cache_root=str(cache),
    )
    with (directory / "pipeline.log").open("a", encoding="utf-8") as log, _step_environment(directory):
        output = _StepOutput(log)
        try:
            with contextlib.redirect_stdout(output), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # "custom image", "cpu limit": true, and of no meaning on this machine
                finished = pipeline(**arguments)
        except RuntimeError as error:
            raise output.error(directory / "pipeline.log") from error
    return {name: _with_whole_numbers(value) for name, value in finished.outputs.items()}


def remove_unreferenced_runs(artifacts: Path, cache: Path) -> None:
    """Removes what failed and interrupted runs left: directories that no cached step refers to."""
    entries = " ".join(entry.read_text(encoding="utf-8") for entry in cache.glob("*.json"))
    for run in artifacts.iterdir():
        if json.dumps(str(run))[1:-1] + "/" not in entries:
            shutil.rmtree(run, ignore_errors=True)


def _with_whole_numbers(value: Any) -> Any:
    """Returns a step's dictionary with its integers: kfp hands it on as a protobuf Struct, which knows only floats."""
    if not isinstance(value, dict):
        return value
    return json.loads(
        json.dumps(value), parse_float=lambda text: int(float(text)) if text.endswith(".0") else float(text)
    )


class _StepOutput(io.TextIOBase):
    """Sends every line to the log and a step's own lines to stderr; remembers the last error that a step raised."""

    def __init__(self, log: io.TextIOBase) -> None:
        self.log = log
        self.partial = ""
        self.shows = False
        self.last_error: tuple[str, str] | None = None

    def write(self, text: str) -> int:
        self.partial += text
        *lines, self.partial = self.partial.split("\n")
        for line in lines:
            self._line(line)
        return len(text)

    def _line(self, line: str) -> None:
        self.log.write(line + "\n")
        self.log.flush()
        if found := STEP_ERROR.search(line):
            self.last_error = found["kind"], found["message"]
        if KFP_RECORD.match(line):
            self.shows = "Streamed logs" in line
        elif EXECUTOR_RECORD in line:
            self.shows = not line.endswith("executor_input:")  # a page of JSON follows, to its closing brace
        elif line == JSON_END:
            self.shows = True
        elif TRACEBACK in line:
            self.shows = False
        elif self.shows and line.strip():
            print(line.removeprefix(STEP_LINE_INDENT), file=sys.stderr, flush=True)

    def error(self, log_path: Path) -> errors.SaccadeError:
        """Returns the step's own error, or one that points to the log."""
        if self.last_error is None:
            return errors.SaccadeError(f"A step failed without a reason of its own. Read '{log_path}', then run again.")
        kind, message = self.last_error
        return getattr(errors, kind, errors.SaccadeError)(message)


@contextlib.contextmanager
def _step_environment(directory: Path) -> Iterator[None]:
    added = {"SACCADE_RUN_PID": str(os.getpid()), "SACCADE_WORK_DIR": str(directory / "work"), "PYTHONUNBUFFERED": "1"}
    if sys.stderr.isatty():
        added["SACCADE_PROGRESS_TTY"] = os.ttyname(sys.stderr.fileno())
    before = dict(os.environ)
    os.environ.update(added)
    os.environ.setdefault("MLFLOW_TRACKING_URI", f"sqlite:///{directory / MLFLOW_DB}")  # one record of the whole run
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
