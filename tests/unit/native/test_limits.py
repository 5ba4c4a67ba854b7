"""Limits: each is a typed error that names it, and comes before the memory that the image would take."""

import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

import saccade_native

CORPUS = Path(__file__).parents[2] / "native" / "fuzz" / "corpus"
FORMATS = {
    "jpeg": ("JPEG", {"quality": 90}),
    "progressive": ("JPEG", {"quality": 90, "progressive": True}),
    "png": ("PNG", {}),
    "webp": ("WEBP", {"quality": 90}),
    "lossless webp": ("WEBP", {"lossless": True}),
}
# What a process says of files that it decodes with no more than 64 MB of fresh memory.
CHILD = """
import resource, sys
from pathlib import Path
import saccade_native
limits = saccade_native.Limits(max_side=65_535, max_pixels=10**9)
files = [Path(path).read_bytes() for path in sys.argv[1:]]
taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + (64 << 20), taken + (64 << 20)))
for file in files:
    try:
        saccade_native.decode(file, limits)
    except saccade_native.Error as error:
        print(error.code)
"""


def png_header(width, height):
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    header = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return header + struct.pack(">I", 100) + b"IDAT"


def codes_with_little_memory(paths):
    return subprocess.run([sys.executable, "-c", CHILD, *paths], check=True, capture_output=True, text=True).stdout


@pytest.fixture(params=FORMATS)
def file(request, noise, encode):
    """A picture of 40 x 50 pixels in each format."""
    format, options = FORMATS[request.param]
    return encode(noise(40, 50), format, **options)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"max_side": 49}, "50 x 40 pixels; the limit is 49 on a side.*max_side"),
        ({"max_pixels": 1_999}, "50 x 40 pixels; the limit is 1,999 pixels.*max_pixels"),
        ({"max_bytes": 100}, "bytes; the limit is 100.*max_bytes"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_every_format_obeys_each_limit_and_names_it(file, limits, words):
    with pytest.raises(saccade_native.LimitError, match=words):
        saccade_native.decode(file, saccade_native.Limits(**limits))


def test_image_of_exactly_the_limits_is_decoded(file):
    exact = saccade_native.Limits(max_side=50, max_pixels=2_000, max_bytes=len(file))

    assert saccade_native.decode(file, exact).shape == (40, 50, 3)


@pytest.mark.parametrize(("width", "height"), [(30_000, 30_000), (30_000, 1), (1, 30_000), (2**31 - 1, 2**31 - 1)])
def test_width_or_height_beyond_the_side_limit_is_limit_error(width, height):
    with pytest.raises(saccade_native.LimitError, match=f"{width:,} x {height:,} pixels; the limit is 20,000"):
        saccade_native.decode(png_header(width, height))


def test_header_beyond_the_pixel_limit_is_limit_error():
    with pytest.raises(saccade_native.LimitError, match="10,000 x 10,000 pixels; the limit is 64,000,000 pixels"):
        saccade_native.decode(png_header(10_000, 10_000))


def test_progressive_jpeg_with_too_many_scans_is_limit_error(noise, encode):
    file = encode(noise(40, 50), "JPEG", progressive=True)

    with pytest.raises(saccade_native.LimitError, match=r"more than 3 scans.*max_scans"):
        saccade_native.decode(file, saccade_native.Limits(max_scans=3))


def test_frames_after_the_first_cost_nothing_and_do_not_show(noise, encode):
    from PIL import Image

    frames = [Image.fromarray(noise(8, 8, seed)) for seed in range(50)]
    animated = encode(frames[0], "PNG", save_all=True, append_images=frames[1:])

    still = saccade_native.decode(encode(frames[0], "PNG"))
    assert (saccade_native.decode(animated) == still).all()


def test_header_of_four_gigapixels_is_limit_error_in_a_process_with_little_memory():
    paths = sorted(CORPUS.glob("*/huge-sides.*"))

    assert codes_with_little_memory(paths).split() == ["limit", "limit", "limit"]


def test_image_within_the_limits_that_finds_no_memory_is_memory_error(noise, encode, tmp_path):
    files = {
        "large.jpg": bytearray(encode(noise(8, 8), "JPEG")),
        "large.png": bytearray(png_header(8_000, 8_000)),
        "large.webp": bytearray(encode(noise(8, 8), "WEBP", lossless=True)),
    }
    frame = files["large.jpg"].index(b"\xff\xc0")
    files["large.jpg"][frame + 5 : frame + 9] = struct.pack(">HH", 8_000, 8_000)
    files["large.webp"][21:25] = b"\x3f\x1f\xd0\x07"
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)

    assert codes_with_little_memory([tmp_path / name for name in files]).split() == ["memory", "memory", "memory"]
