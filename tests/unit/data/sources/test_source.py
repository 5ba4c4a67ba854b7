import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

import saccade_native
from saccade.data.sources.source import MAX_FILE_BYTES, displayable, split_name

FILE_NAMES = st.binary(max_size=12).map(os.fsdecode)


@given(FILE_NAMES)
def test_displayable_of_any_file_name_is_utf8_without_control_characters(name):
    shown = displayable(name)
    assert shown.encode("utf-8").decode("utf-8") == shown
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in shown)


@given(FILE_NAMES, FILE_NAMES)
def test_displayable_of_different_names_stays_different(first, second):
    assert (displayable(first) == displayable(second)) == (first == second)


def test_displayable_of_latin_1_byte_writes_it_out():
    assert displayable(os.fsdecode(b"caf\xe9.jpg")) == r"caf\xe9.jpg"


def test_displayable_of_written_out_byte_doubles_the_backslash():
    assert displayable(r"caf\xe9.jpg") == r"caf\\xe9.jpg"


def test_displayable_of_emoji_keeps_it():
    assert displayable("👩‍🚀/ü.jpg") == "👩‍🚀/ü.jpg"


def test_displayable_of_terminal_escape_disarms_it():
    assert displayable("\x1b[2Jx\n") == r"\x1b[2Jx\x0a"


@pytest.mark.parametrize(
    ("split", "names"),
    [
        ("train", ["train", "Training"]),
        ("val", ["VAL", "validation", "valid", "dev"]),
        ("test", ["test", " testing "]),
        (None, ["cat", "", "eval"]),
    ],
)
def test_split_name_knows_the_synonyms(split, names):
    assert {split_name(name) for name in names} == {split}


def test_max_file_bytes_is_the_decoders_limit():
    assert saccade_native.Limits().max_bytes == MAX_FILE_BYTES
