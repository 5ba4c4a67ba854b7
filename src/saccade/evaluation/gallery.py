"""Which images a person should look at, and how they get into a page."""

import base64
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

# A thumbnail of at most this side: 24 of them stay near 200 KB.
THUMBNAIL_PX = 160
JPEG_QUALITY = 85


@dataclass(frozen=True)
class Picture:
    """One answered image, ready for a page."""

    uri: str  # data:image/...
    name: str
    true: str
    predicted: str
    probability: float
    true_probability: float

    @property
    def description(self) -> str:
        """What the picture shows, for people who cannot see it."""
        if self.true == self.predicted:
            return f"{self.name}: {self.true}, answered right with probability {self.probability:.3f}"
        return f"{self.name}: {self.true}, answered {self.predicted} with probability {self.probability:.3f}"


def confident_mistakes(probabilities: NDArray[np.floating], labels: NDArray[np.int64], limit: int) -> NDArray[np.int64]:
    """Returns the rows of at most limit wrong answers, the most certain first."""
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    confidence = probabilities[wrong].max(axis=1)
    return wrong[np.argsort(-confidence, kind="stable")][:limit]


def correct_examples(
    probabilities: NDArray[np.floating], labels: NDArray[np.int64], limit: int, seed: int
) -> NDArray[np.int64]:
    """Returns the rows of at most limit right answers drawn at random, every class before any class twice."""
    right = np.flatnonzero(probabilities.argmax(axis=1) == labels)
    drawn = np.random.default_rng(seed).permutation(right)
    order = np.argsort(labels[drawn], kind="stable")
    by_class = drawn[order]
    starts = np.searchsorted(labels[by_class], labels[by_class])
    turn = np.arange(len(by_class)) - starts
    return by_class[np.lexsort((labels[by_class], turn))][:limit]


def picture_uri(pixels: NDArray[np.uint8]) -> str:
    """Returns a data URI of (H, W, 3) RGB pixels: PNG as it is when small, else a JPEG of at most THUMBNAIL_PX."""
    height, width = pixels.shape[:2]
    if max(height, width) <= THUMBNAIL_PX // 2:
        return _encoded(pixels, ".png", "image/png", [])
    scale = min(1.0, THUMBNAIL_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    thumbnail = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    return _encoded(thumbnail, ".jpg", "image/jpeg", [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])


def _encoded(pixels: NDArray[np.uint8], extension: str, media_type: str, options: list[int]) -> str:
    _, data = cv2.imencode(extension, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), options)
    return f"data:{media_type};base64,{base64.b64encode(data.tobytes()).decode('ascii')}"
