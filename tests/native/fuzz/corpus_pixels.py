"""Pixels and byte surgery that the makers of odd files share. Integers only: the same on every machine."""

import struct

import numpy as np
from numpy.typing import NDArray

HUGE_SIDE = 65_500


def waves(height: int = 37, width: int = 53) -> NDArray[np.uint8]:
    """(H, W, 3) triangle waves of different lengths with a little noise: smooth enough for JPEG, with no flat block."""
    y, x = np.mgrid[0:height, 0:width]
    noise = np.random.default_rng(4).integers(0, 8, (height, width, 3))
    ramps = np.stack([x * 9 + y * 2, x * 3 + y * 7, 5 * (x + y)], axis=-1) + noise
    return np.abs((ramps + 255) % 510 - 255).astype(np.uint8)


def replaced(file: bytes, place: int, patch: bytes) -> bytes:
    """file with the bytes at place overwritten by patch."""
    return file[:place] + patch + file[place + len(patch) :]


def flipped(file: bytes, place: int) -> bytes:
    """file with the lowest bit of one byte flipped."""
    return replaced(file, place, bytes([file[place] ^ 1]))


def orientation_block(orientation: int) -> bytes:
    """A TIFF block that holds nothing but an EXIF orientation."""
    return b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
