"""prepare: decode, orientation, resize and crop in one pass, for batches on any number of threads."""

import io
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps
from torchvision.transforms.v2 import functional as torchvision

import saccade_native
from saccade_native import Limits, PreprocessSpec

SQUARE = PreprocessSpec(["decode", "resize(32,32)"])
IMAGENET = PreprocessSpec(["decode", "resize_short(64)", "center_crop(56)"])


def prepared(files, spec, **options):
    out = np.full((len(files), spec.height, spec.width, 3), 77, np.uint8)
    return out, saccade_native.prepare(files, spec, out, **options)


def pillow_passes(pixels, height, width):
    across = Image.fromarray(pixels).resize((width, pixels.shape[0]), Image.Resampling.BILINEAR)
    return np.asarray(across.resize((width, height), Image.Resampling.BILINEAR))


@pytest.mark.parametrize("size", [(32, 32), (31, 33), (100, 40), (1, 1), (7, 300)])
def test_lossless_image_becomes_pillows_resize(noise, encode, size):
    pixels = noise(*size)

    out, infos = prepared([encode(pixels, "PNG")], SQUARE)

    np.testing.assert_array_equal(out[0], pillow_passes(pixels, 32, 32))
    assert (infos[0].format, infos[0].height, infos[0].width, infos[0].error) == ("png", *size, None)


