"""Permutation tests that share their permutations: exact at any sample size, alone and all together."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class PValues:
    """One p-value a test, (T,): `alone` ignores the other tests, `adjusted` answers for all of them together."""

    alone: NDArray[np.float64]
    adjusted: NDArray[np.float64]


def memberships(reference: int, window: int, permutations: int, seed: int) -> NDArray[np.float32]:
    """Returns (reference + window, 1 + permutations) ones for rows in the window.

    Column 0 is what was observed: the last `window` rows. Every other column draws as many rows at random.
    """
    generator = np.random.default_rng(seed)
    columns = np.zeros((1 + permutations, reference + window), np.float32)
    columns[:, reference:] = 1
    generator.permuted(columns[1:], axis=1, out=columns[1:])
    return np.ascontiguousarray(columns.T)


def p_values(statistics: NDArray[np.float64]) -> PValues:
    """Returns the p-values of T tests from their statistics, (T, 1 + P), column 0 observed; larger = more different.

    The chance that any adjusted p-value of an unchanged window is at most a is at most a, and almost equal to it: the
    smallest p-value is compared with the smallest p-value of every permutation, so tests that move together are not
    paid for twice, as Bonferroni and Holm would.
    Source: Westfall and Young 1993, step-down minP; the observed column counts among the permutations (Phipson and
    Smyth 2010), so no p-value is 0.
    """
    count = statistics.shape[1]
    # Rank from above, ties to the worse: the share of columns that are at least as large.
    shares = np.stack([count - np.searchsorted(np.sort(row), row, side="left") for row in statistics]) / count
    order = np.argsort(shares[:, 0], kind="stable")
    smallest = np.minimum.accumulate(shares[order[::-1]], axis=0)[::-1]
    joint = np.mean(smallest <= smallest[:, :1], axis=1)
    adjusted = np.empty(len(order))
    adjusted[order] = np.maximum.accumulate(joint)
    return PValues(alone=shares[:, 0], adjusted=adjusted)
