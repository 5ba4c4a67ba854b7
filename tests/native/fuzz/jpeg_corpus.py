"""Odd JPEG files, by Pillow and by byte surgery."""

import base64
import io
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
from corpus_pixels import HUGE_SIDE, flipped, orientation_block, replaced, waves
from PIL import Image

START, END = b"\xff\xd8", b"\xff\xd9"
BASELINE, PROGRESSIVE, SCAN = b"\xff\xc0", b"\xff\xc2", b"\xff\xda"
DECODING_TABLES = b"\xff\xc4"
BOMB_SCANS = 10_000
# waves(11, 19) in 4:2:0 at quality 50, transcoded by 'jpegtran -arithmetic' of libjpeg-turbo 2.1.5: Pillow writes none.
ARITHMETIC = """
/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERXRTc4UG1RV19i
Z2hnPk1xeXBkeFxlZ2P/2wBDARESEhgVGC8aGi9jQjhCY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2Nj
Y2NjY2NjY2P/yQARCAALABMDASIAAhEBAxEB/8wACgAQEAUBEBEF/9oADAMBAAIRAxEAPwD/AHhw0BSRrqbhNIghEZjJuTYUrZ+y
cSW53N6DW+yQO87/2Q==
"""


def encoded(image: Image.Image, format: str = "JPEG", **options: Any) -> bytes:
    """The image as Pillow writes it."""
    file = io.BytesIO()
    image.save(file, format, **{"quality": 80, **options})
    return file.getvalue()


def segment(marker: int, body: bytes) -> bytes:
    """One marker with its length and content."""
    return bytes([0xFF, marker]) + struct.pack(">H", 2 + len(body)) + body


def with_frame(file: bytes, place: int, patch: bytes) -> bytes:
    """file with bytes of its baseline frame header overwritten: 4 precision, 5 height, 7 width, 9 components."""
    return replaced(file, file.index(BASELINE) + place, patch)


def without_tables(file: bytes) -> bytes:
    """file without its Huffman tables, as cameras' motion JPEG has it."""
    while (place := file.find(DECODING_TABLES)) >= 0:
        file = file[:place] + file[place + 2 + struct.unpack_from(">H", file, place + 2)[0] :]
    return file


def scan_bomb() -> bytes:
    """A grey progressive picture whose scans say nothing, over and over."""
    table = segment(0xC4, b"\x00\x01" + bytes(15) + b"\x00")  # the one code, 0, is a difference of nothing
    frame = segment(0xC2, struct.pack(">BHHB", 8, 64, 64, 1) + b"\x01\x11\x00")
    scan = segment(0xDA, b"\x01\x01\x00\x00\x00\x00") + bytes(8)
    return START + segment(0xDB, b"\0" + b"\x01" * 64) + frame + table + scan * BOMB_SCANS + END


def kinds() -> Iterator[tuple[str, bytes]]:
    """Whole files of every kind."""
    image = Image.fromarray(waves())
    for name, subsampling in {"444": 0, "422": 1, "420": 2}.items():
        yield f"baseline-{name}", encoded(image, subsampling=subsampling)
        yield f"progressive-{name}", encoded(image, subsampling=subsampling, progressive=True)
        yield f"restart-{name}", encoded(image, subsampling=subsampling, restart_marker_blocks=2)
    yield "grey", encoded(image.convert("L"))
    yield "grey-progressive", encoded(image.convert("L"), progressive=True)
    yield "rgb", encoded(image, keep_rgb=True, subsampling=0)
    inks = Image.fromarray(np.dstack([waves(), waves()[::-1, :, 0]]), "CMYK")
    cmyk = encoded(inks)
    yield "cmyk", cmyk
    yield "cmyk-progressive", encoded(inks, progressive=True)
    yield "ycck", replaced(cmyk, cmyk.index(b"Adobe") + 11, b"\2")
    yield "arithmetic", base64.b64decode(ARITHMETIC)
    yield "one-pixel", encoded(image.crop((0, 0, 1, 1)))
    yield "two-pictures", encoded(image, "MPO", save_all=True, append_images=[image.rotate(180)])
    yield "coarse-tables", encoded(image, quality=1)
    tiny = Image.fromarray(waves(8, 16))
    for orientation in range(1, 9):
        yield f"orientation-{orientation}", encoded(tiny, exif=b"Exif\0\0" + orientation_block(orientation))


def unusual() -> Iterator[tuple[str, bytes]]:
    """Files that other programs read, or refuse for a reason."""
    whole = encoded(Image.fromarray(waves()))
    yield "twelve-bit", with_frame(whole, 1, b"\xc1\x00\x11\x0c")
    yield "lossless", with_frame(whole, 1, b"\xc3")
    yield "huge-sides", with_frame(whole, 5, struct.pack(">HH", HUGE_SIDE, HUGE_SIDE))
    yield "largest-sides", with_frame(whole, 5, b"\xff\xff\xff\xff")
    yield "no-height", with_frame(whole, 5, b"\0\0")
    yield "two-components", with_frame(whole, 3, b"\x0e").replace(b"\x03\x01\x22", b"\x02\x01\x22", 1)
    yield "sampling-41", with_frame(whole, 11, b"\x41")
    yield "sampling-12", with_frame(whole, 11, b"\x12")
    yield "sampling-31", with_frame(whole, 11, b"\x31")
    yield "table-of-frame", with_frame(whole, 12, b"\xff")
    yield "table-of-scan", replaced(whole, whole.index(SCAN) + 6, b"\xff")
    yield "without-huffman-tables", without_tables(whole)
    yield "without-end", whole[:-2]
    yield "trailing-bytes", whole + bytes(100)
    yield "comment", START + segment(0xFE, b"<script>alert(1)</script>") + whole[2:]
    yield "many-comments", START + segment(0xFE, b"") * 2_000 + whole[2:]
    yield "scan-bomb", scan_bomb()


def damaged() -> Iterator[tuple[str, bytes]]:
    """Files that lost or changed bytes."""
    image = Image.fromarray(waves())
    whole = encoded(image)
    progressive = encoded(image, progressive=True)
    yield "cut", whole[: len(whole) // 2]
    yield "cut-in-header", whole[:100]
    yield "cut-progressive", progressive[: len(progressive) // 2]
    yield "cut-arithmetic", base64.b64decode(ARITHMETIC)[:-20]
    yield "flipped-pixel", flipped(whole, len(whole) * 3 // 4)
    yield "flipped-table", flipped(whole, whole.index(DECODING_TABLES) + 8)
    yield "without-quantization", whole[:2] + whole[whole.index(BASELINE) :]
    yield "without-scan", whole[: whole.index(SCAN)] + END
    restart = encoded(image, restart_marker_blocks=2)
    yield "restart-missing", restart.replace(b"\xff\xd1", b"", 1)
    yield "restart-swapped", restart.replace(b"\xff\xd1", b"\xff\xd5", 1)


def files() -> Iterator[tuple[str, bytes]]:
    """Names without extension, and contents."""
    yield from kinds()
    yield from unusual()
    yield from damaged()
