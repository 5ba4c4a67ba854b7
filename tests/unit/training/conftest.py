"""A small task that a network learns in seconds."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from saccade.training.config import TrainingConfig, default_config
from saccade.training.dataset import TrainingData
from saccade.training.device import ComputeDevice


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks this small lose most of their time in waiting for a second thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def data() -> TrainingData:
    """96 noisy images of 12 px: class 0 is brighter above, class 1 below; 64 to train on, 32 to validate."""
    generator = np.random.default_rng(0)
    labels = np.arange(96) % 2
    pixels = generator.integers(0, 128, (96, 12, 12, 3), np.uint8)
    for image, label in zip(pixels, labels, strict=True):
        half = slice(0, 6) if label == 0 else slice(6, 12)
        image[half] += 100
    return TrainingData(
        pixels=pixels,
        labels=labels,
        train_rows=np.arange(64),
        validation_rows=np.arange(64, 96),
        classes=("above", "below"),
        mean=(0.4, 0.4, 0.4),
        std=(0.25, 0.25, 0.25),
        allow_flip=True,
    )


@pytest.fixture
def config() -> TrainingConfig:
    """Ten steps in five epochs of a narrow network."""
    values = default_config("custom_cnn", train_images=64, side=12).to_dict()
    return TrainingConfig.from_dict({**values, "width": 0.25, "epochs": 5, "batch_size": 32})


@pytest.fixture
def cpu() -> ComputeDevice:
    """float32, so that sums are the same in every run."""
    return ComputeDevice(torch.device("cpu"), torch.float32)
