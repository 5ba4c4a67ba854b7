"""decode against Pillow: every format, mode and orientation."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

import saccade_native


def difference(left, right):
    return np.abs(left.astype(int) - right.astype(int))


@pytest.mark.parametrize("subsampling", [0, 1, 2], ids=["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (7, 9), (8, 8), (17, 33), (240, 319)])
def test_jpeg_at_full_size_equals_pillow_within_two_levels(photo, encode, pillow_rgb, size, progressive, subsampling):
    file = encode(photo(*size), "JPEG", quality=80, subsampling=subsampling, progressive=progressive)

    error = difference(saccade_native.decode(file), pillow_rgb(file))

    assert error.max() <= 2
    assert error.mean() <= 0.3


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (37, 53)])
def test_lossless_file_gives_back_its_pixels(noise, encode, format, size):
    pixels = noise(*size)
    options = {"lossless": True, "exact": True} if format == "WEBP" else {}

    np.testing.assert_array_equal(saccade_native.decode(encode(pixels, format, **options)), pixels)


def test_lossy_webp_equals_pillow_within_two_levels(photo, encode, pillow_rgb):
    file = encode(photo(60, 81), "WEBP", quality=70)

    assert difference(saccade_native.decode(file), pillow_rgb(file)).max() <= 2


def test_interlaced_png_gives_back_its_pixels(noise):
    # Pillow writes no interlaced files, so this is Adam7 by hand: 1 x 1 pixel is the first pass alone.
    import struct
    import zlib

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 2, 1, 8, 2, 0, 0, 1)
    rows = b"\0\x01\x02\x03" + b"\0\x04\x05\x06"  # pass 1 holds pixel (0, 0), pass 6 pixel (0, 1)
    file = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")

    np.testing.assert_array_equal(saccade_native.decode(file), [[[1, 2, 3], [4, 5, 6]]])


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA"])
def test_png_mode_becomes_the_rgb_that_pillow_makes(noise, encode, pillow_rgb, mode):
    image = Image.fromarray(np.dstack([noise(20, 30), noise(20, 30, seed=1)[..., :1]])).convert(mode)
    file = encode(image, "PNG")

    np.testing.assert_array_equal(saccade_native.decode(file), pillow_rgb(file))


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palette_becomes_the_rgb_that_pillow_makes(noise, encode, pillow_rgb, bits):
    file = encode(Image.fromarray(noise(9, 11)).quantize(2**bits), "PNG", bits=bits)

    np.testing.assert_array_equal(saccade_native.decode(file), pillow_rgb(file))


def test_palette_with_transparency_keeps_its_colours(noise, encode):
    image = Image.fromarray(noise(20, 30)).quantize(16)
    file = encode(image, "PNG", transparency=3)

    np.testing.assert_array_equal(saccade_native.decode(file), np.asarray(image.convert("RGB")))


def test_sixteen_bit_grey_keeps_its_high_byte(encode):
    levels = np.array([[0, 255, 256], [32_767, 32_768, 65_535]], np.uint16)

    decoded = saccade_native.decode(encode(Image.fromarray(levels), "PNG"))

    np.testing.assert_array_equal(decoded, np.repeat((levels >> 8)[..., None], 3, axis=-1))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_pixels_keep_their_colour(encode, mode):
    image = Image.new("RGBA", (2, 1), (200, 200, 200, 0)).convert(mode)

    np.testing.assert_array_equal(saccade_native.decode(encode(image, "PNG")), [[[200] * 3] * 2])


def test_transparent_webp_keeps_its_colour(encode):
    image = Image.new("RGBA", (4, 3), (200, 100, 50, 0))
    file = encode(image, "WEBP", lossless=True, exact=True)

    np.testing.assert_array_equal(saccade_native.decode(file), np.full((3, 4, 3), (200, 100, 50)))


def test_grey_jpeg_has_three_equal_channels(photo, encode, pillow_rgb):
    file = encode(Image.fromarray(photo(33, 21)).convert("L"), "JPEG")

    np.testing.assert_array_equal(saccade_native.decode(file), pillow_rgb(file))


def test_cmyk_jpeg_equals_pillow_within_two_levels(photo, encode, pillow_rgb):
    file = encode(Image.fromarray(photo(33, 21)).convert("CMYK"), "JPEG", quality=95)

    assert difference(saccade_native.decode(file), pillow_rgb(file)).max() <= 2


def test_rgb_jpeg_without_colour_transform_equals_pillow(photo, encode, pillow_rgb):
    file = encode(photo(33, 21), "JPEG", keep_rgb=True)

    assert difference(saccade_native.decode(file), pillow_rgb(file)).max() <= 2


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("format", "options"), [("PNG", {}), ("WEBP", {"lossless": True}), ("JPEG", {"quality": 95})])
def test_exif_orientation_is_applied_as_pillow_does(photo, encode, orientation, format, options):
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = encode(photo(30, 47), format, exif=exif, **options)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(file))).convert("RGB")

    assert difference(saccade_native.decode(file), np.asarray(upright)).max() <= 2


@pytest.mark.parametrize("value", [0, 9, 65_535])
def test_unknown_orientation_is_ignored(photo, encode, value):
    exif = Image.Exif()
    exif[0x0112] = value
    pixels = photo(5, 6)

    np.testing.assert_array_equal(saccade_native.decode(encode(pixels, "PNG", exif=exif)), pixels)


@pytest.mark.parametrize("container", [bytes, bytearray, memoryview])
def test_decode_takes_every_run_of_bytes(noise, encode, container):
    pixels = noise(5, 6)

    np.testing.assert_array_equal(saccade_native.decode(container(encode(pixels, "PNG"))), pixels)


@pytest.mark.parametrize("image", ["text", 3, None, np.zeros((2, 2), np.uint8), memoryview(b"abcdef")[::2]])
def test_decode_of_anything_else_is_argument_error(image):
    with pytest.raises(saccade_native.ArgumentError, match="bytes"):
        saccade_native.decode(image)
