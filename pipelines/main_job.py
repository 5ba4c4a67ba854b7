"""The main job: the training pipeline, then a served rehearsal, then a drift verdict on each of its streams."""

import contextlib
import fcntl
import resource
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saccade.core.artifacts import DRIFT_HTML, REPORT_HTML
from saccade.core.code import code_id
from saccade.core.errors import UsageError
from saccade.core.files import storage_errors, write_json
from saccade.data.fingerprint import fingerprint
from saccade.serving.torchserve.java import find_java
from saccade.serving.torchserve.server import TorchServe
from saccade.steps.rehearse import rehearse
from saccade_pipelines.drift import drift_pipeline
from saccade_pipelines.local import run_pipeline
from saccade_pipelines.training import training_pipeline

FALSE_ALARM_RATE = 0.01


@dataclass(frozen=True)
class MainJob:
    """What `saccade run` was asked for. out must be absolute: kfp stores artifact addresses."""

    out: Path
    sources: tuple[str, ...]
    mapping: Path | None
    name: str
    size: int | None
    balance: str
    architecture: str | None
    trials: int
    tune_seconds: float
    epochs: float | None
    engine: str
    port: int
    seed: int


@contextlib.contextmanager
def main_job(job: MainJob) -> Iterator[tuple[dict[str, Any], TorchServe]]:
    """Runs everything; yields the result and the server, which stops when the block ends.

    The result: accuracy, accuracy_low, accuracy_high (test split, 95 % interval), bundle, report, drift by stream,
    drift_reports, url, seconds by step, peak_rss_bytes. It is also written to out/summary.json.
    """
    find_java()  # before the hours of training, not after
    with storage_errors(job.out), _exclusive(job.out):
        trained = run_pipeline(training_pipeline, _training_arguments(job), job.out)
        bundle = _link(job.out / "bundle", trained["bundle"].path)
        model_store = _link(job.out / "model_store", trained["model_store"].path)
        with TorchServe(
            model_store, port=job.port, log_dir=job.out / "logs", capture_dir=_empty(job.out / "capture")
        ) as server:
            rehearsal = rehearse(
                server.url,
                bundle,
                Path(trained["prepared"].path),
                job.out / "capture",
                _empty(job.out / "streams"),
                seed=job.seed,
            )
            verdicts = {name: _drift(job, Path(capture), bundle) for name, capture in rehearsal["streams"].items()}
            result = _result(trained, rehearsal, verdicts, server, job)
            write_json(job.out / "summary.json", result)
            yield result, server


def _training_arguments(job: MainJob) -> dict[str, Any]:
    return {
        "sources": list(job.sources),
        "source_id": fingerprint(job.sources),
        "code_id": code_id(),
        "mapping": str(job.mapping or ""),
        "name": job.name,
        "size": job.size or 0,
        "balance": job.balance,
        "architecture": job.architecture or "",
        "trials": job.trials,
        "tune_seconds": job.tune_seconds,
        "epochs": job.epochs or 0.0,
        "engine": job.engine,
        "seed": job.seed,
    }


def _drift(job: MainJob, capture: Path, bundle: Path) -> dict[str, Any]:
    arguments = {"capture": str(capture), "bundle": str(bundle), "false_alarm_rate": FALSE_ALARM_RATE, "seed": job.seed}
    directory = job.out / "drift" / capture.name
    outputs = run_pipeline(drift_pipeline, arguments, directory)
    result = _link(directory / "result", outputs["result"].path)
    return {**outputs["verdict"], "report": str(result / DRIFT_HTML)}


def _result(
    trained: dict[str, Any], rehearsal: dict[str, Any], verdicts: dict[str, Any], server: TorchServe, job: MainJob
) -> dict[str, Any]:
    steps = {
        "import": trained["imported"],
        "prepare": trained["preparation"],
        "tune": trained["tuning"],
        "train": trained["training"],
        "evaluate": trained["evaluation"],
        "publish": trained["publication"],
        "serve": {"seconds": server.start_seconds},
        "rehearse": rehearsal,
        **{f"drift_{name}": verdict for name, verdict in verdicts.items()},
    }
    own_peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    evaluation = trained["evaluation"]
    bundle = job.out / "bundle"
    return {
        "accuracy": evaluation["accuracy"],
        "accuracy_low": evaluation["accuracy_low"],
        "accuracy_high": evaluation["accuracy_high"],
        "dataset": trained["imported"],
        "bundle": str(bundle),
        "report": str(bundle / REPORT_HTML),
        "model_store": str(job.out / "model_store"),
        "model": job.name,
        "url": server.url,
        "example": rehearsal["example"],
        "served_accuracy": rehearsal["accuracy"],
        "drift": {name: verdict["drift"] for name, verdict in verdicts.items()},
        "drift_moved": {name: verdict["moved"] for name, verdict in verdicts.items()},
        "drift_reports": {name: verdict["report"] for name, verdict in verdicts.items()},
        "seconds": {name: summary["seconds"] for name, summary in steps.items()},
        "peak_rss_bytes": max([own_peak, *(summary.get("peak_rss_bytes", 0) for summary in steps.values())]),
    }


@contextlib.contextmanager
def _exclusive(out: Path) -> Iterator[None]:
    out.mkdir(parents=True, exist_ok=True)
    with (out / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(f"Another `saccade run` works in '{out}'. Wait for it or choose another --out.") from error
        yield


def _link(link: Path, target: str) -> Path:
    """Points out/bundle and its like at the artifact inside kfp's tree, relatively, so that the run can be moved."""
    draft = link.with_name(f".{link.name}.tmp")
    draft.unlink(missing_ok=True)
    draft.symlink_to(Path(target).relative_to(link.parent))
    draft.replace(link)
    return link


def _empty(directory: Path) -> Path:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory
