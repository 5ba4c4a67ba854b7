"""How often the answers are right: accuracy with its interval, the confusion matrix and each class's figures."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

CONFIDENCE_LEVEL = 0.95


@dataclass(frozen=True)
class Accuracy:
    """A share of right answers and the 95 % Wilson interval around it, all in [0, 1]."""

    value: float
    low: float
    high: float
    right: int
    images: int


@dataclass(frozen=True)
class ClassScores:
    """Precision, recall and F1 of each class, float64 (K,); images is the number of true images, int64 (K,)."""

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    f1: NDArray[np.float64]
    images: NDArray[np.int64]


@dataclass(frozen=True)
class Confusion:
    """How many images of class `true` were answered as class `predicted`."""

    true: int
    predicted: int
    images: int


def accuracy(true: NDArray[np.int64], predicted: NDArray[np.int64]) -> Accuracy:
    """Returns the share of answers that are right, with its interval. Both arrays are (N,) class indices, N >= 1."""
    right = int(np.count_nonzero(true == predicted))
    low, high = wilson_interval(right, len(true))
    return Accuracy(value=right / len(true), low=low, high=high, right=right, images=len(true))


def wilson_interval(successes: int, trials: int, level: float = CONFIDENCE_LEVEL) -> tuple[float, float]:
    """Returns the interval that holds the true rate in about `level` of all repetitions.

    Unlike the normal approximation it stays inside [0, 1] and has a width when every trial succeeds.
    Source: Wilson 1927, without continuity correction.
    """
    z = NormalDist().inv_cdf(0.5 + level / 2)
    rate = successes / trials
    centre = rate + z * z / (2 * trials)
    half_width = z * (rate * (1 - rate) / trials + z * z / (4 * trials * trials)) ** 0.5
    scale = 1 + z * z / trials
    # Rounding may leave 0 or 1 by 1e-17 where the interval ends exactly there.
    return max(0.0, (centre - half_width) / scale), min(1.0, (centre + half_width) / scale)


def confusion_matrix(true: NDArray[np.int64], predicted: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Returns (K, K) counts: row = true class, column = predicted class."""
    counts = np.bincount(true * classes + predicted, minlength=classes * classes)
    return counts.reshape(classes, classes).astype(np.int64)


def class_scores(matrix: NDArray[np.int64]) -> ClassScores:
    """Returns each class's figures from a confusion matrix.

    A class that is never predicted has precision 0, one without images has recall 0, as in scikit-learn.
    """
    right = np.diagonal(matrix).astype(np.float64)
    images = matrix.sum(axis=1)
    return ClassScores(
        precision=_ratio(right, matrix.sum(axis=0)),
        recall=_ratio(right, images),
        f1=_ratio(2 * right, matrix.sum(axis=0) + images),
        images=images,
    )


def worst_confusions(matrix: NDArray[np.int64], limit: int) -> list[Confusion]:
    """Returns at most limit pairs of different classes that were confused, the most frequent first."""
    errors = matrix - np.diag(np.diagonal(matrix))
    order = np.argsort(-errors, axis=None, kind="stable")[:limit]
    pairs = np.stack(np.unravel_index(order, errors.shape), axis=1)
    return [Confusion(int(true), int(other), int(errors[true, other])) for true, other in pairs if errors[true, other]]


def _ratio(above: NDArray[np.float64], below: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.divide(above, below, out=np.zeros(len(above)), where=below > 0)
