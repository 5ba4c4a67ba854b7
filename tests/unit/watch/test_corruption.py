"""Corruptions do what they say, at the strength they say."""

import numpy as np
import pytest

from saccade.core.errors import SpecError
from saccade.watch.corruption import CORRUPTIONS, corrupt


def photograph(side: int = 32) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)


def test_contrast_halves_the_distance_to_each_channels_mean() -> None:
    pixels = np.zeros((2, 2, 3), np.uint8)
    pixels[0] = 200
    # Mean 100; severity 2 keeps half of the distance.
    damaged = corrupt(pixels, "contrast", 2, seed=0)
    assert damaged[:, 0, 0].tolist() == [150, 50]


def test_brightness_adds_to_the_largest_channel_and_keeps_the_hue() -> None:
    pixels = np.array([[[102, 51, 0]]], np.uint8)
    # 0.4 + 0.15 = 0.55 = 140.25 of 255; the second channel stays at half of it.
    assert corrupt(pixels, "brightness", 3, seed=0)[0, 0].tolist() == [140, 70, 0]


def test_brightness_of_black_is_grey() -> None:
    assert corrupt(np.zeros((1, 1, 3), np.uint8), "brightness", 2, seed=0)[0, 0].tolist() == [26, 26, 26]


def test_gaussian_blur_keeps_an_even_colour() -> None:
    pixels = np.full((16, 16, 3), 77, np.uint8)
    np.testing.assert_array_equal(corrupt(pixels, "gaussian_blur", 5, seed=0), pixels)


def test_gaussian_blur_of_a_larger_image_is_wider() -> None:
    small, large = np.zeros((32, 32, 3), np.uint8), np.zeros((128, 128, 3), np.uint8)
    small[:, 16:], large[:, 64:] = 255, 255
    assert (
        np.unique(corrupt(large, "gaussian_blur", 5, seed=0)).size
        > np.unique(corrupt(small, "gaussian_blur", 5, seed=0)).size
    )


def test_gaussian_noise_has_the_stated_deviation() -> None:
    pixels = np.full((200, 200, 3), 128, np.uint8)
    noise = corrupt(pixels, "gaussian_noise", 3, seed=0).astype(float) - 128
    assert noise.std() / 255 == pytest.approx(0.08, rel=0.02)
    assert noise.mean() == pytest.approx(0, abs=0.3)


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_higher_severity_moves_pixels_further(corruption: str) -> None:
    pixels = photograph()
    moved = [
        np.abs(corrupt(pixels, corruption, severity, seed=1).astype(int) - pixels).mean() for severity in range(1, 6)
    ]
    assert moved == sorted(moved)
    assert moved[0] > 0


def test_same_seed_gives_the_same_noise_and_another_does_not() -> None:
    pixels = photograph()
    first = corrupt(pixels, "gaussian_noise", 1, seed=1)
    np.testing.assert_array_equal(first, corrupt(pixels, "gaussian_noise", 1, seed=1))
    assert np.any(first != corrupt(pixels, "gaussian_noise", 1, seed=2))


def test_unknown_corruption_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SpecError, match=r"'fog'.*gaussian_noise"):
        corrupt(photograph(), "fog", 1, seed=0)


@pytest.mark.parametrize("severity", [0, 6])
def test_severity_outside_one_to_five_is_refused(severity: int) -> None:
    with pytest.raises(SpecError, match=str(severity)):
        corrupt(photograph(), "contrast", severity, seed=0)
