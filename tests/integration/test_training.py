"""The train step for real, on digits: artifacts, MLflow, and going on after kill -9."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import openvino
import pyarrow.parquet as pq
import pytest
import torch
from mlflow.tracking import MlflowClient
from safetensors.torch import load_file

from saccade.core.artifacts import (
    CHECKPOINT,
    CURVES_PARQUET,
    CURVES_SCHEMA,
    ENGINE_XML,
    MLFLOW_DB,
    TRAINING_JSON,
    TUNING_JSON,
    WEIGHTS,
    TrainingInfo,
    TuningInfo,
)
from saccade.core.errors import SpecError
from saccade.data.bundle import DatasetBundle
from saccade.models.registry import build_model
from saccade.preprocess.spec import PreprocessSpec
from saccade.steps.train import train
from saccade.training.config import default_config

pytestmark = [
    pytest.mark.integration,
    # MLflow 3.17 still asks SQLAlchemy 2.1 for what it is going to remove.
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:sqlalchemy.exc.SADeprecationWarning"),
]
EPOCHS = 4.0
START_S = 180


@pytest.fixture(scope="module")
def trained(prepared_digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("training") / "training"
    train(prepared_digits, out, epochs=EPOCHS, seed=0)
    return out


def test_four_epochs_learn_digits(trained: Path, prepared_digits: Path) -> None:
    data = DatasetBundle.open(prepared_digits)
    spec = PreprocessSpec.parse(data.info.preprocess)
    rows = data.indices("test")
    pixels = (data.pixels[rows] / 255.0 - spec.mean) / spec.std
    engine = openvino.Core().compile_model(trained / ENGINE_XML, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    logits = engine(pixels.transpose(0, 3, 1, 2).astype(np.float32))[0]
    assert (logits.argmax(1) == data.labels[rows]).mean() > 0.95


def test_weights_rebuild_the_network_of_the_engine(trained: Path) -> None:
    info = TrainingInfo.load(trained / TRAINING_JSON)
    model = build_model(info.architecture, len(info.classes), 32, info.config["width"])
    model.load_state_dict(load_file(trained / WEIGHTS))
    pixels = np.random.default_rng(0).standard_normal((3, 3, 32, 32), np.float32)
    with torch.inference_mode():
        logits, features = model.eval()(torch.from_numpy(pixels))
    engine = openvino.Core().compile_model(trained / ENGINE_XML, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    answers = engine(pixels)
    np.testing.assert_allclose(answers["logits"], logits, atol=1e-3)
    np.testing.assert_allclose(answers["features"], features, atol=1e-2, rtol=1e-3)


def test_curves_have_a_row_a_step(trained: Path) -> None:
    table = pq.read_table(trained / CURVES_PARQUET)
    assert table.schema == CURVES_SCHEMA
    assert table["step"].to_pylist() == list(range(1, table.num_rows + 1))
    assert len([value for value in table["validation_accuracy"].to_pylist() if value is not None]) == EPOCHS


def test_digits_get_views_without_mirror_whose_weights_sum_to_one(trained: Path) -> None:
    views = TrainingInfo.load(trained / TRAINING_JSON).views
    assert views[0] == {"flip": False, "dy": 0, "dx": 0, "weight": 0.5}
    assert not any(view["flip"] for view in views)
    assert sum(view["weight"] for view in views) == 1.0


def test_training_is_a_finished_run_in_mlflow(trained: Path) -> None:
    client = MlflowClient(f"sqlite:///{trained.parent / MLFLOW_DB}")
    (run,) = client.search_runs([client.get_experiment_by_name("saccade").experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.params["architecture"] == "custom_cnn"
    assert (
        len(client.get_metric_history(run.info.run_id, "loss")) == pq.read_metadata(trained / CURVES_PARQUET).num_rows
    )


def test_nothing_is_left_beside_the_result(trained: Path) -> None:
    assert {path.name for path in trained.parent.iterdir()} == {trained.name, MLFLOW_DB}


def test_given_run_is_joined_and_left_open(
    prepared_digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = f"sqlite:///{tmp_path / MLFLOW_DB}"
    client = MlflowClient(uri)
    run = client.create_run(client.create_experiment("of the pipeline"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_RUN_ID", run.info.run_id)
    train(prepared_digits, tmp_path / "training", epochs=0.2)
    joined = client.get_run(run.info.run_id)
    assert joined.info.status == "RUNNING"
    assert "final_validation_accuracy" in joined.data.metrics
    assert client.get_experiment_by_name("saccade") is None


def test_training_goes_on_after_kill_9(prepared_digits: Path, tmp_path: Path) -> None:
    out = tmp_path / "training"
    command = [sys.executable, "-m", "saccade", "train", str(prepared_digits), "--out", str(out), "--epochs", "2"]
    checkpoint = tmp_path / ".training.work" / CHECKPOINT
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as first:
        deadline = time.monotonic() + START_S
        while not checkpoint.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        first.kill()
    assert not out.exists()
    second = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Training goes on after step" in second.stderr
    assert pq.read_metadata(out / CURVES_PARQUET).num_rows == 40  # 2 epochs of 20 steps
    assert not checkpoint.parent.exists()


def test_tuning_of_another_architecture_is_refused(prepared_digits: Path, tmp_path: Path) -> None:
    config = default_config("custom_cnn", 1000, 32).to_dict()
    TuningInfo(config, True, 1, 1.0, None, None, "").save(tmp_path / TUNING_JSON)
    with pytest.raises(SpecError, match="is tuned for custom_cnn, not resnet18"):
        train(prepared_digits, tmp_path / "training", tuning=tmp_path, architecture="resnet18")


def test_impossible_epochs_are_refused(prepared_digits: Path, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="epochs must be above 0, not 0"):
        train(prepared_digits, tmp_path / "training", epochs=0)
