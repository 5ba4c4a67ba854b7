"""Temperature and calibration error against SciPy and sums by hand."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from scipy.special import softmax as scipy_softmax
from sklearn.metrics import log_loss

from saccade.evaluation.calibration import (
    MAX_TEMPERATURE,
    MIN_TEMPERATURE,
    calibration_error,
    fit_temperature,
    negative_log_likelihood,
    reliability_bins,
    softmax,
)


def drawn(true_temperature: float, count: int, classes: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels drawn with the probabilities that the logits have at true_temperature."""
    generator = np.random.default_rng(8)
    logits = generator.normal(0, 4, (count, classes)).astype(np.float32)
    edges = scipy_softmax(logits / true_temperature, axis=1).cumsum(axis=1)
    return logits, (generator.random((count, 1)) > edges[:, :-1]).sum(axis=1)


@pytest.mark.parametrize("temperature", [0.1, 1.0, 7.0])
def test_softmax_is_scipys(temperature: float) -> None:
    logits = np.random.default_rng(7).normal(0, 30, (20, 4)).astype(np.float32)
    expected = scipy_softmax(logits.astype(np.float64) / temperature, axis=1)
    np.testing.assert_allclose(softmax(logits, temperature), expected, rtol=1e-10, atol=1e-300)


@pytest.mark.parametrize("true_temperature", [0.5, 1.0, 3.0])
def test_fitted_temperature_is_the_minimum_that_scipy_finds(true_temperature: float) -> None:
    logits, labels = drawn(true_temperature, 400)
    real = logits.astype(np.float64)

    def loss(log_temperature: float) -> float:
        scaled = log_softmax(real / math.exp(log_temperature), axis=1)
        # The imagined image: the likelihood of a mean label, averaged over the images' logits.
        return float(-scaled[np.arange(len(labels)), labels].sum() - scaled.mean(axis=1).mean())

    best = minimize_scalar(loss, bounds=(-3, 3), method="bounded", options={"xatol": 1e-9})
    assert fit_temperature(logits, labels) == pytest.approx(math.exp(best.x), rel=1e-4)


@pytest.mark.parametrize("true_temperature", [0.5, 1.0, 3.0])
def test_fitted_temperature_is_near_the_one_that_drew_the_labels(true_temperature: float) -> None:
    logits, labels = drawn(true_temperature, 20_000)
    assert fit_temperature(logits, labels) == pytest.approx(true_temperature, rel=0.05)


def test_temperature_of_faultless_validation_is_not_certainty() -> None:
    labels = np.arange(100) % 4
    logits = 3 * np.eye(4, dtype=np.float32)[labels]
    top = softmax(logits, fit_temperature(logits, labels)).max()
    # 100 right answers and an imagined one drawn from four classes: (100 + 1 / 4) / 101 are right.
    assert top == pytest.approx((100 + 1 / 4) / 101, rel=1e-6)


def test_temperature_stays_inside_its_range() -> None:
    logits = np.tile(np.array([[1.0, 0.0]], np.float32), (100, 1))
    assert fit_temperature(logits, np.ones(100, int)) == pytest.approx(MAX_TEMPERATURE)
    assert fit_temperature(logits / 100, np.zeros(100, int)) == pytest.approx(MIN_TEMPERATURE)


def test_temperature_of_logits_that_never_differ_is_inside_its_range() -> None:
    assert MIN_TEMPERATURE <= fit_temperature(np.zeros((10, 3), np.float32), np.zeros(10, int)) <= MAX_TEMPERATURE


def test_negative_log_likelihood_is_scikit_learns() -> None:
    logits, labels = drawn(1.0, 50)
    probabilities = softmax(logits)
    assert negative_log_likelihood(probabilities, labels) == pytest.approx(
        log_loss(labels, probabilities, labels=range(5))
    )


def test_negative_log_likelihood_of_an_impossible_label_is_finite() -> None:
    assert math.isfinite(negative_log_likelihood(np.array([[1.0, 0.0]]), np.array([1])))


def test_bins_and_error_are_those_of_a_sum_by_hand() -> None:
    probabilities = np.array([[0.6, 0.4], [0.3, 0.7], [0.75, 0.25], [1.0, 0.0]])
    labels = np.array([0, 0, 0, 0])

    bins = reliability_bins(probabilities, labels, bins=4)

    assert bins.images.tolist() == [0, 0, 3, 1]  # (0.5, 0.75] holds 0.6, 0.7 and 0.75
    np.testing.assert_allclose(bins.confidence, [0, 0, (0.6 + 0.7 + 0.75) / 3, 1.0])
    np.testing.assert_allclose(bins.accuracy, [0, 0, 2 / 3, 1.0])
    # Three images with a gap of 0.6833 - 0.6667, one without any.
    assert calibration_error(bins) == pytest.approx((2.05 - 2) / 4)


def test_certainty_and_its_absence_fall_into_the_outer_bins() -> None:
    bins = reliability_bins(np.array([[1.0, 0.0], [0.0, 0.0]]), np.array([0, 1]), bins=15)
    assert (bins.images[0], bins.images[-1]) == (1, 1)


def test_confidence_on_an_edge_of_float32_belongs_to_the_lower_bin() -> None:
    bins = reliability_bins(np.array([[0.25, 0.25, 0.5]], np.float32), np.array([2]), bins=2)
    assert bins.images.tolist() == [1, 0]


def test_error_of_certain_and_wrong_answers_is_one() -> None:
    assert calibration_error(reliability_bins(np.array([[1.0, 0.0]] * 3), np.array([1, 1, 1]))) == 1.0


def test_error_falls_when_overconfident_logits_are_calibrated() -> None:
    logits, labels = drawn(3.0, 4000)
    raw, fitted = (
        calibration_error(reliability_bins(softmax(logits, temperature), labels))
        for temperature in (1.0, fit_temperature(logits, labels))
    )
    assert fitted < 0.03 < raw
