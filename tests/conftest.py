"""What the tests of several rooms start from: a small real model to serve, and a way to wait for other processes."""

import io
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
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
def colour_training(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with `prepared`, images of three colours, and `training`, a network that was written down."""
    directory = tmp_path_factory.mktemp("colours")
    for label, channel in COLOURS.items():
        (directory / "images" / label).mkdir(parents=True)
        for number in range(IMAGES_PER_CLASS):
            (directory / "images" / label / f"{number}.png").write_bytes(coloured(label, 1000 * channel + number))
    return _make_training(directory)


@pytest.fixture(scope="session")
def colour_bundle(colour_training: Path) -> Path:
    """The evaluated bundle of the model `colours`, version 7, in float32, which is the same on every processor."""
    from saccade.steps.evaluate import evaluate

    prepared, training, bundle = (colour_training / name for name in ("prepared", "training", "bundle"))
    evaluate(prepared, training, bundle, name="colours", version="7", engine="f32")
    return bundle


@pytest.fixture(scope="session")
def make_training() -> Callable[[Path], Path]:
    """make_training(directory): writes `prepared` and `training` beside its folder `images` of colours."""
    return _make_training


def _make_training(directory: Path) -> Path:
    from saccade.steps.import_images import import_images
    from saccade.steps.prepare import prepare

    import_images([str(directory / "images")], directory / "dataset")
    prepare(directory / "dataset", directory / "prepared", size=SIZE_PX)
    _write_training(directory / "prepared", directory / "training")
    return directory


@pytest.fixture
def again(tmp_path: Path) -> Callable[..., Path]:
    """again(bundle, name=..., version=...): a copy of a bundle under another name or version."""
    from saccade.core.artifacts import BUNDLE_JSON, BundleInfo

    def copied(bundle: Path, **changes: str) -> Path:
        copy = shutil.copytree(bundle, tmp_path / "-".join(["again", *changes.values()]))
        replace(BundleInfo.load(copy / BUNDLE_JSON), **changes).save(copy / BUNDLE_JSON)
        return copy

    return copied


@dataclass(frozen=True)
class Keys:
    """Two files of one Ed25519 key."""

    private: Path
    public: Path


@pytest.fixture(scope="session")
def new_keys(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Keys]:
    """new_keys(): another pair of key files, as openssl writes them too."""
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    def made() -> Keys:
        directory = tmp_path_factory.mktemp("keys")
        keys = Keys(directory / "private.pem", directory / "public.pem")
        key = Ed25519PrivateKey.generate()
        private = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
        public = key.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
        keys.private.write_bytes(private)
        keys.public.write_bytes(public)
        return keys

    return made


@pytest.fixture(scope="session")
def keys(new_keys: Callable[[], Keys]) -> Keys:
    """The keys that the tests trust."""
    return new_keys()


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
            channels = [COLOURS[label] for label in data.classes]
            self.weight = torch.nn.Parameter(torch.eye(3)[channels])

        def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            features = torch.nn.functional.adaptive_avg_pool2d(pixels, 3)
            return features.mean((2, 3)) @ self.weight.T, features.flatten(1)

    out.mkdir()
    data = DatasetBundle.open(dataset).info
    network = MeanColour()
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
