"""Training batches: shuffled, flipped and shifted; seed and epoch alone decide how, so that training can resume."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from saccade.core.seed import derived_seed


@dataclass(frozen=True)
class TrainingBatches:
    """Batches of the training rows.

    pixels: (all images, H, W, 3) uint8, may be memory-mapped.   labels: (all images,) int64.   rows: the training rows.
    flip: mirror half of the images, the other half in the next epoch, so that two epochs show each image both ways
    (Jordan 2024, section 3: worth about one epoch in sixteen over random flips).
    translate_px: shift by up to this many px both ways; the border is filled by reflection.
    """

    pixels: np.ndarray
    labels: np.ndarray
    rows: np.ndarray
    batch_size: int
    flip: bool
    translate_px: int
    seed: int

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches in an epoch; what is left over waits for another shuffle."""
        return max(1, len(self.rows) // self.batch_size)

    def epoch(self, number: int, first_step: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields (pixels (B, H, W, 3) uint8, labels (B,)) of one epoch, from its batch first_step on."""
        generator = np.random.default_rng(derived_seed(self.seed, "epoch", number))
        order = generator.permutation(len(self.rows))
        mirrored = self._mirrored(number)
        shifts = generator.integers(-self.translate_px, self.translate_px + 1, size=(len(self.rows), 2))
        for step in range(first_step, self.steps_per_epoch):
            chosen = order[step * self.batch_size : (step + 1) * self.batch_size]
            rows = self.rows[chosen]
            yield shifted(self.pixels, rows, shifts[chosen], mirrored[chosen]), self.labels[rows]

    def _mirrored(self, epoch: int) -> np.ndarray:
        if not self.flip:
            return np.zeros(len(self.rows), dtype=bool)
        first = np.random.default_rng(derived_seed(self.seed, "flip")).random(len(self.rows)) < 0.5
        return first ^ (epoch % 2 == 1)


def shifted(pixels: np.ndarray, rows: np.ndarray, shifts: np.ndarray, mirrored: np.ndarray) -> np.ndarray:
    """Returns the images of rows, each moved and perhaps mirrored, as (B, H, W, 3) uint8.

    shifts: (B, 2) px: output pixel (y, x) is input pixel (y + shift[0], x + shift[1]), reflected at the border without
    repeating the border pixel.   mirrored: (B,) bool, left and right swapped afterwards.
    """
    height, width = pixels.shape[1:3]
    ys = _reflected(shifts[:, :1] + np.arange(height), height)
    xs = _reflected(shifts[:, 1:] + np.arange(width), width)
    xs = np.where(mirrored[:, None], xs[:, ::-1], xs)
    return pixels[rows[:, None, None], ys[:, :, None], xs[:, None, :]]


def _reflected(positions: np.ndarray, length: int) -> np.ndarray:
    last = length - 1
    return last - np.abs(last - np.abs(positions))
