"""MLflow: every training, search and trial is a run. The only file that imports mlflow."""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow.entities import Metric, Param
from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from saccade.core.artifacts import MLFLOW_DB
from saccade.core.settings import read_settings

EXPERIMENT = "saccade"
METRICS_PER_CALL = 1000  # MLflow's limit for one batch
CURVES = ("loss", "accuracy", "validation_accuracy", "learning_rate")


@dataclass(frozen=True)
class TrackedRun:
    """One run in MLflow that is being written."""

    client: MlflowClient
    experiment_id: str
    run_id: str

    def log_parameters(self, values: Mapping[str, Any]) -> None:
        """Records what was chosen."""
        self.client.log_batch(self.run_id, params=[Param(name, str(value)) for name, value in values.items()])

    def log_metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Records what came out."""
        self._log([Metric(name, value, _now_ms(), step) for name, value in values.items()])

    def log_curves(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Records rows of Training.curves at their steps."""
        now = _now_ms()
        self._log(
            [Metric(name, row[name], now, row["step"]) for row in rows for name in CURVES if row[name] is not None]
        )

    def log_trial(self, name: str, parameters: Mapping[str, Any], accuracies: Sequence[float]) -> None:
        """Records one trial as a run nested in this one, with its validation accuracy after each round."""
        tags = {MLFLOW_PARENT_RUN_ID: self.run_id}
        run = self.client.create_run(self.experiment_id, run_name=name, tags=tags)
        trial = TrackedRun(self.client, self.experiment_id, run.info.run_id)
        trial.log_parameters(parameters)
        now = _now_ms()
        trial._log([Metric("validation_accuracy", value, now, step) for step, value in enumerate(accuracies, 1)])
        self.client.set_terminated(trial.run_id)

    def _log(self, metrics: list[Metric]) -> None:
        for start in range(0, len(metrics), METRICS_PER_CALL):
            self.client.log_batch(self.run_id, metrics=metrics[start : start + METRICS_PER_CALL])


@contextmanager
def tracked_run(name: str, directory: Path) -> Iterator[TrackedRun]:
    """Yields the run that this step writes to; it ends as finished, failed, or killed (by Ctrl-C).

    When MLFLOW_RUN_ID is set, as by Kubeflow Pipelines, that run is joined and its owner ends it.
    Without MLFLOW_TRACKING_URI the runs are kept in an SQLite file in directory.
    """
    logging.getLogger("mlflow").setLevel(logging.WARNING)  # else it tells about each table of a new database
    logging.getLogger("alembic").setLevel(logging.WARNING)
    settings = read_settings()
    if settings.mlflow_tracking_uri is None:
        directory.mkdir(parents=True, exist_ok=True)
    client = MlflowClient(settings.mlflow_tracking_uri or f"sqlite:///{directory.resolve() / MLFLOW_DB}")
    if settings.mlflow_run_id is not None:
        run = client.get_run(settings.mlflow_run_id)
        yield TrackedRun(client, run.info.experiment_id, run.info.run_id)
        return
    run = client.create_run(_experiment_id(client), run_name=name)
    try:
        yield TrackedRun(client, run.info.experiment_id, run.info.run_id)
    except BaseException as error:
        client.set_tag(run.info.run_id, "error", str(error))
        client.set_terminated(run.info.run_id, "FAILED" if isinstance(error, Exception) else "KILLED")
        raise
    client.set_terminated(run.info.run_id)


def _experiment_id(client: MlflowClient) -> str:
    experiment = client.get_experiment_by_name(EXPERIMENT)
    return experiment.experiment_id if experiment else client.create_experiment(EXPERIMENT)


def _now_ms() -> int:
    return int(time.time() * 1000)
