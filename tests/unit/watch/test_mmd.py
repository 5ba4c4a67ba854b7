"""The discrepancy agrees with sums by hand and with plain double sums."""

import itertools
import math

import numpy as np
import pytest

from saccade.watch.mmd import mmd2, rbf_kernel


def test_mmd2_of_four_points_is_the_sum_by_hand() -> None:
    rows = np.array([[0.0], [1.0], [3.0], [4.0]], np.float32)
    window = np.array([[0.0], [0.0], [1.0], [1.0]], np.float32)
    # Squared distances 1, 9, 16, 4, 9, 1: the median is 6.5, so the kernel is exp(-d^2 / 13).
    within = 2 * math.exp(-1 / 13)
    across = (2 * math.exp(-9 / 13) + math.exp(-16 / 13) + math.exp(-4 / 13)) / 4
    assert mmd2(rbf_kernel(rows), window)[0] == pytest.approx(within - 2 * across, abs=1e-6)


def test_mmd2_of_many_windows_is_the_double_sum_of_each() -> None:
    generator = np.random.default_rng(0)
    kernel = rbf_kernel(generator.normal(size=(12, 5)).astype(np.float32))
    windows = np.stack([generator.permutation(np.repeat([0, 1], [7, 5])) for _ in range(6)], axis=1)
    expected = [_double_sum(kernel, windows[:, column]) for column in range(6)]
    np.testing.assert_allclose(mmd2(kernel, windows.astype(np.float32)), expected, atol=1e-6)


def test_mmd2_over_all_windows_of_a_size_has_mean_zero() -> None:
    kernel = rbf_kernel(np.random.default_rng(1).normal(size=(7, 3)).astype(np.float32))
    windows = np.zeros((7, 35), np.float32)
    for column, members in enumerate(itertools.combinations(range(7), 3)):
        windows[list(members), column] = 1
    assert mmd2(kernel, windows).mean() == pytest.approx(0, abs=1e-7)


def test_rbf_kernel_of_moved_and_scaled_rows_is_the_same() -> None:
    rows = np.random.default_rng(2).normal(size=(20, 4)).astype(np.float32)
    np.testing.assert_allclose(rbf_kernel(3 * rows + 5), rbf_kernel(rows), atol=1e-5)


def test_rbf_kernel_of_equal_rows_is_one_everywhere() -> None:
    assert np.all(rbf_kernel(np.full((5, 3), 7, np.float32)) == 1)


def test_rbf_kernel_of_mostly_equal_rows_uses_the_mean_distance() -> None:
    rows = np.array([[0.0]] * 4 + [[2.0]], np.float32)
    # Squared distances: six of 0 and four of 4, so the median is 0 and the mean 1.6.
    assert rbf_kernel(rows)[0, 4] == pytest.approx(math.exp(-4 / 3.2), rel=1e-5)


def _double_sum(kernel: np.ndarray, window: np.ndarray) -> float:
    inside, outside = np.flatnonzero(window), np.flatnonzero(window == 0)
    within = np.mean([kernel[i, j] for i, j in itertools.permutations(inside, 2)])
    reference = np.mean([kernel[i, j] for i, j in itertools.permutations(outside, 2)])
    return float(within + reference - 2 * np.mean([kernel[i, j] for i in inside for j in outside]))
