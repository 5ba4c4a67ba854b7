"""What training reads from a prepared dataset bundle, checked."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from saccade.core.errors import DataError
from saccade.data.bundle import DatasetBundle
from saccade.preprocess.spec import PreprocessSpec

FEWEST_TRAINING_IMAGES = 2  # of a class


@dataclass(frozen=True)
class TrainingData:
    """Prepared pixels and labels of all splits, and which rows may be used for what.

    pixels: (N, H, W, 3) uint8, memory-mapped.   labels: (N,) int64.   train_rows, validation_rows: (n,) int64.
    mean, std: of the channels, for pixels scaled to [0, 1].   class_weights: (K,) factors on the loss, or None.
    """

    pixels: np.ndarray
    labels: np.ndarray
    train_rows: np.ndarray
    validation_rows: np.ndarray
    classes: tuple[str, ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    allow_flip: bool
    class_weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if len(self.classes) < 2:
            raise DataError(
                f"There is one class, {', '.join(map(repr, self.classes))}. A classifier needs at least two: "
                f"add a folder with images of another class."
            )
        counts = np.bincount(self.labels[self.train_rows], minlength=len(self.classes))
        poorest = int(counts.argmin())
        if counts[poorest] < FEWEST_TRAINING_IMAGES:
            raise DataError(
                f"Class '{self.classes[poorest]}' has {counts[poorest]} images to train on, and needs at least "
                f"{FEWEST_TRAINING_IMAGES}. Add images, or leave the class out."
            )
        if not len(self.validation_rows):
            raise DataError("The dataset has no validation images. Run 'saccade prepare', which sets some aside.")

    @classmethod
    def read(cls, bundle: DatasetBundle) -> Self:
        """Returns the training data of a prepared bundle. Raises DataError where it cannot be trained on."""
        if bundle.info.preprocess is None:
            raise DataError(f"'{bundle.path}' is not prepared. Run 'saccade prepare {bundle.path}' first.")
        spec = PreprocessSpec.parse(bundle.info.preprocess)
        weights = bundle.info.class_weights
        return cls(
            pixels=bundle.pixels,
            labels=bundle.labels,
            train_rows=bundle.indices("train"),
            validation_rows=bundle.indices("val"),
            classes=tuple(bundle.info.classes),
            mean=spec.mean,
            std=spec.std,
            allow_flip=bundle.info.allow_flip,
            class_weights=tuple(weights) if weights else None,
        )

    @property
    def side(self) -> int:
        """Side of the prepared images in px."""
        return int(self.pixels.shape[1])


def open_training_data(dataset: Path) -> tuple[DatasetBundle, TrainingData]:
    """Returns the bundle at dataset and what training needs of it."""
    bundle = DatasetBundle.open(dataset)
    return bundle, TrainingData.read(bundle)
