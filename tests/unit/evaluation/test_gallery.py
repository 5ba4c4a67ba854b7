"""Which images the report shows, and how."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from saccade.evaluation.gallery import Picture, confident_mistakes, correct_examples, picture_uri

Answers = tuple[np.ndarray, np.ndarray]


def opened(uri: str) -> Image.Image:
    head, data = uri.split(",", 1)
    image = Image.open(io.BytesIO(base64.b64decode(data, validate=True)))
    assert head == f"data:image/{(image.format or '').lower()};base64"
    return image


def test_mistakes_are_the_wrong_answers_and_the_most_certain_come_first() -> None:
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.05, 0.95]])
    labels = np.array([1, 1, 1, 0])  # rows 0, 1 and 3 are wrong
    assert confident_mistakes(probabilities, labels, limit=9).tolist() == [3, 0, 1]
    assert confident_mistakes(probabilities, labels, limit=2).tolist() == [3, 0]


def test_no_mistakes_are_an_empty_list() -> None:
    assert confident_mistakes(np.eye(3), np.arange(3), limit=5).tolist() == []


@pytest.fixture
def right_answers() -> Answers:
    """Twelve images of three classes, 8, 3 and 1 of them; row 0 is answered wrong."""
    labels = np.repeat([0, 1, 2], [8, 3, 1])
    probabilities = np.eye(3)[labels]
    probabilities[0] = [0, 1, 0]
    return probabilities, labels


def test_every_class_is_shown_before_any_class_twice(right_answers: Answers) -> None:
    probabilities, labels = right_answers
    for seed in range(5):
        rows = correct_examples(probabilities, labels, 7, seed)
        assert labels[rows].tolist() == [0, 1, 2, 0, 1, 0, 1]


def test_examples_are_right_answers_and_none_twice(right_answers: Answers) -> None:
    probabilities, labels = right_answers
    assert sorted(correct_examples(probabilities, labels, 99, seed=1)) == list(range(1, 12))


def test_examples_follow_the_seed(right_answers: Answers) -> None:
    probabilities, labels = right_answers
    drawn = [tuple(correct_examples(probabilities, labels, 3, seed)) for seed in (*range(20), *range(20))]
    assert drawn[:20] == drawn[20:]
    assert len(set(drawn)) > 1


@pytest.mark.parametrize("size", [(80, 80), (1, 80), (32, 7)])
def test_small_picture_is_kept_bit_for_bit(size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(9).integers(0, 256, (*size, 3), np.uint8)
    image = opened(picture_uri(pixels))
    assert image.format == "PNG"
    np.testing.assert_array_equal(np.asarray(image), pixels)


@pytest.mark.parametrize(
    ("size", "thumbnail"),
    [((81, 40), (81, 40)), ((160, 160), (160, 160)), ((400, 200), (160, 80)), ((3, 4000), (1, 160))],
)
def test_large_picture_becomes_a_thumbnail_of_its_shape(size: tuple[int, int], thumbnail: tuple[int, int]) -> None:
    image = opened(picture_uri(np.zeros((*size, 3), np.uint8)))
    assert (image.format, image.height, image.width) == ("JPEG", *thumbnail)


def test_thumbnail_keeps_red_red() -> None:
    pixels = np.zeros((300, 300, 3), np.uint8)
    pixels[..., 0] = 200
    colour = np.asarray(opened(picture_uri(pixels)).convert("RGB"))[75, 75].astype(int)
    np.testing.assert_allclose(colour, [200, 0, 0], atol=4)


def test_description_says_what_was_answered() -> None:
    right = Picture("", "a.png", "cat", "cat", 0.9876, 0.9876)
    wrong = Picture("", "b.png", "cat", "dog", 0.75, 0.2)
    assert right.description == "a.png: cat, answered right with probability 0.988"
    assert wrong.description == "b.png: cat, answered dog with probability 0.750"
