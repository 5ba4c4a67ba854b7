"""When further views of an image are worth their time."""

import numpy as np

from saccade.evaluation.views import ALWAYS, CANDIDATES, choose_view_threshold, mixed_logits

# Two logits (x, 0) have the top probability 0.52 for 0.1, 0.73 for 1, 0.88 for 2 and 0.98 for 4.


def test_unsure_images_get_the_averaged_logits() -> None:
    plain = np.array([[1.0, 0.0], [2.0, 0.0]], np.float32)
    averaged = np.array([[0.0, 7.0], [0.0, 8.0]], np.float32)
    np.testing.assert_array_equal(mixed_logits(plain, averaged, 0.8, temperature=1.0), [[0, 7], [2, 0]])


def test_temperature_decides_who_is_unsure() -> None:
    plain, averaged = np.array([[2.0, 0.0]], np.float32), np.array([[0.0, 9.0]], np.float32)
    np.testing.assert_array_equal(mixed_logits(plain, averaged, 0.8, temperature=4.0), averaged)


def test_threshold_is_zero_where_views_gain_nothing() -> None:
    logits = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)
    assert choose_view_threshold(logits, logits, np.array([0, 1]), 1.0) == 0.0
    assert choose_view_threshold(logits, logits[::-1], np.array([0, 1]), 1.0) == 0.0


def test_threshold_is_the_smallest_that_mends_every_answer_that_views_mend() -> None:
    labels = np.array([1, 1, 0])
    plain = np.array([[0.1, 0.0], [1.0, 0.0], [4.0, 0.0]], np.float32)  # 0.52 and 0.73 sure, and wrong
    averaged = np.array([[0.0, 1.0], [0.0, 1.0], [4.0, 0.0]], np.float32)
    assert choose_view_threshold(plain, averaged, labels, 1.0) == 0.8


def test_answer_that_is_wrong_with_certainty_needs_views_of_every_image() -> None:
    plain, averaged = np.array([[30.0, 0.0]], np.float32), np.array([[0.0, 1.0]], np.float32)
    assert choose_view_threshold(plain, averaged, np.array([1]), 1.0) == ALWAYS


def test_candidates_rise_from_never_to_always() -> None:
    assert list(CANDIDATES) == sorted(CANDIDATES)
    assert CANDIDATES[0] == 0.0
    assert CANDIDATES[-1] == ALWAYS > 1.0
