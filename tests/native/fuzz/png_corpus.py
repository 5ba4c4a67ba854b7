"""Odd PNG files, written chunk by chunk."""

import struct
import zlib
from collections.abc import Iterator

import numpy as np
from corpus_pixels import HUGE_SIDE, flipped, orientation_block, replaced, waves
from numpy.typing import NDArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGB_ALPHA: 4}
# First column and row of each pass of Adam7, and the steps to the next ones.
PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
END = (b"IEND", b"")
IDAT_PLACE = len(SIGNATURE) + 25


def chunk(kind: bytes, body: bytes) -> bytes:
    """One chunk with its length and checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def header(width: int, height: int, depth: int = 8, color: int = RGB, interlace: int = 0) -> bytes:
    """The signature and the header chunk."""
    return SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlace))


def samples(depth: int, color: int) -> NDArray[np.uint16]:
    """(H, W, channels) levels of the whole range of a depth."""
    levels = waves(19, 23).astype(np.uint16)
    levels = np.concatenate([levels, levels[::-1]], axis=-1)[..., : CHANNELS[color]]
    return levels * 257 if depth == 16 else levels >> (8 - depth)


def packed_rows(levels: NDArray[np.uint16], depth: int) -> bytes:
    """The rows as a PNG holds them, filtered in turn by none, the sample to the left, and the row above."""
    flat = levels.reshape(len(levels), -1)
    if depth == 16:
        rows = flat.astype(">u2").view(np.uint8)
    else:
        bits = np.unpackbits(flat.astype(np.uint8)[..., None], axis=-1)[..., 8 - depth :]
        rows = np.packbits(bits.reshape(len(flat), -1), axis=-1)
    step = max(1, depth * levels.shape[-1] // 8)
    left = np.pad(rows, ((0, 0), (step, 0)))[:, : rows.shape[1]]
    above = np.pad(rows, ((1, 0), (0, 0)))[:-1]
    kinds = np.arange(len(rows), dtype=np.uint8) % 3
    predicted = np.where(kinds[:, None] == 1, left, above) * (kinds[:, None] > 0)
    return np.column_stack([kinds, rows - predicted.astype(np.uint8)]).tobytes()


def image_data(levels: NDArray[np.uint16], depth: int, is_interlaced: bool = False) -> bytes:
    """The compressed rows of all passes."""
    parts = [levels[y::down, x::across] for x, y, across, down in PASSES] if is_interlaced else [levels]
    return zlib.compress(b"".join(packed_rows(part, depth) for part in parts if part.size), 9)


def png(depth: int, color: int, *, is_interlaced: bool = False, before: bytes = b"", after: bytes = b"") -> bytes:
    """A whole file; before and after are chunks around its pixels."""
    levels = samples(depth, color)
    palette = chunk(b"PLTE", bytes(i % 256 for i in range(3 * 2**depth))) if color == PALETTE else b""
    return (
        header(levels.shape[1], levels.shape[0], depth, color, int(is_interlaced))
        + palette
        + before
        + chunk(b"IDAT", image_data(levels, depth, is_interlaced))
        + after
        + chunk(*END)
    )


def colour_types() -> Iterator[tuple[str, bytes]]:
    """Every colour type and depth, with and without interlace."""
    kinds = {"grey": (GREY, (1, 2, 4, 8, 16)), "palette": (PALETTE, (1, 2, 4, 8)), "rgb": (RGB, (8, 16))}
    kinds |= {"grey-alpha": (GREY_ALPHA, (8, 16)), "rgba": (RGB_ALPHA, (8, 16))}
    for name, (color, depths) in kinds.items():
        for depth in depths:
            yield f"{name}-{depth}", png(depth, color)
            yield f"{name}-{depth}-interlaced", png(depth, color, is_interlaced=True)
    yield "palette-transparent", png(8, PALETTE, before=chunk(b"tRNS", bytes(range(0, 256, 2))))
    yield "grey-transparent", png(8, GREY, before=chunk(b"tRNS", b"\0\x09"))
    yield "rgb-transparent", png(8, RGB, before=chunk(b"tRNS", b"\0\x09\0\x09\0\x09"))


def beside_pixels() -> Iterator[tuple[str, bytes]]:
    """Chunks that are not pixels."""
    bomb = zlib.compress(bytes(5_000_000), 9)
    yield "text-bomb", png(8, RGB, before=chunk(b"zTXt", b"bomb\0\0" + bomb))
    yield "profile-bomb", png(8, RGB, before=chunk(b"iCCP", b"bomb\0\0" + bomb))
    yield "long-chunk", png(8, RGB, before=chunk(b"caBX", bytes(9_000)))
    yield "long-chunk-announced", png(8, RGB)[:IDAT_PLACE] + b"\x7f\xff\xff\xffcaBX" + bytes(100)
    yield "many-chunks", png(8, RGB, before=chunk(b"tEXt", b"a\0b") * 500)
    yield "text-after", png(8, RGB, after=chunk(b"tEXt", b"late\0text"))
    frame = struct.pack(">IIIIIHHBB", 0, 23, 19, 0, 0, 1, 10, 0, 0)
    second = chunk(b"fcTL", replaced(frame, 0, b"\0\0\0\1"))
    second += chunk(b"fdAT", b"\0\0\0\2" + image_data(samples(8, RGB), 8))
    control = chunk(b"acTL", struct.pack(">II", 2, 0)) + chunk(b"fcTL", frame)
    yield "animated", png(8, RGB, before=control, after=second)
    for orientation in range(1, 9):
        yield f"orientation-{orientation}", png(8, RGB, before=chunk(b"eXIf", orientation_block(orientation)))


def damaged() -> Iterator[tuple[str, bytes]]:
    """Files that lie about themselves."""
    whole = png(8, RGB)
    data = image_data(samples(8, RGB), 8)
    start = header(23, 19)
    yield "huge-sides", header(HUGE_SIDE, HUGE_SIDE) + whole[IDAT_PLACE:]
    yield "huge-width", header(HUGE_SIDE, 1) + whole[IDAT_PLACE:]
    yield "largest-sides", header(2**31 - 1, 2**31 - 1) + whole[IDAT_PLACE:]
    yield "no-width", header(0, 19) + whole[IDAT_PLACE:]
    yield "impossible-depth", header(23, 19, 16, PALETTE) + whole[IDAT_PLACE:]
    yield "cut", whole[: len(whole) // 2]
    yield "cut-in-header", whole[:20]
    yield "flipped-pixel", flipped(whole, len(whole) // 2)
    yield "flipped-header", flipped(whole, 19)
    yield "without-end", whole[:-12]
    yield "without-pixels", start + chunk(*END)
    yield "without-palette", header(23, 19, 8, PALETTE) + whole[IDAT_PLACE:]
    yield "two-headers", start + start[len(SIGNATURE) :] + whole[IDAT_PLACE:]
    yield "many-parts", start + b"".join(chunk(b"IDAT", data[i : i + 1]) for i in range(len(data))) + chunk(*END)
    yield "too-few-rows", header(23, 20) + whole[IDAT_PLACE:]
    yield "pixel-bomb", start + chunk(b"IDAT", bomb_after(23 * 3 + 1, 19)) + chunk(*END)
    yield "palette-short", header(23, 19, 8, PALETTE) + chunk(b"PLTE", bytes(6)) + palette_pixels() + chunk(*END)


def bomb_after(row_bytes: int, rows: int) -> bytes:
    """Compressed black rows that go on and on after the last one."""
    return zlib.compress(bytes(row_bytes * rows + 30_000_000), 9)


def palette_pixels() -> bytes:
    """An image data chunk with indices far beyond a short palette."""
    return chunk(b"IDAT", image_data(samples(8, PALETTE), 8))


def files() -> Iterator[tuple[str, bytes]]:
    """Names without extension, and contents."""
    yield from colour_types()
    yield from beside_pixels()
    yield from damaged()
