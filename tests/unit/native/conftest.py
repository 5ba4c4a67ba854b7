"""Small images in memory, and Pillow as the independent oracle."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]


@pytest.fixture
def photo() -> Callable[..., Pixels]:
    """Returns a function that makes (height, width, 3) pixels as smooth as a photograph, different for each seed."""

    def make(height: int, width: int, seed: int = 0) -> Pixels:
        generator = np.random.default_rng(seed)
        y, x = np.mgrid[0:height, 0:width]
        waves = [
            127 + 110 * np.sin(x / generator.uniform(20, 60) + y / generator.uniform(20, 60) + generator.uniform(0, 6))
            for _ in range(3)
        ]
        return np.stack(waves, axis=-1).astype(np.uint8)

    return make


@pytest.fixture
def noise() -> Callable[..., Pixels]:
    """Returns a function that makes (height, width, 3) random pixels."""

    def make(height: int, width: int, seed: int = 0) -> Pixels:
        return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)

    return make


@pytest.fixture
def encode() -> Callable[..., bytes]:
    """Returns a function that writes pixels or a Pillow image as a file in memory."""

    def make(image: Pixels | Image.Image, format: str, **options: Any) -> bytes:
        picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
        file = io.BytesIO()
        picture.save(file, format, **options)
        return file.getvalue()

    return make


@pytest.fixture
def pillow_rgb() -> Callable[[bytes], Pixels]:
    """Returns a function that decodes a file with Pillow to (H, W, 3) uint8, as stored."""

    def read(file: bytes) -> Pixels:
        return np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))

    return read
