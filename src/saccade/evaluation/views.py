"""How sure an answer must be to do without further test-time views."""

import numpy as np
from numpy.typing import NDArray

from saccade.evaluation.calibration import softmax

ALWAYS = 2.0  # above any probability
CANDIDATES = (0.0, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, ALWAYS)


def choose_view_threshold(
    plain: NDArray[np.float32], averaged: NDArray[np.float32], labels: NDArray[np.int64], temperature: float
) -> float:
    """Returns the smallest threshold with which validation is answered as well as with all views of every image.

    plain, averaged: (N, K) logits of the image as it is, and averaged over all views. Images whose calibrated top
    probability on plain is below the threshold get the averaged logits. 0 means that views gain nothing.
    """
    wanted = int((averaged.argmax(axis=1) == labels).sum())
    enough = [
        threshold
        for threshold in CANDIDATES
        if int((mixed_logits(plain, averaged, threshold, temperature).argmax(axis=1) == labels).sum()) >= wanted
    ]
    return enough[0]


def mixed_logits(
    plain: NDArray[np.float32], averaged: NDArray[np.float32], threshold: float, temperature: float
) -> NDArray[np.float32]:
    """Returns (N, K): averaged where plain's calibrated top probability is below threshold, plain elsewhere."""
    unsure = softmax(plain, temperature).max(axis=1) < threshold
    return np.where(unsure[:, None], averaged, plain)
