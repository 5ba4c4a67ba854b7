"""Batches: which images come, and how they are changed. Their order and resumption are tested with saccade_native."""

from dataclasses import replace

import numpy as np

from saccade.training.batches import training_loader
from saccade.training.config import TrainingConfig
from saccade.training.dataset import TrainingData


def _taken(data: TrainingData, config: TrainingConfig, steps: int) -> list[tuple[np.ndarray, np.ndarray]]:
    loader = training_loader(data, config, seed=3)
    return [(batch.tensors.copy(), batch.rows) for batch in (next(loader) for _ in range(steps))]


def test_epoch_holds_every_training_row_once(data: TrainingData, config: TrainingConfig) -> None:
    rows = np.concatenate([rows for _, rows in _taken(data, config, 2)])
    assert sorted(rows) == list(data.train_rows)


def test_batch_is_no_larger_than_the_training_set(data: TrainingData, config: TrainingConfig) -> None:
    ((_, rows),) = _taken(data, replace(config, batch_size=1000), 1)
    assert len(rows) == len(data.train_rows)


def test_two_epochs_show_every_image_both_ways(data: TrainingData, config: TrainingConfig) -> None:
    ways: dict[int, set[str]] = {int(row): set() for row in data.train_rows}
    for pixels, rows in _taken(data, replace(config, translate_px=0), 4):
        for image, row in zip(pixels, rows, strict=True):
            original = data.pixels[row]
            ways[int(row)].add("plain" if np.array_equal(image, original) else "mirrored")
            assert np.array_equal(image, original) or np.array_equal(image, original[:, ::-1])
    assert all(seen == {"plain", "mirrored"} for seen in ways.values())


def test_data_that_must_not_be_mirrored_only_moves(data: TrainingData, config: TrainingConfig) -> None:
    px = 2
    for pixels, rows in _taken(replace(data, allow_flip=False), replace(config, translate_px=px), 2):
        for image, row in zip(pixels, rows, strict=True):
            padded = np.pad(data.pixels[row], ((px, px), (px, px), (0, 0)), "reflect")
            moved = [padded[y : y + 12, x : x + 12] for y in range(2 * px + 1) for x in range(2 * px + 1)]
            assert any(np.array_equal(image, candidate) for candidate in moved)
