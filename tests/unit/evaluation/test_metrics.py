"""Accuracy, intervals and class figures against scikit-learn, SciPy and sums by hand."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn import metrics

from saccade.evaluation.metrics import (
    Confusion,
    accuracy,
    class_scores,
    confusion_matrix,
    wilson_interval,
    worst_confusions,
)

Answers = tuple[np.ndarray, np.ndarray]


@pytest.fixture
def answers() -> Answers:
    """True and predicted classes of five; class 3 has no image, class 4 is never predicted."""
    generator = np.random.default_rng(6)
    return generator.choice([0, 1, 2, 4], 200), generator.choice([0, 1, 2, 3], 200)


def test_accuracy_is_the_share_of_right_answers_inside_its_interval() -> None:
    found = accuracy(np.array([0, 1, 2, 2]), np.array([0, 1, 2, 0]))
    assert (found.value, found.right, found.images) == (0.75, 3, 4)
    assert 0 < found.low < 0.75 < found.high < 1


@pytest.mark.parametrize(("successes", "trials"), [(0, 1), (1, 1), (0, 10), (10, 10), (3, 4), (8412, 10_000)])
@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_wilson_interval_is_scipys(successes: int, trials: int, level: float) -> None:
    expected = binomtest(successes, trials).proportion_ci(level, method="wilson")
    assert wilson_interval(successes, trials, level) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize("trials", range(1, 200, 7))
def test_interval_of_none_and_of_all_ends_at_its_limit_and_never_beyond(trials: int) -> None:
    lowest, highest = wilson_interval(0, trials)[0], wilson_interval(trials, trials)[1]
    assert 0 <= lowest < 1e-15
    assert 1 - 1e-15 < highest <= 1


def test_confusion_matrix_has_true_classes_in_rows(answers: Answers) -> None:
    true, predicted = answers
    expected = metrics.confusion_matrix(true, predicted, labels=range(5))
    np.testing.assert_array_equal(confusion_matrix(true, predicted, 5), expected)


def test_class_scores_are_scikit_learns_also_without_images_or_predictions(answers: Answers) -> None:
    true, predicted = answers
    precision, recall, f1, images = metrics.precision_recall_fscore_support(
        true, predicted, labels=range(5), zero_division=0
    )

    found = class_scores(confusion_matrix(true, predicted, 5))

    np.testing.assert_allclose(found.precision, precision)
    np.testing.assert_allclose(found.recall, recall)
    np.testing.assert_allclose(found.f1, f1)
    np.testing.assert_array_equal(found.images, images)


def test_worst_confusions_are_errors_by_frequency_without_the_diagonal() -> None:
    matrix = np.array([[90, 2, 0], [7, 80, 1], [0, 0, 70]])
    assert worst_confusions(matrix, limit=2) == [Confusion(1, 0, 7), Confusion(0, 1, 2)]


def test_pairs_that_were_never_confused_are_left_out() -> None:
    assert worst_confusions(np.array([[5, 0], [1, 5]]), limit=8) == [Confusion(1, 0, 1)]
    assert worst_confusions(np.diag([5, 5]), limit=8) == []
