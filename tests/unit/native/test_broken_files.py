"""Bad input: typed errors that name bytes and limits, and never a library's own words."""

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


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_flipped_bits_give_pixels_or_an_error_of_ours(data):
    file = bytearray(data.draw(st.sampled_from(_small_files())))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(file) - 1))
        file[place] ^= 1 << data.draw(st.integers(0, 7))
    limits = saccade_native.Limits(max_pixels=100_000)
    try:
        assert saccade_native.decode(bytes(file), limits).ndim == 3
    except saccade_native.Error as error:
        assert error.code in {"format", "limit", "truncated", "unknown_format", "unsupported"}  # noqa: PT017


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_random_bytes_after_a_signature_are_an_error(tail):
    for signature in (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x10\0\0\0WEBP"):
        with pytest.raises(saccade_native.Error):
            saccade_native.decode(signature + tail)


@pytest.mark.parametrize("file", [b"", b"plain text", b"GIF89a" + bytes(50), b"BM" + bytes(50)])
def test_file_that_is_no_known_image_is_unknown_format_error(file):
    with pytest.raises(saccade_native.UnknownFormatError, match=r"empty|not a JPEG, PNG or WebP"):
        saccade_native.decode(file)


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


def png_header(width, height):
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))


@pytest.mark.parametrize(("width", "height"), [(30_000, 30_000), (30_000, 1), (1, 30_000), (2**31 - 1, 2**31 - 1)])
def test_header_beyond_the_side_limit_is_limit_error_before_any_pixel_is_read(width, height):
    file = png_header(width, height) + struct.pack(">I", 100) + b"IDAT"

    with pytest.raises(saccade_native.LimitError, match="the limit is 20,000 on a side"):
        saccade_native.decode(file)


def test_header_beyond_the_pixel_limit_is_limit_error():
    with pytest.raises(saccade_native.LimitError, match="10,000 x 10,000 pixels; the limit is 64,000,000 pixels"):
        saccade_native.decode(png_header(10_000, 10_000) + struct.pack(">I", 100) + b"IDAT")


@pytest.mark.parametrize(("format", "options"), FORMATS.values(), ids=FORMATS)
def test_every_format_obeys_the_limits(noise, encode, format, options):
    file = encode(noise(40, 50), format, **options)

    for limits in ({"max_side": 49}, {"max_pixels": 1_999}, {"max_bytes": len(file) - 1}):
        with pytest.raises(saccade_native.LimitError, match="the limit is"):
            saccade_native.decode(file, saccade_native.Limits(**limits))
    exact = saccade_native.Limits(max_side=50, max_pixels=2_000, max_bytes=len(file))
    assert saccade_native.decode(file, exact).shape == (40, 50, 3)


def test_progressive_jpeg_with_too_many_scans_is_limit_error(noise, encode):
    file = encode(noise(40, 50), "JPEG", progressive=True)

    with pytest.raises(saccade_native.LimitError, match="more than 3 scans"):
        saccade_native.decode(file, saccade_native.Limits(max_scans=3))


def test_animated_webp_is_unsupported_error(noise, encode):
    from PIL import Image

    frames = [Image.fromarray(noise(8, 8, seed)) for seed in range(2)]
    file = encode(frames[0], "WEBP", save_all=True, append_images=frames[1:])

    with pytest.raises(saccade_native.UnsupportedError, match="animated"):
        saccade_native.decode(file)


def test_twelve_bit_jpeg_is_unsupported_error(noise, encode):
    file = bytearray(encode(noise(8, 8), "JPEG"))
    file[file.index(b"\xff\xc0") + 4] = 12

    with pytest.raises(saccade_native.UnsupportedError, match="12-bit"):
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


def _small_files():
    import io

    from PIL import Image

    pixels = np.random.default_rng(3).integers(0, 256, (16, 20, 3), dtype=np.uint8)
    files = []
    for format, options in FORMATS.values():
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, format, **options)
        files.append(file.getvalue())
    return files
