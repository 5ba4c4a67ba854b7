"""Simple damage to images, in five severities, to rehearse what a drift test must notice."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from saccade.core.errors import SpecError

MAX_SEVERITY = 5

Pixels = NDArray[np.uint8]
Levels = NDArray[np.floating]  # (H, W, 3) in [0, 1]

# The severities of CIFAR-10-C (Hendrycks and Dietterich 2019, make_cifar_c.py). Blur is given there in pixels of a
# 32 px image; here it is a share of the shorter side, so that a large photograph is blurred as much as a small one.
_SEVERITIES: dict[str, tuple[float, ...]] = {
    "brightness": (0.05, 0.10, 0.15, 0.20, 0.30),
    "contrast": (0.75, 0.50, 0.40, 0.30, 0.15),
    "gaussian_blur": (0.4 / 32, 0.6 / 32, 0.7 / 32, 0.8 / 32, 1.0 / 32),
    "gaussian_noise": (0.04, 0.06, 0.08, 0.09, 0.10),
}
CORRUPTIONS = tuple(_SEVERITIES)


def corrupt(pixels: Pixels, corruption: str, severity: int, *, seed: int) -> Pixels:
    """Returns damaged (H, W, 3) RGB pixels; the same seed gives the same noise.

    corruption: one of CORRUPTIONS; severity: 1 (hardly seen) to 5.   Raises SpecError for any other.
    """
    if corruption not in _SEVERITIES:
        raise SpecError(f"There is no corruption '{corruption}'. Choose one of {', '.join(CORRUPTIONS)}.")
    if not 1 <= severity <= MAX_SEVERITY:
        raise SpecError(f"Severity {severity} is outside 1 to {MAX_SEVERITY}. Choose a number between.")
    strength = _SEVERITIES[corruption][severity - 1]
    levels = pixels.astype(np.float32) / 255
    damaged = _FUNCTIONS[corruption](levels, strength, np.random.default_rng(seed))
    return np.rint(damaged.clip(0, 1) * 255).astype(np.uint8)


def _brightness(levels: Levels, strength: float, _: np.random.Generator) -> Levels:
    """Adds to the value of HSV: bright colours keep their hue."""
    value = levels.max(axis=2, keepdims=True)
    brighter = np.minimum(value + strength, 1)
    # Black has no hue to keep, so it becomes grey.
    return np.where(value > 0, levels * (brighter / np.maximum(value, 1e-6)), brighter).astype(np.float32)


def _contrast(levels: Levels, strength: float, _: np.random.Generator) -> Levels:
    """Pulls every channel towards its mean."""
    mean = levels.mean(axis=(0, 1), keepdims=True)
    return (levels - mean) * np.float32(strength) + mean


def _gaussian_blur(levels: Levels, strength: float, _: np.random.Generator) -> Levels:
    sigma_px = strength * min(levels.shape[:2])
    return np.asarray(cv2.GaussianBlur(levels, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT_101), np.float32)


def _gaussian_noise(levels: Levels, strength: float, generator: np.random.Generator) -> Levels:
    return levels + generator.normal(0, strength, levels.shape).astype(np.float32)


_FUNCTIONS: dict[str, Callable[[Levels, float, np.random.Generator], Levels]] = {
    "brightness": _brightness,
    "contrast": _contrast,
    "gaussian_blur": _gaussian_blur,
    "gaussian_noise": _gaussian_noise,
}
