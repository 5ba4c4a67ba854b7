"""Which images are held out: stratified, seeded, and decided by content, not by names or order."""

from collections.abc import Sequence

import numpy as np

from saccade.core.errors import DataError
from saccade.core.seed import derived_seed

TEST_FRACTION = 0.2
VALIDATION_FRACTION = 0.1
VALIDATION_MAX_IMAGES = 2_000  # an accuracy near 90 % is then known to 1.3 points (95 %)


def held_out_for_test(class_counts: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """Returns how many images of each class are held out for test: a fifth, and at least one.

    class_counts: (K,) int64.   Raises DataError for a class with one image, which cannot be in both.
    """
    for name, count in zip(classes, class_counts, strict=True):
        if count < 2:
            raise DataError(
                f"Class '{name}' has one usable image: it cannot be trained on and tested both. Add images of it, join "
                "it with another class by --mapping, or take it out."
            )
    return np.maximum(1, np.round(class_counts * TEST_FRACTION).astype(np.int64))


def held_out_for_validation(class_counts: np.ndarray) -> np.ndarray:
    """Returns how many training images of each class are held out for selection.

    A tenth but at most 2,000 in all, shared by size of class; beyond that at least one of each class that has two.
    class_counts: (K,) int64.
    """
    total = int(class_counts.sum())
    wanted = min(round(total * VALIDATION_FRACTION), VALIDATION_MAX_IMAGES)
    shares = class_counts * (wanted / max(total, 1))
    counts = np.floor(shares).astype(np.int64)
    largest_remainders = np.argsort(counts - shares, kind="stable")[: wanted - int(counts.sum())]
    counts[largest_remainders] += 1
    return np.maximum(counts, (class_counts >= 2).astype(np.int64))


def draw(labels: np.ndarray, digests: Sequence[str], counts: np.ndarray, seed: int, purpose: str) -> np.ndarray:
    """Returns a mask (N,) bool with counts[k] images of each class k.

    labels: (N,) int64.   digests: sha256 of each image; the draw depends on them and not on the order of rows.
    counts: (K,) int64.   purpose: part of the seed, so that one split's draw never follows another's.
    """
    generator = np.random.default_rng(derived_seed(seed, "split", purpose))
    by_content = np.argsort(np.asarray(digests), kind="stable")
    chosen = np.zeros(len(labels), bool)
    for label, count in enumerate(counts):
        rows = by_content[labels[by_content] == label]
        chosen[generator.permutation(rows)[:count]] = True
    return chosen
