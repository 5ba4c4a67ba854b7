"""Damage: a typed error that names the bytes. Odd files of every kind are in test_corpus.py."""

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import saccade_native

FORMATS = {
    "jpeg": ("JPEG", {"quality": 90}),
    "progressive": ("JPEG", {"quality": 90, "progressive": True}),
    "png": ("PNG", {}),
    "webp": ("WEBP", {"quality": 90}),
    "lossless webp": ("WEBP", {"lossless": True}),
}


@pytest.fixture(params=FORMATS)
def file(request, noise, encode):
    format, options = FORMATS[request.param]
    return encode(noise(40, 50), format, **options)


def test_file_cut_anywhere_is_truncated_error_that_names_its_bytes(file):
    # The first bytes say what the file is, and the last ones may be an end marker that carries no pixel.
    for length in np.linspace(16, len(file) - 14, 40, dtype=int):
        with pytest.raises(saccade_native.TruncatedError, match=f"{length:,}.* bytes"):
            saccade_native.decode(file[:length])


@pytest.mark.parametrize("length", [1, 2, 4, 8, 11])
def test_file_cut_within_its_signature_is_an_error(file, length):
    with pytest.raises(saccade_native.Error):
        saccade_native.decode(file[:length])


def test_baseline_jpeg_without_its_end_marker_is_whole(noise, encode):
    file = encode(noise(40, 50), "JPEG")

    np.testing.assert_array_equal(saccade_native.decode(file[:-2]), saccade_native.decode(file))


def test_jpeg_with_bytes_after_its_end_is_whole(noise, encode):
    file = encode(noise(40, 50), "JPEG")

    np.testing.assert_array_equal(saccade_native.decode(file + b"trailing"), saccade_native.decode(file))


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_random_bytes_after_a_signature_are_an_error(tail):
    for signature in (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x10\0\0\0WEBP"):
        with pytest.raises(saccade_native.Error):
            saccade_native.decode(signature + tail)


def test_damaged_jpeg_data_is_format_error_that_names_the_place(noise, encode):
    file = bytearray(encode(noise(40, 50), "JPEG"))
    file[-400:-390] = b"\xff\xd9\xff\xd9\xff\xd9\xff\xd9\xff\xd9"

    with pytest.raises(saccade_native.FormatError, match=r"near byte [\d,]+ of [\d,]+"):
        saccade_native.decode(bytes(file))


def test_damaged_png_data_is_format_error(noise, encode):
    file = bytearray(encode(noise(40, 50), "PNG"))
    file[200] ^= 0xFF

    with pytest.raises(saccade_native.FormatError, match="damaged"):
        saccade_native.decode(bytes(file))


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (b"zTXt", b"bomb\0\0" + zlib.compress(bytes(50_000_000))),
        (b"iTXt", b"long\0\0\0\0\0" + bytes(10_000_000)),
        (b"caBX", bytes(10_000_000)),
        (b"eXIf", b"II*\0" + bytes(20_000_000)),
    ],
    ids=["inflating", "long text", "long and unknown", "long exif"],
)
def test_chunk_beside_the_pixels_of_a_png_does_no_harm(noise, encode, kind, body):
    pixels = noise(4, 4)
    file = encode(pixels, "PNG")
    chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    np.testing.assert_array_equal(saccade_native.decode(file[:33] + chunk + file[33:]), pixels)


def test_errors_have_one_base_and_a_code():
    classes = [
        value for value in vars(saccade_native).values() if isinstance(value, type) and issubclass(value, Exception)
    ]

    assert all(issubclass(each, saccade_native.Error) for each in classes)
    assert len({each.code for each in classes}) == len(classes)
