"""Odd WebP files, by Pillow and by byte surgery."""

import io
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
from corpus_pixels import HUGE_SIDE, flipped, orientation_block, replaced, waves
from PIL import Image

CHUNKS_PLACE = 12
ANIMATED = 2


def encoded(image: Image.Image, **options: Any) -> bytes:
    """The image as Pillow writes it."""
    file = io.BytesIO()
    image.save(file, "WEBP", **options)
    return file.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    """One chunk, filled up to an even length."""
    return name + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def riff(chunks: bytes) -> bytes:
    """A file of these chunks."""
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


def canvas(width: int, height: int, flags: int = 0) -> bytes:
    """The chunk that announces the extended layout."""
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return chunk(b"VP8X", bytes([flags, 0, 0, 0]) + sides)


def files() -> Iterator[tuple[str, bytes]]:
    """Names without extension, and contents."""
    image = Image.fromarray(waves())
    translucent = Image.fromarray(np.dstack([waves(), waves()[..., 0]]))
    lossy = encoded(image, quality=80)
    lossless = encoded(image, lossless=True)
    yield "lossy", lossy
    yield "lossy-even", encoded(Image.fromarray(waves(64, 96)), quality=80)
    yield "lossless", lossless
    yield "one-pixel", encoded(image.crop((0, 0, 1, 1)))
    yield "alpha-lossy", encoded(translucent, quality=80)
    yield "alpha-lossless", encoded(translucent, lossless=True, exact=True)
    yield "profile", encoded(image, icc_profile=bytes(301))
    yield "animated", encoded(image, save_all=True, append_images=[image.rotate(180)], duration=50)
    tiny = Image.fromarray(waves(4, 9))
    for orientation in range(1, 9):
        yield f"orientation-{orientation}", encoded(tiny, lossless=True, exif=orientation_block(orientation))
    for name, side in {"huge": HUGE_SIDE, "largest": 2**16 - 1}.items():
        yield f"{name}-sides", riff(canvas(side, side, ANIMATED) + chunk(b"ANIM", bytes(6)))
    yield "huge-lossless", replaced(lossless, 21, b"\xff\xff\xff\x0f")
    yield "huge-lossy", replaced(lossy, 26, b"\xff\x3f\xff\x3f")
    yield "other-canvas", riff(canvas(500, 400) + lossy[CHUNKS_PLACE:])
    yield "cut", lossy[: len(lossy) // 2]
    yield "cut-lossless", lossless[: len(lossless) // 2]
    yield "cut-and-repaired", riff(lossy[CHUNKS_PLACE : len(lossy) // 2])
    yield "flipped-pixel", flipped(lossy, len(lossy) // 2)
    yield "flipped-header", flipped(lossless, 21)
    yield "chunk-beyond-end", riff(canvas(53, 37) + b"EXIF\xff\xff\xff\xff")
    yield "without-pixels", riff(canvas(53, 37))
    yield "trailing-bytes", lossy + bytes(100)
