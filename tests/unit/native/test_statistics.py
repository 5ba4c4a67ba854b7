"""image_statistics against Pillow, NumPy and SciPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.fft import dctn
from scipy.ndimage import laplace
from scipy.stats import entropy

import saccade_native

side = st.integers(1, 80)


def pillow_luma(pixels):
    return np.asarray(Image.fromarray(pixels).convert("L")).astype(float)


def random_pixels(height, width, levels=256):
    generator = np.random.default_rng(height * 1000 + width)
    return generator.integers(0, levels, (height, width, 3), dtype=np.uint8)


@given(side, side, st.sampled_from([2, 16, 256]))
@settings(max_examples=100, deadline=None)
def test_luma_statistics_equal_those_of_pillows_luma(height, width, levels):
    pixels = random_pixels(height, width, levels)
    luma = pillow_luma(pixels)

    statistics = saccade_native.image_statistics(pixels)

    assert statistics.brightness == pytest.approx(luma.mean() / 255, abs=1e-6)
    assert statistics.contrast == pytest.approx(luma.std() / 255, abs=1e-6)
    assert statistics.entropy == pytest.approx(entropy(np.bincount(luma.astype(int).ravel()), base=2), abs=1e-5)


@given(st.integers(3, 80), st.integers(3, 80))
@settings(max_examples=50, deadline=None)
def test_sharpness_is_the_variance_of_scipys_laplacian(height, width):
    pixels = random_pixels(height, width)
    inner = laplace(pillow_luma(pixels) / 255)[1:-1, 1:-1]

    assert saccade_native.image_statistics(pixels).sharpness == pytest.approx(inner.var(), rel=1e-4, abs=1e-7)


@given(side, side)
@settings(max_examples=50, deadline=None)
def test_saturation_is_the_mean_of_spread_over_maximum(height, width):
    pixels = random_pixels(height, width)
    highest, lowest = pixels.max(axis=-1).astype(float), pixels.min(axis=-1).astype(float)
    expected = np.divide(highest - lowest, highest, out=np.zeros_like(highest), where=highest > 0).mean()

    assert saccade_native.image_statistics(pixels).saturation == pytest.approx(expected, abs=2e-5)


def test_chessboard_of_nine_pixels_has_the_statistics_worked_out_by_hand():
    board = np.indices((3, 3)).sum(axis=0) % 2 * 255
    pixels = np.repeat(board[..., None], 3, axis=-1).astype(np.uint8)

    statistics = saccade_native.image_statistics(pixels)

    assert statistics.brightness == pytest.approx(4 / 9)
    assert statistics.contrast == pytest.approx(np.sqrt(4 / 9 * 5 / 9))
    assert statistics.saturation == 0
    assert statistics.sharpness == 0  # one inner pixel has no variance
    assert statistics.entropy == pytest.approx(-4 / 9 * np.log2(4 / 9) - 5 / 9 * np.log2(5 / 9))


@pytest.mark.parametrize("size", [(1, 1), (2, 5), (5, 2)])
def test_image_without_inner_pixels_has_no_sharpness(noise, size):
    assert saccade_native.image_statistics(noise(*size)).sharpness == 0


@pytest.mark.parametrize("size", [(8, 200), (100, 33), (224, 224), (1, 1), (31, 64)])
def test_perceptual_hash_is_the_dct_hash_of_scipy_but_for_near_ties(photo, size):
    pixels = photo(*size)
    small = Image.fromarray(pixels).convert("L").resize((32, 32), Image.Resampling.BILINEAR)
    low = dctn(np.asarray(small).astype(float), type=2)[:8, :8].ravel()
    expected = int("".join("1" if value > np.median(low) else "0" for value in low), 2)

    found = saccade_native.image_statistics(pixels).perceptual_hash

    assert (found ^ expected).bit_count() <= 4  # the small luma may differ by one level


def test_perceptual_hash_of_the_32_pixel_picture_equals_scipys(photo):
    pixels = photo(32, 32)
    low = dctn(pillow_luma(pixels), type=2)[:8, :8].ravel()
    expected = int("".join("1" if value > np.median(low) else "0" for value in low), 2)

    assert saccade_native.image_statistics(pixels).perceptual_hash == expected


def test_perceptual_hash_of_flat_image_has_only_the_mean():
    flat = np.full((50, 70, 3), 99, np.uint8)

    assert saccade_native.image_statistics(flat).perceptual_hash == 1 << 63


def test_perceptual_hash_hardly_changes_when_the_picture_is_saved_smaller_as_jpeg(photo, encode):
    pixels = photo(240, 320)
    smaller = saccade_native.decode(encode(saccade_native.resize(pixels, 120, 160), "JPEG", quality=60))

    hashes = [saccade_native.image_statistics(each).perceptual_hash for each in (pixels, smaller)]

    assert (hashes[0] ^ hashes[1]).bit_count() <= 6


def test_perceptual_hash_of_another_picture_differs_in_many_bits(photo):
    hashes = [saccade_native.image_statistics(photo(100, 100, seed)).perceptual_hash for seed in (1, 2)]

    assert (hashes[0] ^ hashes[1]).bit_count() >= 10


def test_empty_image_is_argument_error():
    with pytest.raises(saccade_native.ArgumentError, match="at least one pixel"):
        saccade_native.image_statistics(np.zeros((0, 4, 3), np.uint8))
