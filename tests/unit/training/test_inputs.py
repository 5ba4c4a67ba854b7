"""Pixels to network input."""

import numpy as np
import pytest
import torch

from saccade.training.device import ComputeDevice
from saccade.training.inputs import InputNormalizer


def test_pixel_is_scaled_centred_and_divided(cpu: ComputeDevice) -> None:
    pixels = np.full((1, 2, 2, 3), [0, 51, 255], np.uint8)
    values = InputNormalizer((0.5, 0.2, 0.0), (0.25, 0.1, 0.5), cpu)(pixels, 2)
    assert values[0, :, 0, 0].tolist() == pytest.approx([-2.0, 0.0, 2.0], abs=1e-6)


def test_smaller_side_averages_pixels(cpu: ComputeDevice) -> None:
    pixels = np.arange(4, dtype=np.uint8).repeat(4 * 3).reshape(1, 4, 4, 3)  # rows of 0, 1, 2, 3
    values = InputNormalizer((0.0,) * 3, (1 / 255,) * 3, cpu)(pixels, 2)
    assert float(values.mean()) == pytest.approx(1.5)
    assert values.shape == (1, 3, 2, 2)


def test_input_is_channels_last_in_the_compute_dtype() -> None:
    compute = ComputeDevice(torch.device("cpu"), torch.bfloat16)
    values = InputNormalizer((0.5,) * 3, (0.2,) * 3, compute)(np.zeros((2, 4, 4, 3), np.uint8), 4)
    assert values.dtype == torch.bfloat16
    assert values.is_contiguous(memory_format=torch.channels_last)
