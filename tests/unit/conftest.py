"""Small real images that several rooms' tests are made of."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def _encode(seed: int, size: tuple[int, int] = (12, 10), kind: str = "JPEG") -> bytes:
    width, height = size
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture
def encode() -> Callable[..., bytes]:
    """encode(seed, size=(width, height), kind="JPEG"): noise of that seed as an image file."""
    return _encode


@pytest.fixture
def image_folder(tmp_path: Path) -> Callable[..., Path]:
    """image_folder({"train/cat": 3}, name="images"): a folder of class folders, every image another."""

    def make(counts: Mapping[str, int], name: str = "images", size: tuple[int, int] = (12, 10)) -> Path:
        root = tmp_path / name
        seed = 0
        for folder, count in counts.items():
            (root / folder).mkdir(parents=True)
            for number in range(count):
                (root / folder / f"{number}.jpg").write_bytes(_encode(seed, size))
                seed += 1
        return root

    return make
