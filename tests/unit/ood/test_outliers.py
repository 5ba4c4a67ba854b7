import numpy as np
import pytest

from saccade.ood import generated_outliers
from saccade.ood.outliers import blended, inverted, shuffled_blocks, shuffled_pixels


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (6, 13, 18, 3), dtype=np.uint8)


@pytest.fixture
def generator():
    return np.random.default_rng(1)


def sorted_colors(image):
    return np.sort(image.reshape(-1, 3).view([("r", "u1"), ("g", "u1"), ("b", "u1")]), axis=0)


def test_generated_outliers_are_the_same_for_the_same_seed_only(pixels):
    first, again, other = (generated_outliers(pixels, seed) for seed in (3, 3, 4))
    assert list(first) == ["shuffled_blocks", "shuffled_pixels", "blended", "inverted"]
    for kind, images in first.items():
        assert images.shape == pixels.shape
        assert images.dtype == np.uint8
        np.testing.assert_array_equal(images, again[kind])
    assert (first["shuffled_blocks"] != other["shuffled_blocks"]).any()


def test_outliers_leave_the_given_pixels_alone(pixels):
    before = pixels.copy()
    generated_outliers(pixels, 0)
    np.testing.assert_array_equal(pixels, before)


@pytest.mark.parametrize("shuffle", [shuffled_blocks, shuffled_pixels])
def test_shuffled_image_has_its_own_colors_in_another_order(shuffle, pixels, generator):
    for image, mixed in zip(pixels, shuffle(pixels, generator), strict=True):
        np.testing.assert_array_equal(sorted_colors(mixed), sorted_colors(image))
        assert (mixed != image).any()


def test_shuffled_blocks_are_whole_and_the_rest_stays(pixels, generator):
    mixed = shuffled_blocks(pixels, generator)
    # 13 x 18 pixels hold 4 x 4 blocks of 3 x 4; row 12 and columns 16, 17 are left over.
    np.testing.assert_array_equal(mixed[:, 12:], pixels[:, 12:])
    np.testing.assert_array_equal(mixed[:, :, 16:], pixels[:, :, 16:])
    blocks = {pixels[0, y : y + 3, x : x + 4].tobytes() for y in range(0, 12, 3) for x in range(0, 16, 4)}
    assert {mixed[0, y : y + 3, x : x + 4].tobytes() for y in range(0, 12, 3) for x in range(0, 16, 4)} == blocks


def test_every_image_is_shuffled_in_its_own_order(generator):
    same = np.broadcast_to(np.random.default_rng(2).integers(0, 256, (16, 16, 3), np.uint8), (2, 16, 16, 3))
    for shuffle in (shuffled_blocks, shuffled_pixels):
        first, second = shuffle(same, generator)
        assert (first != second).any()


def test_blended_image_is_the_mean_of_it_and_another(generator):
    pixels = np.array([0, 100, 255], np.uint8).reshape(3, 1, 1, 1) * np.ones((1, 2, 2, 3), np.uint8)
    levels = set(blended(pixels, generator)[:, 0, 0, 0].tolist())
    assert levels == {50, 128, 178}  # each of the three pairs once, halves rounded up


def test_inverted_image_is_the_negative():
    np.testing.assert_array_equal(inverted(np.array([[[[0, 1, 255]]]], np.uint8)), [[[[255, 254, 0]]]])
