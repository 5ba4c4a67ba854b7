"""resize against Pillow, one direction after the other: width first, as we do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import saccade_native

side = st.integers(1, 130)
PILLOW_FILTERS = {"triangle": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
either_filter = st.sampled_from(sorted(PILLOW_FILTERS))


def pillow_passes(pixels, height, width, filter="triangle"):
    across = Image.fromarray(pixels).resize((width, pixels.shape[0]), PILLOW_FILTERS[filter])
    return np.asarray(across.resize((width, height), PILLOW_FILTERS[filter]))


def random_pixels(height, width):
    return np.random.default_rng(height * 1000 + width).integers(0, 256, (height, width, 3), dtype=np.uint8)


@given(side, side, side, side, either_filter)
@settings(max_examples=300, deadline=None)
def test_resize_of_any_sizes_equals_pillows_two_passes(height, width, out_height, out_width, filter):
    pixels = random_pixels(height, width)

    resized = saccade_native.resize(pixels, out_height, out_width, filter)

    np.testing.assert_array_equal(resized, pillow_passes(pixels, out_height, out_width, filter))


@given(side, side, side, side)
@settings(max_examples=100, deadline=None)
def test_resize_of_any_sizes_is_within_one_level_of_pillows_single_call(height, width, out_height, out_width):
    pixels = random_pixels(height, width)
    in_one_call = Image.fromarray(pixels).resize((out_width, out_height), Image.Resampling.BILINEAR)

    resized = saccade_native.resize(pixels, out_height, out_width)

    assert np.abs(resized.astype(int) - np.asarray(in_one_call).astype(int)).max() <= 1


@given(side, side, either_filter)
@settings(max_examples=50, deadline=None)
def test_resize_to_same_size_is_exact(height, width, filter):
    pixels = random_pixels(height, width)

    np.testing.assert_array_equal(saccade_native.resize(pixels, height, width, filter), pixels)


@given(side, side, side, side)
@settings(max_examples=100, deadline=None)
def test_resize_of_mirrored_image_is_the_mirrored_resize_within_one_level(height, width, out_height, out_width):
    pixels = random_pixels(height, width)

    mirrored_first = saccade_native.resize(pixels[:, ::-1], out_height, out_width).astype(int)
    mirrored_last = saccade_native.resize(pixels, out_height, out_width)[:, ::-1].astype(int)

    # The weights are rounded doubles, so a tie may fall either way.
    assert np.abs(mirrored_first - mirrored_last).max() <= 1


@pytest.mark.parametrize("level", [0, 1, 127, 254, 255])
@pytest.mark.parametrize("filter", PILLOW_FILTERS)
def test_resize_of_flat_image_stays_flat(level, filter):
    pixels = np.full((37, 53, 3), level, np.uint8)

    assert np.all(saccade_native.resize(pixels, 11, 90, filter) == level)


def test_resize_of_two_pixels_to_one_is_their_mean():
    pixels = np.array([[[10, 20, 30], [20, 40, 61]]], np.uint8)

    np.testing.assert_array_equal(saccade_native.resize(pixels, 1, 1), [[[15, 30, 46]]])


def test_resize_of_strided_view_equals_resize_of_its_copy(noise):
    pixels = noise(40, 60)[::2, ::3]

    np.testing.assert_array_equal(saccade_native.resize(pixels, 7, 9), saccade_native.resize(pixels.copy(), 7, 9))


def test_resize_of_very_long_row_equals_pillow():
    pixels = random_pixels(2, 60_000)

    np.testing.assert_array_equal(saccade_native.resize(pixels, 1, 3), pillow_passes(pixels, 1, 3))


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
    ],
    ids=["float32", "grey", "four channels", "empty"],
)
def test_resize_of_unusable_array_names_its_shape(pixels):
    with pytest.raises(saccade_native.ArgumentError, match=r"uint8|at least 1|from 1 to"):
        saccade_native.resize(pixels, 2, 2)


def test_resize_by_an_unknown_filter_names_the_known_ones(noise):
    with pytest.raises(saccade_native.ArgumentError, match=r"'lanczos' is not known\. Use 'triangle' or 'bicubic'"):
        saccade_native.resize(noise(4, 4), 2, 2, "lanczos")


@pytest.mark.parametrize(("height", "width"), [(0, 5), (5, 0), (-1, 5), (5, 65_536)])
def test_resize_to_impossible_size_is_argument_error(height, width):
    with pytest.raises(saccade_native.ArgumentError, match="from 1 to 65,535"):
        saccade_native.resize(np.zeros((4, 4, 3), np.uint8), height, width)
