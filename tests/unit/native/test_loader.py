"""Loader: what Python sees of it. Its order, resumption and sharding are tested in tests/native/loader_test.cpp."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

import saccade_native
from saccade_native import Loader, PreprocessSpec, augment

SPEC = PreprocessSpec(["decode", "resize(8,8)", "normalize(imagenet)"])
IMAGES = 12
ROWS = np.arange(IMAGES)


@pytest.fixture
def pixels(noise):
    return np.stack([noise(8, 8, seed) for seed in range(IMAGES)])


def test_tensors_are_the_normalised_augmented_pixels(pixels):
    loader = Loader(pixels, ROWS * 10, ROWS, SPEC, 4, ["flip", "translate(2)"], seed=9, layout="NCHW")

    for _ in range(7):
        batch = next(loader)
        changed = [augment(pixels[row], ["flip", "translate(2)"], 9, batch.epoch, row) for row in batch.rows]
        expected = np.empty((4, 3, 8, 8), np.float32)
        saccade_native.normalize(np.stack(changed), SPEC, expected)
        np.testing.assert_array_equal(batch.tensors, expected)
        np.testing.assert_array_equal(batch.labels, batch.rows * 10)
    assert (batch.epoch, batch.step) == (2, 0)
    assert loader.position == (2, 1)


@pytest.mark.parametrize("dtype", ["uint8", "bfloat16"])
def test_other_types_hold_the_same_pictures(pixels, dtype):
    exact = next(Loader(pixels, ROWS, ROWS, SPEC, 4))

    other = next(Loader(pixels, ROWS, ROWS, SPEC, 4, dtype=dtype))

    if dtype == "uint8":
        np.testing.assert_array_equal(other.tensors, pixels[other.rows])
    else:
        rounded = torch.from_numpy(exact.tensors.copy()).bfloat16()
        assert torch.equal(torch.from_numpy(other.tensors.copy()).view(torch.bfloat16), rounded)


def test_only_the_chosen_rows_come(pixels):
    loader = Loader(pixels, ROWS, np.array([1, 5, 7]), SPEC, 3)

    assert sorted(next(loader).rows) == [1, 5, 7]


def test_memory_mapped_pixels_and_encoded_images_give_the_same(pixels, encode, tmp_path):
    np.save(tmp_path / "pixels.npy", pixels)
    mapped = Loader(np.load(tmp_path / "pixels.npy", mmap_mode="r"), ROWS, ROWS, SPEC, 5, seed=4)
    encoded = Loader([encode(image, "PNG") for image in pixels], ROWS, ROWS, SPEC, 5, seed=4)

    np.testing.assert_array_equal(next(encoded).tensors, next(mapped).tensors)


def test_batch_keeps_its_loader_alive(pixels):
    batch = next(Loader(pixels, ROWS, ROWS, SPEC, 4, dtype="uint8"))

    np.testing.assert_array_equal(batch.tensors, pixels[batch.rows])


def test_mixing_adds_partner_labels(pixels):
    plain, mixed = next(Loader(pixels, ROWS, ROWS, SPEC, 4)), next(Loader(pixels, ROWS, ROWS, SPEC, 4, ["mixup(1)"]))

    assert plain.partner_labels is None
    assert plain.weight == 1
    np.testing.assert_array_equal(mixed.partner_labels, np.roll(mixed.labels, 1))
    assert 0 <= mixed.weight <= 1


def test_seek_goes_on_from_a_position(pixels):
    loader = Loader(pixels, ROWS, ROWS, SPEC, 4, ["cutout(3)"])
    batches = [next(loader).tensors.copy() for _ in range(5)]

    loader.seek(1, 1)

    np.testing.assert_array_equal(next(loader).tensors, batches[4])


def test_broken_image_is_named_by_its_row(encode, noise):
    loader = Loader([encode(noise(9, 9), "PNG"), b"text"], [0, 1], [0, 1], SPEC, 2)

    with pytest.raises(saccade_native.UnknownFormatError, match="Row 1: The 4 bytes are not"):
        next(loader)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 13}, "12 rows make no batch of 13"),
        ({"rows": [12]}, "Row 12 is not one of the 12 images"),
        ({"labels": [0]}, "12 images and 1 labels"),
        ({"labels": ROWS + 0.5}, r"labels must be \(n\) integers .* not \(12,\) float64"),
        ({"labels": ROWS.reshape(6, 2)}, r"labels must be \(n\) integers .* not \(6, 2\) int64"),
        ({"rows": [[0], [1, 2]]}, r"rows must be \(n\) integers .* not a ragged sequence"),
        ({"dtype": "float64"}, "dtype 'float64' is not known"),
        ({"layout": "HWC"}, "layout 'HWC' is not known"),
        ({"rank": 1}, "Rank 1 is not below the world size, 1"),
        ({"world_size": 2**62}, "12 rows make no batch of 4 for each of 4,611,686,018,427,387,904 workers"),
    ],
)
def test_unusable_arguments_are_errors_that_name_them(pixels, change, message):
    arguments = {"images": pixels, "labels": ROWS, "rows": ROWS, "spec": SPEC, "batch_size": 4} | change

    with pytest.raises(saccade_native.ArgumentError, match=message):
        Loader(**arguments)


def test_small_integer_labels_are_taken(pixels):
    batch = next(Loader(pixels, ROWS.astype(np.uint8), ROWS, SPEC, 4))

    np.testing.assert_array_equal(batch.labels, batch.rows)


def test_threads_that_overlap_get_an_error_or_whole_batches(pixels):
    loader = Loader(pixels, ROWS, ROWS, SPEC, 4)

    def take() -> tuple[np.ndarray, np.ndarray] | None:
        try:
            batch = next(loader)
        except saccade_native.ArgumentError as error:
            assert "Another thread is using this Loader" in str(error)  # noqa: PT017
            return None
        return batch.labels, batch.rows

    with ThreadPoolExecutor(4) as threads:
        taken = [batch for batch in threads.map(lambda _: take(), range(400)) if batch is not None]

    assert taken
    for labels, rows in taken:
        np.testing.assert_array_equal(labels, rows)


def test_pixels_from_another_process_are_taken(pixels):
    # An unpickled dtype may be equal to NumPy's own without being the same object.
    sent = pickle.loads(pickle.dumps(pixels.view(np.dtype("u1", copy=True))))

    assert len(next(Loader(sent, ROWS, ROWS, SPEC, 4)).rows) == 4
