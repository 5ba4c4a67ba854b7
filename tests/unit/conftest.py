"""Small real images that several rooms' tests are made of."""

import io
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
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


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """mount("size=256k"): an empty tmpfs with these options. Skips the test where mounting is not allowed."""
    points: list[Path] = []

    def make(options: str) -> Path:
        if os.geteuid() != 0:
            pytest.skip("mounting needs root")
        point = tmp_path / f"disk-{len(points)}"
        point.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(point)]
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode:
            pytest.skip(f"this machine does not let root mount: {done.stderr.decode()}")
        points.append(point)
        return point

    yield make
    for point in points:
        subprocess.run(["umount", str(point)], check=True)
