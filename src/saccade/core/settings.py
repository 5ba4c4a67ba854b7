"""The one reader of environment variables."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from saccade.core.errors import UsageError

TELEMETRY_OPT_OUT = {
    "DO_NOT_TRACK": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


@dataclass(frozen=True)
class Settings:
    """What the environment says. Every field has a default that works on a laptop."""

    cache_dir: Path
    threads: int
    progress_tty: Path | None
    work_dir: Path | None
    run_process_id: int | None
    capture_dir: Path | None
    capture_images: bool
    capture_queue_bytes: int
    capture_spool_dir: Path | None
    capture_spool_bytes: int
    capture_sample: float
    capture_all_ood: bool
    log_format: str
    log_slow_s: float
    log_sample: float
    trusted_key: Path | None
    mlflow_run_id: str | None
    mlflow_tracking_uri: str | None


def read_settings() -> Settings:
    """Returns the settings of this process. Cheap; call it where they are needed.

    SACCADE_CACHE            downloads and kfp's step cache; default ~/.cache/saccade
    SACCADE_THREADS          worker threads of native code and torch; default: the CPUs this process may use
    SACCADE_PROGRESS_TTY     a terminal device on which steps run by a pipeline draw their progress bar
    SACCADE_WORK_DIR         where an interrupted step keeps what it resumes from; unset: beside the step's output
    SACCADE_RUN_PID          the `saccade run` that started this step: the step ends when that process is gone
    SACCADE_CAPTURE_DIR      where the server writes capture records; unset: no capture
    SACCADE_CAPTURE_IMAGES   1: capture keeps the image bytes too
    SACCADE_CAPTURE_QUEUE_BYTES  the most memory that waiting capture records may hold; default 64 MiB
    SACCADE_CAPTURE_SPOOL_DIR    a local directory where capture files wait while the capture directory is broken or
                             hangs, and where the next process finds them; unset: they wait in memory only
    SACCADE_CAPTURE_SPOOL_BYTES  the most bytes that those files may have; default 1 GiB
    SACCADE_CAPTURE_SAMPLE   the share of requests that is captured, 0 to 1, chosen by request id; default 1
    SACCADE_CAPTURE_ALL_OOD  1: out-of-distribution answers are captured beyond the sample; for labelling, as drift
                             found in such records would be an artefact
    SACCADE_LOG_FORMAT       json: a server writes its log as one JSON object a line; default text
    SACCADE_LOG_SLOW_SECONDS a server logs requests that took as long; default 1
    SACCADE_LOG_SAMPLE       the share of successful requests that a server logs, 0 to 1, by request id; default 0
    SACCADE_TRUSTED_KEY      an Ed25519 public key in PEM: models without its signature are not served; unset: any model
    MLFLOW_RUN_ID, MLFLOW_TRACKING_URI   join this run (set by Kubeflow Pipelines) and do not open another
    """
    environ = os.environ
    return Settings(
        cache_dir=Path(environ.get("SACCADE_CACHE", "~/.cache/saccade")).expanduser(),
        threads=int(environ.get("SACCADE_THREADS", "0")) or len(os.sched_getaffinity(0)),
        progress_tty=_optional_path("SACCADE_PROGRESS_TTY"),
        work_dir=_optional_path("SACCADE_WORK_DIR"),
        run_process_id=int(environ["SACCADE_RUN_PID"]) if "SACCADE_RUN_PID" in environ else None,
        capture_dir=_optional_path("SACCADE_CAPTURE_DIR"),
        capture_images=environ.get("SACCADE_CAPTURE_IMAGES", "0") == "1",
        capture_queue_bytes=int(environ.get("SACCADE_CAPTURE_QUEUE_BYTES", str(64 << 20))),
        capture_spool_dir=_optional_path("SACCADE_CAPTURE_SPOOL_DIR"),
        capture_spool_bytes=int(environ.get("SACCADE_CAPTURE_SPOOL_BYTES", str(1 << 30))),
        capture_sample=_share("SACCADE_CAPTURE_SAMPLE", 1.0),
        capture_all_ood=environ.get("SACCADE_CAPTURE_ALL_OOD", "0") == "1",
        log_format=_one_of("SACCADE_LOG_FORMAT", ("text", "json")),
        log_slow_s=float(environ.get("SACCADE_LOG_SLOW_SECONDS", "1")),
        log_sample=_share("SACCADE_LOG_SAMPLE", 0.0),
        trusted_key=_optional_path("SACCADE_TRUSTED_KEY"),
        mlflow_run_id=environ.get("MLFLOW_RUN_ID") or None,
        mlflow_tracking_uri=environ.get("MLFLOW_TRACKING_URI") or None,
    )


def opt_out_of_telemetry() -> None:
    """Tells the libraries of this process, and of its children as far as they listen, to send nothing home."""
    for name, value in TELEMETRY_OPT_OUT.items():
        os.environ.setdefault(name, value)
    # OpenVINO and NNCF ask no variable of ours, only a file in the home directory. They do without this package.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]


def _optional_path(name: str) -> Path | None:
    value = os.environ.get(name)
    return Path(value) if value else None


def _share(name: str, default: float) -> float:
    """Raises UsageError for what is no number from 0 to 1."""
    text = os.environ.get(name, str(default))
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise UsageError(f"{name} is '{text}'. Give a share from 0 to 1, such as 0.1.")
    return value


def _one_of(name: str, choices: Sequence[str]) -> str:
    """Returns the variable's value, the first choice when it is unset. Raises UsageError for any other."""
    text = os.environ.get(name, choices[0])
    if text not in choices:
        raise UsageError(f"{name} is '{text}'. Choose one of {', '.join(choices)}.")
    return text
