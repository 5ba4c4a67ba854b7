"""The one reader of environment variables."""

import os
from dataclasses import dataclass
from pathlib import Path

TELEMETRY_OPT_OUT = {
    "DO_NOT_TRACK": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "OPENVINO_TELEMETRY_OPT_OUT": "1",
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
        mlflow_run_id=environ.get("MLFLOW_RUN_ID") or None,
        mlflow_tracking_uri=environ.get("MLFLOW_TRACKING_URI") or None,
    )


def opt_out_of_telemetry() -> None:
    """Tells the libraries that this process and its children start to send nothing home."""
    for name, value in TELEMETRY_OPT_OUT.items():
        os.environ.setdefault(name, value)


def _optional_path(name: str) -> Path | None:
    value = os.environ.get(name)
    return Path(value) if value else None
