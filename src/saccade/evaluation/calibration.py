"""Whether a probability means what it says: the temperature, the calibration error and its reliability bins."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ECE_BINS = 15
# Temperatures outside this range have never been right; a fit that ends here says that validation cannot tell.
MIN_TEMPERATURE = 0.05
MAX_TEMPERATURE = 20.0
_BISECTIONS = 40


@dataclass(frozen=True)
class ReliabilityBins:
    """Equal-width bins of confidence over [0, 1], lowest first; all arrays are (B,).

    An empty bin has confidence and accuracy 0.
    """

    images: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]


def softmax(logits: NDArray[np.float32], temperature: float = 1.0) -> NDArray[np.float64]:
    """Returns (N, K) probabilities in float64."""
    scaled = logits.astype(np.float64) / temperature
    exponentials = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def fit_temperature(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Returns the temperature with the lowest negative log-likelihood of the labels.

    logits: (N, K); labels: (N,) class indices.   The answer lies in [MIN_TEMPERATURE, MAX_TEMPERATURE].
    Source: Guo et al. 2017. Different here: one imagined image with a label drawn at random joins the N real ones
    (Platt 1999 does the like). Without it, validation answered without a mistake would fit certainty, temperature 0.
    """
    count = len(logits)
    evidence = logits[np.arange(count), labels].astype(np.float64)
    chance = logits.mean(axis=1, dtype=np.float64)
    target = (count * evidence.mean() + chance.mean()) / (count + 1)

    # In 1 / temperature the likelihood is concave, so its slope crosses zero once: halve the bracket around it.
    low, high = np.log(1 / MAX_TEMPERATURE), np.log(1 / MIN_TEMPERATURE)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        expected = (softmax(logits, float(np.exp(-middle))) * logits).sum(axis=1).mean()
        low, high = (low, middle) if expected > target else (middle, high)
    return float(np.exp(-(low + high) / 2))


def negative_log_likelihood(probabilities: NDArray[np.floating], labels: NDArray[np.int64]) -> float:
    """Returns the mean of -log of the true class's probability, in nats."""
    chosen = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.maximum(chosen, np.finfo(np.float32).tiny)).mean())


def reliability_bins(
    probabilities: NDArray[np.floating], labels: NDArray[np.int64], bins: int = ECE_BINS
) -> ReliabilityBins:
    """Returns, for each bin of the top probability, how many images fell there and how many were right."""
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    # A bin holds (low, high], as in Guo et al. 2017, so that full certainty falls into the last one.
    place = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    images = np.bincount(place, minlength=bins)
    divisor = np.maximum(images, 1)
    return ReliabilityBins(
        images=images.astype(np.int64),
        confidence=np.bincount(place, weights=confidence, minlength=bins) / divisor,
        accuracy=np.bincount(place, weights=right, minlength=bins) / divisor,
    )


def calibration_error(bins: ReliabilityBins) -> float:
    """Returns the expected calibration error in [0, 1]: the mean gap of confidence and accuracy, weighted by images.

    Source: Naeini et al. 2015; Guo et al. 2017, eq. 3.
    """
    gaps = np.abs(bins.accuracy - bins.confidence)
    return float((bins.images * gaps).sum() / max(1, bins.images.sum()))
