"""The handwritten digits that ship inside scikit-learn: real images that need no network."""

from collections.abc import Iterator

import numpy as np

from saccade.data.sources.png import encode_png
from saccade.data.sources.source import Record, Source


def open_digits() -> Source:
    """Returns 1,797 grey digits of 8 x 8 pixels, the test set of Alpaydin and Kaynak's UCI collection.

    The 17 grey levels are spread over 0 to 255. A mirrored digit is another sign, so flips are not allowed.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels = np.round(digits.images * (255 / 16)).astype(np.uint8)
    labels = [str(target) for target in digits.target]
    return Source(
        kind="digits",
        location="digits",
        labels=frozenset(labels),
        count=len(labels),
        read=lambda: _read(pixels, labels),
        allow_flip=False,
    )


def _read(pixels: np.ndarray, labels: list[str]) -> Iterator[Record]:
    for number, (image, label) in enumerate(zip(pixels, labels, strict=True)):
        yield Record(f"{label}/{number:04}.png", label, None, encode_png(image))
