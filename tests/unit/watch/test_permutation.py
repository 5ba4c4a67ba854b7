"""Permutation p-values agree with counts by hand and are uniform where nothing changed."""

import numpy as np
import pytest
from scipy import stats

from saccade.watch.permutation import memberships, p_values


def test_memberships_first_column_is_the_observed_window() -> None:
    columns = memberships(reference=4, window=3, permutations=5, seed=0)
    assert columns[:, 0].tolist() == [0, 0, 0, 0, 1, 1, 1]


def test_memberships_every_column_holds_one_window() -> None:
    columns = memberships(reference=40, window=9, permutations=50, seed=0)
    assert set(columns.sum(axis=0)) == {9}


def test_memberships_every_row_is_drawn_equally_often() -> None:
    columns = memberships(reference=15, window=5, permutations=4000, seed=1)[:, 1:]
    counts = columns.sum(axis=1)
    assert stats.chisquare(counts).pvalue > 0.001


def test_p_value_alone_counts_ties_as_at_least_as_large() -> None:
    assert p_values(np.array([[3.0, 1.0, 2.0, 3.0]])).alone.tolist() == [2 / 4]


def test_p_value_adjusted_of_two_tests_is_the_count_by_hand() -> None:
    # Shares at least as large: 1/4 1 3/4 2/4 and 1 3/4 2/4 1/4. Smallest a column: 1/4 3/4 2/4 1/4; two reach 1/4.
    values = p_values(np.array([[4.0, 1.0, 2.0, 3.0], [1.0, 2.0, 3.0, 4.0]]))
    assert values.alone.tolist() == [1 / 4, 1]
    assert values.adjusted.tolist() == [2 / 4, 1]


def test_p_value_adjusted_of_the_same_test_twice_costs_nothing() -> None:
    row = np.random.default_rng(0).normal(size=200)
    values = p_values(np.stack([row, 10 * row]))
    assert values.adjusted == pytest.approx(values.alone)


def test_p_value_adjusted_is_never_below_alone_nor_above_bonferroni() -> None:
    rows = np.random.default_rng(1).normal(size=(6, 2000))
    values = p_values(rows)
    assert np.all(values.adjusted >= values.alone)
    assert values.adjusted.min() <= 6 * values.alone.min()


def test_p_value_of_exchangeable_columns_is_uniform() -> None:
    generator = np.random.default_rng(2)
    smallest = [p_values(generator.normal(size=(4, 200))).adjusted.min() for _ in range(400)]
    assert stats.kstest(smallest, "uniform").pvalue > 0.001
