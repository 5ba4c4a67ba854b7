"""Odd files of every kind: Pillow's picture or the right error, never a crash, and never a library's own words."""

import io
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

import saccade_native

FUZZ = Path(__file__).parents[2] / "native" / "fuzz"
CORPUS = FUZZ / "corpus"
FILES = {path.relative_to(CORPUS).as_posix(): path.read_bytes() for path in sorted(CORPUS.rglob("*.*"))}
ERRORS = {
    name: (getattr(saccade_native, error), words)
    for error, files in tomllib.loads((Path(__file__).parent / "corpus_errors.toml").read_text()).items()
    for name, words in files.items()
}
PICTURES = sorted(FILES.keys() - ERRORS.keys())
# Pillow clips 16-bit grey, and refuses what comes last here; the picture without the oddity shows what is right.
GREY_16 = [name for name in PICTURES if name.startswith("png/grey-16")]
REFUSED_BY_PILLOW = {
    "jpeg/without-end.jpg": "jpeg/trailing-bytes.jpg",
    "png/profile-bomb.png": "png/rgb-8.png",
    "png/text-bomb.png": "png/rgb-8.png",
}
NOT_EMPTY = sorted(FILES.keys() - {"other/empty.jpg"})
IMAGE_CODES = {"format", "limit", "truncated", "unknown_format", "unsupported"}
FOREIGN_WORDS = ("libpng", "libjpeg", "libwebp", "Corrupt", "VP8", "IDAT", "Huffman")


def error_of(file, limits=None):
    """The error that decoding a file ends in; None for a picture."""
    try:
        saccade_native.decode(file, limits or saccade_native.Limits())
    except saccade_native.Error as error:
        return error
    return None


def test_corpus_is_small_and_what_its_script_makes(tmp_path):
    subprocess.run([sys.executable, FUZZ / "make_corpus.py", tmp_path / "corpus"], check=True)

    made = {path.relative_to(tmp_path / "corpus").as_posix(): path for path in (tmp_path / "corpus").rglob("*.*")}
    assert {name: path.read_bytes() for name, path in made.items()} == FILES
    assert sum(map(len, FILES.values())) < 1_000_000


@pytest.mark.parametrize("name", sorted(set(PICTURES) - set(GREY_16) - set(REFUSED_BY_PILLOW)))
def test_odd_file_is_pillows_picture(name):
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(FILES[name])))
    expected = np.asarray(image.convert("RGBA").convert("RGB")).astype(int)

    decoded = saccade_native.decode(FILES[name])

    tolerance = 2 if name.endswith(".jpg") else 0
    np.testing.assert_allclose(decoded, expected, atol=tolerance)


@pytest.mark.parametrize("name", GREY_16)
def test_sixteen_bit_grey_is_its_high_byte(name):
    levels = np.asarray(Image.open(io.BytesIO(FILES[name])), dtype=np.uint16) >> 8

    np.testing.assert_array_equal(saccade_native.decode(FILES[name]), np.dstack([levels] * 3))


@pytest.mark.parametrize(("name", "plain"), REFUSED_BY_PILLOW.items())
def test_oddity_beside_the_pixels_leaves_the_plain_picture(name, plain):
    np.testing.assert_array_equal(saccade_native.decode(FILES[name]), saccade_native.decode(FILES[plain]))


@pytest.mark.parametrize("name", ERRORS)
def test_odd_file_is_the_error_that_says_what_it_is(name):
    error, words = ERRORS[name]
    with pytest.raises(error, match=words):
        saccade_native.decode(FILES[name])


def test_prepare_says_of_every_file_what_decode_says():
    spec = saccade_native.PreprocessSpec(["decode", "resize(4,5)"])
    pixels = np.full((len(FILES), 4, 5, 3), 77, np.uint8)

    infos = saccade_native.prepare(list(FILES.values()), spec, pixels)

    failed = {name for name, info in zip(FILES, infos, strict=True) if info.error}
    assert failed == set(ERRORS)
    assert {type(info.error) for info in infos if info.error} == {error for error, _ in ERRORS.values()}
    assert not pixels[[name in ERRORS for name in FILES]].any()


def test_no_message_has_a_librarys_own_words():
    messages = [str(error_of(FILES[name])) for name in ERRORS]

    assert [message for message in messages if any(word in message for word in FOREIGN_WORDS)] == []


@pytest.mark.parametrize("name", FILES)
def test_file_cut_at_every_512th_byte_is_an_error_or_the_whole_picture(name):
    whole = error_of(FILES[name]) or saccade_native.decode(FILES[name])
    for length in range(0, len(FILES[name]), 512):
        error = error_of(FILES[name][:length])
        if error is None:
            np.testing.assert_array_equal(saccade_native.decode(FILES[name][:length]), whole)
        else:
            assert error.code in IMAGE_CODES


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_flipped_bits_give_pixels_or_an_error_of_ours(data):
    file = bytearray(
        FILES[data.draw(st.sampled_from(sorted(FILES.keys() - {"other/empty.jpg", "jpeg/scan-bomb.jpg"})))]
    )
    for _ in range(data.draw(st.integers(1, 4))):
        file[data.draw(st.integers(0, len(file) - 1))] ^= 1 << data.draw(st.integers(0, 7))

    error = error_of(bytes(file), saccade_native.Limits(max_pixels=100_000))

    assert error is None or error.code in IMAGE_CODES
    assert not any(word in str(error) for word in FOREIGN_WORDS)
