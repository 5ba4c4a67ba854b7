"""Classes of unequal size: weights for the loss, or repeated rows that augmentation makes different."""

from typing import Literal, get_args

import numpy as np

from saccade.core.seed import derived_seed

Balance = Literal["none", "weights", "augment"]
BALANCES = get_args(Balance)
MAX_COPIES = 10  # of one image in all: more copies teach the images by heart and make an epoch longer


def class_weights(class_counts: np.ndarray) -> list[float]:
    """Returns a loss weight for each class, inverse to its size; over the training images their mean is 1.

    class_counts: (K,) training images, each at least 1.   Source: King and Zeng 2001; scikit-learn calls it "balanced".
    """
    weights = class_counts.sum() / (len(class_counts) * class_counts)
    return [float(weight) for weight in weights]


def repeated_rows(labels: np.ndarray, rows: np.ndarray, seed: int) -> np.ndarray:
    """Returns the rows to append so that every class is as large as the largest, or ten times its size if that is less.

    labels: (N,) int64 of all images.   rows: the training rows.   Every image of a class is repeated equally often,
    give or take one; which ones get the extra copy is drawn by the seed.
    """
    generator = np.random.default_rng(derived_seed(seed, "balance"))
    counts = np.bincount(labels[rows])
    goal = counts.max()
    appended = [np.empty(0, np.int64)]
    for label in np.flatnonzero(counts):
        own = rows[labels[rows] == label]
        missing = min(goal, MAX_COPIES * len(own)) - len(own)
        appended += [own] * (missing // len(own)) + [generator.permutation(own)[: missing % len(own)]]
    return np.concatenate(appended)
