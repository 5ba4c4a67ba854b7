"""What the tests of several rooms start from: a small real model to serve, and a way to wait for other processes."""

import io
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

COLOURS = {"blue": 2, "green": 1, "red": 0}  # class name -> its channel
IMAGES_PER_CLASS = 40
SIZE_PX = 16


def coloured(label: str, seed: int, size: tuple[int, int] = (SIZE_PX, SIZE_PX), kind: str = "PNG") -> bytes:
    """An encoded image of dim noise in which that class's channel is bright."""
    width, height = size
    pixels = np.random.default_rng(seed).integers(0, 80, (height, width, 3), np.uint8)
    pixels[..., COLOURS[label]] += 150
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def _wait_until(condition: Callable[[], Any], seconds: float = 120, running: subprocess.Popen | None = None) -> Any:
    deadline = time.monotonic() + seconds
    while not (met := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s in vain"
        assert running is None or running.poll() is None, f"the process ended early, with {running.returncode}"
        time.sleep(0.05)
    return met


@pytest.fixture(scope="session")
def wait_until() -> Callable[..., Any]:
    """wait_until(condition, seconds, running): what the condition returned when it was first true."""
    return _wait_until


@pytest.fixture(scope="session")
def colour_image() -> Callable[..., bytes]:
    """colour_image(label, seed, size=(width, height), kind="PNG"): an image that colour_bundle knows as label."""
    return coloured


@pytest.fixture(scope="session")
def colour_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The evaluated bundle of the model `colours`, version 7. Its network was written down, not trained."""
    from saccade.steps.evaluate import evaluate
    from saccade.steps.import_images import import_images
    from saccade.steps.prepare import prepare

    directory = tmp_path_factory.mktemp("colours")
    for label, channel in COLOURS.items():
        (directory / "images" / label).mkdir(parents=True)
        for number in range(IMAGES_PER_CLASS):
            (directory / "images" / label / f"{number}.png").write_bytes(coloured(label, 1000 * channel + number))
    import_images([str(directory / "images")], directory / "dataset")
    prepare(directory / "dataset", directory / "prepared", size=SIZE_PX)
    _write_training(directory / "prepared", directory / "training")
    evaluate(directory / "prepared", directory / "training", directory / "bundle", name="colours", version="7")
    return directory / "bundle"


def _write_training(dataset: Path, out: Path) -> None:
    """Writes what `train` would, of a network whose features are the mean of each channel in nine places."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    import torch
    from safetensors.torch import save_file

    from saccade.core.artifacts import CURVES_PARQUET, CURVES_SCHEMA, TRAINING_JSON, WEIGHTS, TrainingInfo
    from saccade.data.bundle import DatasetBundle
    from saccade.models.export import export_openvino

    class MeanColour(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            channels = [COLOURS[label] for label in sorted(COLOURS)]
            self.weight = torch.nn.Parameter(torch.eye(3)[channels])

        def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            features = torch.nn.functional.adaptive_avg_pool2d(pixels, 3)
            return features.mean((2, 3)) @ self.weight.T, features.flatten(1)

    out.mkdir()
    network, data = MeanColour(), DatasetBundle.open(dataset).info
    export_openvino(network, SIZE_PX, out)
    save_file(network.state_dict(), out / WEIGHTS)
    curve = {field.name: 1 for field in CURVES_SCHEMA}
    pq.write_table(pa.Table.from_pylist([curve], schema=CURVES_SCHEMA), out / CURVES_PARQUET)
    TrainingInfo(
        architecture="mean_colour",
        config={},
        classes=data.classes,
        preprocess=data.preprocess or [],
        preprocess_hash=data.preprocess_hash or "",
        dataset_id=data.content_id,
        seconds=0.0,
        epochs=1,
        parameters=9,
        device="cpu",
        dtype="float32",
        validation_accuracy=1.0,
        views=[{"flip": False, "dy": 0, "dx": 0, "weight": 1.0}],
    ).save(out / TRAINING_JSON)
