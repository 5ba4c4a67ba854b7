"""SciPy is the oracle."""

import numpy as np
import pytest
from scipy.special import logsumexp

from saccade.core.errors import SpecError
from saccade.ood import energy


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_energy_is_minus_temperature_times_log_sum_exp(temperature):
    logits = np.random.default_rng(0).normal(0, 5, (20, 7)).astype(np.float32)
    expected = -temperature * logsumexp(logits.astype(np.float64) / temperature, axis=1)
    np.testing.assert_allclose(energy(logits, temperature), expected, rtol=1e-6)


def test_energy_of_equal_logits_is_minus_the_logit_minus_the_log_of_the_classes():
    np.testing.assert_allclose(energy(np.full((1, 4), 2.0, np.float32)), [-2 - np.log(4)], rtol=1e-6)


def test_energy_of_huge_logits_does_not_overflow():
    np.testing.assert_allclose(energy(np.array([[3e38, -3e38]], np.float32), 0.01), [-3e38], rtol=1e-6)


def test_energy_at_temperature_zero_is_refused():
    with pytest.raises(SpecError, match="temperature is 0"):
        energy(np.zeros((1, 2), np.float32), 0)