def test_bicubic_step_becomes_pillows_bicubic(noise, encode):
    pixels = noise(100, 41)
    across = Image.fromarray(pixels).resize((32, 100), Image.Resampling.BICUBIC)

    out, _ = prepared([encode(pixels, "PNG")], PreprocessSpec(["decode", "resize(32,32;bicubic)"]))

    np.testing.assert_array_equal(out[0], across.resize((32, 32), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("bicubic", ["", ";bicubic"])
@pytest.mark.parametrize("size", [(334, 668), (515, 1025), (90, 91), (750, 502)])
def test_scaled_webp_decode_stays_near_the_full_one(photo, encode, pillow_rgb, size, bicubic):
    file = encode(photo(*size), "WEBP", quality=90)
    filter = Image.Resampling.BICUBIC if bicubic else Image.Resampling.BILINEAR
    expected = np.asarray(Image.fromarray(pillow_rgb(file)).resize((56, 40), filter))

    out, _ = prepared([file], PreprocessSpec(["decode", f"resize(40,56{bicubic})"]))

    error = np.abs(out[0].astype(int) - expected.astype(int))
    assert error.mean() <= 1.5
    assert error.max() <= 16


def test_transparent_webp_keeps_its_colours_when_it_shrinks(encode):
    image = Image.new("RGBA", (160, 160), (200, 100, 50, 0))
    image.paste((200, 100, 50, 255), (0, 0, 80, 160))

    out, _ = prepared([encode(image, "WEBP", lossless=True, exact=True)], SQUARE)

    np.testing.assert_array_equal(out[0], np.full((32, 32, 3), (200, 100, 50)))


@pytest.mark.parametrize("dtype", [np.float32, np.uint16])
@pytest.mark.parametrize("shape", [(3, 56, 56), (56, 56, 3)], ids=["NCHW", "NHWC"])
def test_tensors_are_the_normalised_pixels_and_zeros_for_a_failed_image(photo, encode, dtype, shape):
    spec = PreprocessSpec([*IMAGENET.steps, "normalize(imagenet)"])
    files = [encode(photo(120, 90), "JPEG"), b"text", encode(photo(77, 300), "PNG")]
    pixels, _ = prepared(files, spec)
    expected, tensors = np.ones((2, 3, *shape), dtype)
    saccade_native.normalize(pixels, spec, expected)
    expected[1] = 0

    infos = saccade_native.prepare(files, spec, tensors)

    np.testing.assert_array_equal(tensors, expected)
    assert [info.error is None for info in infos] == [True, False, True]


@given(st.integers(1, 200), st.integers(1, 200), st.integers(1, 60), st.integers(0, 10))
@settings(max_examples=100, deadline=None)
def test_short_side_and_crop_are_those_of_torchvision(height, width, crop, margin):
    pixels = np.random.default_rng(height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    expected = torchvision.center_crop(torchvision.resize(image, [crop + margin]), [crop])
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=0)
    spec = PreprocessSpec(["decode", f"resize_short({crop + margin})", f"center_crop({crop})"])

    out, _ = prepared([file.getvalue()], spec)

    # Pillow 13 sometimes resizes down before across, which rounds otherwise.
    assert np.abs(out[0].astype(int) - np.asarray(expected).astype(int)).max() <= 1


def test_center_crop_of_odd_margin_rounds_to_even_as_torchvision(encode):
    columns = np.broadcast_to(np.arange(7, dtype=np.uint8)[:, None], (4, 7, 3)).copy()
    spec = PreprocessSpec(["decode", "resize(4,7)", "center_crop(4)"])

    out, _ = prepared([encode(columns, "PNG")], spec)

    assert out[0, 0, :, 0].tolist() == [2, 3, 4, 5]  # a margin of 3 leaves 2 on the left: round(1.5) is 2


@pytest.mark.parametrize("subsampling", [0, 1, 2], ids=["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("size", [(333, 667), (451, 449), (450, 450), (515, 1025)])
@pytest.mark.parametrize("target", [32, 56, 112])
def test_scaled_jpeg_decode_stays_near_the_full_one(photo, encode, pillow_rgb, size, target, subsampling):
    file = encode(photo(*size), "JPEG", quality=95, subsampling=subsampling)
    spec = PreprocessSpec(["decode", f"resize({target},{target})"])

    out, _ = prepared([file], spec)

    error = np.abs(out[0].astype(int) - pillow_passes(pillow_rgb(file), target, target).astype(int))
    assert error.mean() <= 1.5
    assert error.max() <= 16


@pytest.mark.parametrize(("subsampling", "block"), [(0, 8), (2, 16)], ids=["4:4:4", "4:2:0"])
def test_padding_of_odd_jpeg_does_not_bleed_into_the_scaled_picture(encode, subsampling, block):
    # The encoder fills the last blocks with green, which lies outside the 333 x 333 pixels that the header names.
    padded = -(-333 // block) * block
    pixels = np.full((padded, padded, 3), (0, 255, 0), np.uint8)
    pixels[:333, :333] = 128
    file = bytearray(encode(pixels, "JPEG", quality=95, subsampling=subsampling))
    frame = file.index(b"\xff\xc0")
    file[frame + 5 : frame + 9] = (333).to_bytes(2, "big") * 2
    spec = PreprocessSpec(["decode", "resize(80,80)"])  # scale 1/4: one pixel is left over

    out, infos = prepared([bytes(file)], spec)

    assert infos[0].error is None
    assert np.abs(out[0].astype(int) - 128).max() <= 12


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["PNG", "JPEG"])
def test_orientation_is_applied_before_resize_and_crop(photo, encode, orientation, format):
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = encode(photo(301, 455), format, exif=exif, **({"quality": 95} if format == "JPEG" else {}))
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(file))))

    out, infos = prepared([file], SQUARE)

    error = np.abs(out[0].astype(int) - pillow_passes(upright, 32, 32).astype(int))
    assert error.max() <= (8 if format == "JPEG" else 0)
    assert (infos[0].height, infos[0].width) == upright.shape[:2]


@pytest.fixture(scope="module")
def mixed_files():
    """Forty images of many sizes and formats, three of them broken."""
    files = []
    for seed in range(40):
        generator = np.random.default_rng(seed)
        height, width = generator.integers(1, 150, 2)
        pixels = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, ["JPEG", "PNG", "WEBP"][seed % 3])
        files.append(file.getvalue())
    files[7] = files[7][: len(files[7]) // 2]
    files[20] = b"text"
    files[33] = b""
    return files


@pytest.mark.parametrize("threads", [0, 1, 2, 3, 16, 100])
def test_any_number_of_threads_gives_the_same_bytes(mixed_files, threads):
    alone, _ = prepared(mixed_files, IMAGENET, threads=1)

    together, infos = prepared(mixed_files, IMAGENET, threads=threads)

    np.testing.assert_array_equal(together, alone)
    assert [i for i, info in enumerate(infos) if info.error] == [7, 20, 33]


@pytest.mark.parametrize("batch", [1, 7, 39])
def test_any_split_into_batches_gives_the_same_bytes(mixed_files, batch):
    whole, _ = prepared(mixed_files, IMAGENET)

    parts = [prepared(mixed_files[i : i + batch], IMAGENET)[0] for i in range(0, len(mixed_files), batch)]

    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_calls_from_several_python_threads_do_not_disturb_each_other(mixed_files):
    alone, _ = prepared(mixed_files, IMAGENET)
    results = []
    threads = [threading.Thread(target=lambda: results.append(prepared(mixed_files, IMAGENET)[0])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(results) == 8
    assert all(np.array_equal(result, alone) for result in results)


def test_failed_image_leaves_its_row_zero_and_its_neighbours_whole(mixed_files):
    out, infos = prepared(mixed_files, SQUARE)

    assert not out[[7, 20, 33]].any()
    assert isinstance(infos[7].error, saccade_native.TruncatedError)
    assert isinstance(infos[20].error, saccade_native.UnknownFormatError)
    np.testing.assert_array_equal(out[8], prepared([mixed_files[8]], SQUARE)[0][0])


def test_limits_are_per_image_errors(noise, encode):
    files = [encode(noise(10, 10), "PNG"), encode(noise(10, 11), "PNG")]

    out, infos = prepared(files, SQUARE, limits=Limits(max_side=10))

    assert infos[0].error is None
    assert isinstance(infos[1].error, saccade_native.LimitError)
    assert not out[1].any()


def test_statistics_are_those_of_the_prepared_pixels(photo, encode):
    out, infos = prepared([encode(photo(90, 120), "PNG")], SQUARE)

    statistics = saccade_native.image_statistics(out[0])

    assert infos[0].perceptual_hash == statistics.perceptual_hash
    assert infos[0].statistics.sharpness == statistics.sharpness


def test_extreme_aspect_ratio_takes_the_middle(encode):
    row = np.zeros((1, 2_000, 3), np.uint8)
    row[:, 990:1_010] = 200

    out, infos = prepared([encode(row, "PNG")], IMAGENET)

    assert infos[0].error is None
    assert np.all(out == 200)


def test_empty_batch_is_an_empty_list():
    assert prepared([], SQUARE)[1] == []


@pytest.mark.parametrize(
    "out",
    [
        np.zeros((2, 32, 32, 3), np.uint8),
        np.zeros((1, 32, 31, 3), np.uint8),
        np.zeros((1, 32, 3, 32), np.uint8),
        np.zeros((1, 32, 32, 3), np.float64),
        np.zeros((1, 32, 32, 6), np.uint8)[..., ::2],
        np.broadcast_to(np.uint8(0), (1, 32, 32, 3)),
    ],
    ids=["too many", "too narrow", "channels between", "float64", "strided", "read-only"],
)
def test_unusable_output_is_argument_error_that_names_the_wanted_shape(noise, encode, out):
    with pytest.raises(saccade_native.ArgumentError, match=r"\(1, 32, 32, 3\) or \(1, 3, 32, 32\) array of uint8"):
        saccade_native.prepare([encode(noise(4, 4), "PNG")], SQUARE, out)


def test_element_that_is_no_bytes_is_argument_error():
    with pytest.raises(saccade_native.ArgumentError, match="not str"):
        prepared(["path.jpg"], SQUARE)
