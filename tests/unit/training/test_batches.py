"""Batches: shuffling, flips and shifts."""

import numpy as np
import pytest

from saccade.training.batches import TrainingBatches, shifted


def _batches(images: int = 10, batch_size: int = 5, flip: bool = True, translate_px: int = 0) -> TrainingBatches:
    """Image i is filled with 2 i on the left and 2 i + 1 on the right."""
    pixels = np.zeros((images, 4, 4, 3), np.uint8)
    pixels[:, :, :2] = 2 * np.arange(images)[:, None, None, None]
    pixels[:, :, 2:] = 2 * np.arange(images)[:, None, None, None] + 1
    return TrainingBatches(pixels, np.arange(images), np.arange(images), batch_size, flip, translate_px, seed=3)


def _row(values: list[int]) -> np.ndarray:
    return np.repeat(np.array(values, np.uint8)[None, None, :, None], 3, axis=3)


@pytest.mark.parametrize(
    ("shift", "expected"), [(0, [1, 2, 3, 4]), (1, [2, 3, 4, 3]), (2, [3, 4, 3, 2]), (-1, [2, 1, 2, 3])]
)
def test_shift_reflects_at_the_border(shift: int, expected: list[int]) -> None:
    moved = shifted(_row([1, 2, 3, 4]), np.array([0]), np.array([[0, shift]]), np.array([False]))
    assert moved[0, 0, :, 0].tolist() == expected


def test_mirror_comes_after_the_shift() -> None:
    moved = shifted(_row([1, 2, 3, 4]), np.array([0]), np.array([[0, 1]]), np.array([True]))
    assert moved[0, 0, :, 0].tolist() == [3, 4, 3, 2]


def test_shift_in_two_directions_equals_numpy_reflection() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (1, 6, 6, 3), np.uint8)
    padded = np.pad(pixels[0], ((2, 2), (2, 2), (0, 0)), mode="reflect")
    moved = shifted(pixels, np.array([0]), np.array([[-2, 1]]), np.array([False]))
    np.testing.assert_array_equal(moved[0], padded[0:6, 3:9])


def test_epoch_holds_every_image_once() -> None:
    labels = np.concatenate([labels for _, labels in _batches().epoch(0)])
    assert sorted(labels) == list(range(10))


def test_epoch_labels_belong_to_their_pixels() -> None:
    for pixels, labels in _batches(translate_px=1).epoch(0):
        np.testing.assert_array_equal(pixels[:, 0, 0, 0] // 2, labels)


def test_epoch_leaves_out_the_rest_that_fills_no_batch() -> None:
    batches = _batches(images=11, batch_size=4)
    assert [len(labels) for _, labels in batches.epoch(0)] == [4, 4]
    assert batches.steps_per_epoch == 2


def test_two_epochs_show_every_image_both_ways() -> None:
    batches = _batches()
    seen: dict[int, set[bool]] = {number: set() for number in range(10)}
    for epoch in (4, 5):
        for pixels, labels in batches.epoch(epoch):
            for image, label in zip(pixels, labels, strict=True):
                seen[int(label)].add(bool(image[0, 0, 0] % 2))
    assert all(ways == {True, False} for ways in seen.values())


def test_without_flip_no_image_is_mirrored() -> None:
    assert all((pixels[:, 0, 0, 0] % 2 == 0).all() for pixels, _ in _batches(flip=False).epoch(1))


def test_epoch_from_a_later_step_equals_the_rest_of_the_whole() -> None:
    whole = list(_batches(translate_px=1).epoch(2))
    (rest,) = _batches(translate_px=1).epoch(2, first_step=1)
    np.testing.assert_array_equal(rest[0], whole[1][0])


def test_epochs_differ_in_order() -> None:
    batches = _batches(images=100, batch_size=100)
    (first,), (second,) = batches.epoch(0), batches.epoch(1)
    assert first[1].tolist() != second[1].tolist()
