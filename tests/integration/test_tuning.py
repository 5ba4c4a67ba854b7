"""Ray Tune for real: a few short trials on this machine."""

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest
from mlflow.tracking import MlflowClient

from saccade.core.artifacts import MLFLOW_DB, TRIALS_PARQUET, TRIALS_SCHEMA, TUNING_JSON, TuningInfo
from saccade.core.errors import SpecError
from saccade.steps.tune import chosen_result, tune
from saccade.training.candidates import Candidate
from saccade.training.config import TrainingConfig
from saccade.training.tuning import ROUNDS, TrialResult

pytestmark = [
    pytest.mark.integration,
    # MLflow 3.17 still asks SQLAlchemy 2.1 for what it is going to remove.
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:sqlalchemy.exc.SADeprecationWarning"),
]
TRIALS = 3
START_S, END_S = 120, 60


def ray_processes() -> list[str]:
    """Every live process of a search, by Ray's directory in its command line or by the title of a trial."""
    lines = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    return [line for line in lines if "saccade-ray-" in line or "_Trial" in line]


@pytest.fixture(scope="module")
def tuned(prepared_digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("tuning") / "tuning"
    tune(prepared_digits, out, trials=TRIALS, seconds=300.0, seed=0)
    return out


def test_tuning_recommends_a_complete_configuration(tuned: Path) -> None:
    info = TuningInfo.load(tuned / TUNING_JSON)
    assert info.trials == TRIALS
    assert TrainingConfig.from_dict(info.config).architecture == "custom_cnn"


def test_default_recipe_is_the_first_trial_and_lives_to_the_end(tuned: Path) -> None:
    table = pq.read_table(tuned / TRIALS_PARQUET)
    first = table.to_pylist()[0]
    assert table.schema == TRIALS_SCHEMA
    assert table.num_rows == TRIALS
    assert (first["learning_rate"], first["weight_decay"], first["width"], first["rounds"]) == (1, 1, 1, ROUNDS)


def test_short_narrow_trial_learns_digits(tuned: Path) -> None:
    assert TuningInfo.load(tuned / TUNING_JSON).default_accuracy > 0.9


def test_every_trial_is_a_run_nested_in_the_search(tuned: Path) -> None:
    client = MlflowClient(f"sqlite:///{tuned.parent / MLFLOW_DB}")
    runs = client.search_runs([client.get_experiment_by_name("saccade").experiment_id])
    (search,) = [run for run in runs if run.info.run_name == "tune"]
    nested = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == search.info.run_id]
    assert {run.info.run_name for run in nested} == {f"trial {number}" for number in range(TRIALS)}
    assert {run.info.status for run in runs} == {"FINISHED"}


def test_no_ray_process_is_left(tuned: Path, wait_until) -> None:
    assert tuned.exists()
    wait_until(lambda: not ray_processes(), END_S)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_search_that_is_stopped_leaves_no_process_and_no_result(
    number: signal.Signals, prepared_digits: Path, tmp_path: Path, wait_until
) -> None:
    command = [sys.executable, "-m", "saccade", "tune", str(prepared_digits), "--out", str(tmp_path / "tuning")]
    command += ["--seconds", "600", "--trials", "20"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as search:
        wait_until(lambda: any("_Trial" in line for line in ray_processes()), START_S)
        search.send_signal(number)
    assert search.returncode != 0
    wait_until(lambda: not ray_processes(), END_S)
    assert not (tmp_path / "tuning").exists()


def test_search_without_time_keeps_the_default_recipe(prepared_digits: Path, tmp_path: Path) -> None:
    result = tune(prepared_digits, tmp_path / "tuning", trials=2, seconds=1.0)
    assert result["is_default"]


def test_unknown_architecture_is_refused_before_ray_starts(prepared_digits: Path, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no architecture 'resnet34'"):
        tune(prepared_digits, tmp_path / "tuning", architecture="resnet34")


def _result(accuracies: list[float], width: float = 1.0) -> TrialResult:
    return TrialResult(Candidate(width=width), accuracies)


def test_clearly_better_trial_is_chosen() -> None:
    results = [_result([0.5] * ROUNDS), _result([0.9] * ROUNDS, width=1.25)]
    assert chosen_result(results, validation_images=2000) is results[1]


def test_slightly_better_trial_is_not_chosen() -> None:
    results = [_result([0.80] * ROUNDS), _result([0.82] * ROUNDS, width=1.25)]
    assert chosen_result(results, validation_images=2000) is results[0]


def test_trial_that_was_stopped_is_not_chosen() -> None:
    results = [_result([0.5] * ROUNDS), _result([0.9], width=1.25)]
    assert chosen_result(results, validation_images=2000) is results[0]


def test_without_the_default_trial_nothing_is_chosen() -> None:
    results = [_result([]), _result([0.9] * ROUNDS, width=1.25)]
    assert chosen_result(results, validation_images=2000) is results[0]
