"""PreprocessSpec: the one parser of the readable lines."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

import saccade_native
from saccade_native import PreprocessSpec

CANONICAL = [
    ["decode", "resize(32,48)"],
    ["decode", "resize(32,32)", "normalize(0.49,0.48,0.45;0.25,0.24,0.26)"],
    ["decode", "resize_short(256)", "center_crop(224)", "normalize(imagenet)"],
    ["decode", "resize(64,80)", "center_crop(56,48)", "normalize(-1,0,1000;1,2.5,1e-05)"],
]


@pytest.mark.parametrize("steps", CANONICAL)
def test_canonical_lines_come_back_unchanged(steps):
    assert PreprocessSpec(steps).steps == steps


@pytest.mark.parametrize(
    ("line", "canonical"),
    [
        (" normalize( 0.50, .5, 5e-1 ; 1.0, 1, 1 ) ", "normalize(0.5,0.5,0.5;1,1,1)"),
        ("normalize(0.485,0.456,0.406;0.229,0.224,0.225)", "normalize(imagenet)"),
        ("normalize(-0,0,0;1,1,1)", "normalize(0,0,0;1,1,1)"),
    ],
)
def test_other_spelling_of_the_same_numbers_has_the_same_lines(line, canonical):
    assert PreprocessSpec(["decode", "resize(8,8)", line]).steps[-1] == canonical


def test_square_crop_has_one_spelling():
    assert PreprocessSpec(["decode", "resize(9,9)", "center_crop(8,8)"]).steps[-1] == "center_crop(8)"


def test_size_is_that_of_the_crop_where_there_is_one():
    spec = PreprocessSpec(["decode", "resize(64,80)", "center_crop(56,48)"])

    assert (spec.height, spec.width) == (56, 48)


def test_imagenet_constants_are_torchvisions():
    spec = PreprocessSpec(["decode", "resize(8,8)", "normalize(imagenet)"])

    assert spec.mean == (0.485, 0.456, 0.406)
    assert spec.std == (0.229, 0.224, 0.225)


def test_missing_normalize_means_levels_from_zero_to_one():
    spec = PreprocessSpec(["decode", "resize(8,8)"])

    assert (spec.mean, spec.std) == ((0, 0, 0), (1, 1, 1))


@pytest.mark.parametrize("steps", CANONICAL)
def test_pickled_specification_is_equal_and_hashes_equal(steps):
    spec = PreprocessSpec(steps)
    copy = pickle.loads(pickle.dumps(spec))

    assert copy == spec
    assert hash(copy) == hash(spec)


@pytest.mark.parametrize("other", [PreprocessSpec(CANONICAL[1]), CANONICAL[0], None])
def test_specification_equals_nothing_else(other):
    assert PreprocessSpec(CANONICAL[0]) != other


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([], "empty"),
        (["resize(8,8)"], "'resize.8,8.' is out of order"),
        (["decode"], "no resize"),
        (["decode", "decode", "resize(8,8)"], "'decode' is out of order"),
        (["decode", "center_crop(8)"], "is out of order"),
        (["decode", "normalize(imagenet)"], "is out of order"),
        (["decode", "resize_short(8)"], "leaves the long side open"),
        (["decode", "resize(8,8)", "center_crop(9)"], "is larger than"),
        (["decode", "resize(8,8)", "center_crop(4)", "center_crop(2)"], "is out of order"),
        (["decode", "resize(8,8)", "normalize(imagenet)", "center_crop(4)"], "is out of order"),
        (["decode", "resize(0,8)"], "sides from 1 to 4,096 pixels, not '0'"),
        (["decode", "resize(8,4097)"], "not '4097'"),
        (["decode", "resize(8,-8)"], "not '-8'"),
        (["decode", "resize(8.5,8)"], "not '8.5'"),
        (["decode", "resize(99999999999999999999,8)"], "not '99999999999999999999'"),
        (["decode", "resize(8)"], "needs height and width"),
        (["decode", "resize(8,8,8)"], "needs height and width"),
        (["decode", "resize_short(8,8)"], "needs one side"),
        (["decode", "resize(8,8)", "center_crop(1,1,1)"], "needs one side or"),
        (["decode", "resize"], "needs sides"),
        (["decode", "resize(8,8"], "no closing bracket"),
        (["decode()", "resize(8,8)"], "is not known"),
        (["decode", "shrink(8)"], "'shrink.8.' is not known"),
        (["decode", "resize(8,8)", "normalize(0,0,0)"], "needs mean;std"),
        (["decode", "resize(8,8)", "normalize(0,0;1,1,1)"], "three numbers each"),
        (["decode", "resize(8,8)", "normalize(0,0,0;1,1,0)"], "not above zero"),
        (["decode", "resize(8,8)", "normalize(0,0,0;1,1,1e-60)"], "not above zero"),
        (["decode", "resize(8,8)", "normalize(0,0,nan;1,1,1)"], "'nan' where a number"),
        (["decode", "resize(8,8)", "normalize(0,0,inf;1,1,1)"], "'inf' where a number"),
        (["decode", "resize(8,8)", "normalize(0,0,x;1,1,1)"], "'x' where a number"),
    ],
)
def test_impossible_lines_are_spec_errors_that_quote_them(steps, message):
    with pytest.raises(saccade_native.SpecError, match=message):
        PreprocessSpec(steps)


@given(
    st.lists(
        st.text(max_size=30) | st.sampled_from(["decode", "resize(8,8)", "(", ")", "normalize(;)", "a(b)c"]), max_size=5
    )
)
def test_any_text_is_a_specification_or_a_spec_error(lines):
    try:
        assert PreprocessSpec(lines).steps[0] == "decode"
    except saccade_native.SpecError as error:
        assert error.code == "spec"  # noqa: PT017


@given(
    st.lists(st.floats(-1000, 1000), min_size=3, max_size=3), st.lists(st.floats(1e-3, 1000), min_size=3, max_size=3)
)
def test_numbers_survive_the_round_trip_through_text(mean, std):
    line = f"normalize({','.join(map(repr, mean))};{','.join(map(repr, std))})"
    spec = PreprocessSpec(["decode", "resize(8,8)", line])

    assert spec.mean == tuple(mean)
    assert spec.std == tuple(std)
    assert PreprocessSpec(spec.steps) == spec
