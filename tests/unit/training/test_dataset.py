"""What training refuses before it starts."""

from dataclasses import replace

import numpy as np
import pytest

from saccade.core.errors import DataError
from saccade.training.dataset import TrainingData


def test_one_class_is_refused(data: TrainingData) -> None:
    with pytest.raises(DataError, match=r"one class, 'above'. A classifier needs at least two"):
        replace(data, classes=("above",), labels=np.zeros(96, np.int64))


def test_class_with_one_training_image_is_named(data: TrainingData) -> None:
    with pytest.raises(DataError, match="Class 'below' has 1 images to train on"):
        replace(data, train_rows=np.array([0, 2, 4, 5]))


def test_class_without_training_images_is_named(data: TrainingData) -> None:
    with pytest.raises(DataError, match="Class 'nowhere' has 0 images to train on"):
        replace(data, classes=("above", "below", "nowhere"))


def test_missing_validation_images_are_refused(data: TrainingData) -> None:
    with pytest.raises(DataError, match=r"no validation images. Run 'saccade prepare'"):
        replace(data, validation_rows=np.empty(0, np.int64))
