"""normalize against torchvision: bit for bit."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms import functional as torchvision

import saccade_native
from saccade_native import PreprocessSpec


def every_level(height, width):
    return np.arange(height * width * 3, dtype=np.int64).astype(np.uint8).reshape(1, height, width, 3)


@given(
    st.lists(st.floats(-2, 2), min_size=3, max_size=3),
    st.lists(st.floats(0.01, 10), min_size=3, max_size=3),
)
@settings(max_examples=100, deadline=None)
def test_normalize_gives_the_bits_that_torchvision_gives(mean, std):
    line = f"normalize({','.join(map(repr, mean))};{','.join(map(repr, std))})"
    spec = PreprocessSpec(["decode", "resize(16,16)", line])
    pixels = every_level(16, 16)
    out = np.empty((1, 3, 16, 16), np.float32)

    saccade_native.normalize(pixels, spec, out)

    expected = torchvision.normalize(torchvision.to_tensor(pixels[0]), mean, std)
    np.testing.assert_array_equal(out[0], expected.numpy())


def test_bfloat16_is_what_torch_rounds_to():
    spec = PreprocessSpec(["decode", "resize(16,16)", "normalize(imagenet)"])
    pixels = every_level(16, 16)
    exact, bits = np.empty((1, 3, 16, 16), np.float32), np.empty((1, 3, 16, 16), np.uint16)

    saccade_native.normalize(pixels, spec, exact)
    saccade_native.normalize(pixels, spec, bits)

    expected = torch.from_numpy(exact).bfloat16().view(torch.uint16)
    np.testing.assert_array_equal(bits, expected.numpy())


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_both_layouts_hold_the_same_values(noise, dtype):
    spec = PreprocessSpec(["decode", "resize(5,7)", "normalize(imagenet)"])
    first, last = np.empty((2, 3, 5, 7), dtype), np.empty((2, 5, 7, 3), dtype)
    pixels = np.stack([noise(5, 7, 1), noise(5, 7, 2)])

    saccade_native.normalize(pixels, spec, first)
    saccade_native.normalize(pixels, spec, last)

    np.testing.assert_array_equal(first.transpose(0, 2, 3, 1), last)


@pytest.mark.parametrize("threads", [0, 1, 5])
def test_any_number_of_threads_gives_the_same_values(noise, threads):
    spec = PreprocessSpec(["decode", "resize(9,7)", "normalize(imagenet)"])
    pixels = np.stack([noise(9, 7, seed) for seed in range(20)])
    alone, together = np.empty((2, 20, 3, 9, 7), np.float32)

    saccade_native.normalize(pixels, spec, alone, threads=1)
    saccade_native.normalize(pixels, spec, together, threads=threads)

    np.testing.assert_array_equal(together, alone)


def test_read_only_pixels_are_taken(noise, tmp_path):
    np.save(tmp_path / "pixels.npy", noise(4, 4)[None])
    pixels = np.load(tmp_path / "pixels.npy", mmap_mode="r")
    out = np.empty((1, 3, 4, 4), np.float32)

    saccade_native.normalize(pixels, PreprocessSpec(["decode", "resize(4,4)"]), out)

    assert out.max() == pixels.max() / np.float32(255)


def test_missing_normalize_step_gives_levels_from_zero_to_one():
    out = np.empty((1, 3, 1, 1), np.float32)

    saccade_native.normalize(np.array([[[[0, 51, 255]]]], np.uint8), PreprocessSpec(["decode", "resize(1,1)"]), out)

    np.testing.assert_allclose(out.ravel(), [0, 0.2, 1], rtol=1e-6)


@pytest.mark.parametrize(
    ("pixels", "out"),
    [
        (np.zeros((1, 8, 8, 3), np.uint8), np.zeros((1, 3, 8, 8), np.float64)),
        (np.zeros((1, 8, 8, 3), np.uint8), np.zeros((2, 3, 8, 8), np.float32)),
        (np.zeros((1, 8, 8, 3), np.uint8), np.zeros((1, 8, 3, 8), np.float32)),
        (np.zeros((1, 8, 9, 3), np.uint8), np.zeros((1, 3, 8, 8), np.float32)),
        (np.zeros((8, 8, 3), np.uint8), np.zeros((1, 3, 8, 8), np.float32)),
    ],
    ids=["float64", "two rows", "channels between", "wide pixels", "one image"],
)
def test_unusable_arrays_are_argument_errors(pixels, out):
    with pytest.raises(saccade_native.ArgumentError, match="must be"):
        saccade_native.normalize(pixels, PreprocessSpec(["decode", "resize(8,8)"]), out)
