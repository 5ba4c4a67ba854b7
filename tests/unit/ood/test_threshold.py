import numpy as np
import pytest

from saccade.core.errors import SpecError
from saccade.ood import threshold_at_false_alarm_rate

ONE_TO_99 = np.random.default_rng(0).permutation(np.arange(1.0, 100.0))


@pytest.mark.parametrize(("rate", "expected"), [(0.05, 95.0), (0.01, 99.0), (0.5, 50.0), (0.99, 1.0)])
def test_threshold_is_the_score_of_rank_n_plus_one_times_one_minus_rate(rate, expected):
    assert threshold_at_false_alarm_rate(ONE_TO_99, rate) == expected


def test_threshold_of_too_few_scores_is_the_largest():
    assert threshold_at_false_alarm_rate(np.array([3.0, 1.0, 2.0]), 0.01) == 3.0


def test_new_scores_exceed_the_threshold_as_rarely_as_asked():
    """Over fresh validation and fresh new scores, 19 of 199 + 1 exchangeable ranks alarm at most: 0.095 of 0.1."""
    generator = np.random.default_rng(1)
    draws = generator.normal(size=(4000, 200))
    alarms = [row[-1] > threshold_at_false_alarm_rate(row[:-1], 0.1) for row in draws]
    # The true rate is 20 / 200; five standard errors are 0.024.
    assert abs(np.mean(alarms) - 0.1) < 0.024


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, float("nan")])
def test_impossible_rate_is_refused(rate):
    with pytest.raises(SpecError, match="false-alarm rate"):
        threshold_at_false_alarm_rate(ONE_TO_99, rate)


@pytest.mark.parametrize("scores", [[], [1.0, float("nan")], [float("inf")]])
def test_scores_that_are_no_numbers_are_refused(scores):
    with pytest.raises(SpecError, match="validation"):
        threshold_at_false_alarm_rate(np.array(scores), 0.05)
