"""Whether a window of answers still looks like the reference, with one false-alarm rate for the whole answer."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from saccade.core.seed import derived_seed
from saccade.watch.mmd import mmd2, rbf_kernel
from saccade.watch.permutation import memberships, p_values

DEFAULT_FALSE_ALARM_RATE = 0.01
# More reference rows than this cost time (the kernel grows with their square) and add little to a window of 500.
REFERENCE_ROWS = 2000
# With so many permutations a share, the smallest adjusted p-value of ten tests is a third of the false-alarm rate.
PERMUTATIONS_PER_FALSE_ALARM = 30
_QUANTILES = 64

EMBEDDING = "embedding"
PREDICTED_CLASS = "predicted_class"


@dataclass(frozen=True)
class Answers:
    """What a model answered to N images.

    embedding: (N, D); predicted: (N,) indices into classes; scalars: name -> (N,), such as confidence and brightness.
    """

    embedding: NDArray[np.float32]
    predicted: NDArray[np.int64]
    scalars: Mapping[str, NDArray[np.float32]]

    def __len__(self) -> int:
        return len(self.predicted)

    def rows(self, rows: NDArray[np.int64] | slice) -> "Answers":
        """Returns the answers of these rows."""
        scalars = {name: values[rows] for name, values in self.scalars.items()}
        return Answers(self.embedding[rows], self.predicted[rows], scalars)


@dataclass(frozen=True)
class Comparison:
    """One test: its p-value alone, its p-value among all tests, whether it moved, and by how much, also in words."""

    name: str
    p_value: float
    adjusted_p_value: float
    moved: bool
    effect: dict[str, Any]
    words: str


@dataclass(frozen=True)
class Verdict:
    """The answer for one window: drift when any test moved."""

    drift: bool
    p_value: float  # the smallest adjusted one
    false_alarm_rate: float
    permutations: int
    reference_rows: int
    window_rows: int
    tests: list[Comparison]

    @property
    def moved(self) -> list[str]:
        """The names of the tests that moved, the surest first."""
        return [test.name for test in sorted(self.tests, key=lambda test: test.p_value) if test.moved]


def judge(reference: Answers, window: Answers, classes: list[str], *, false_alarm_rate: float, seed: int) -> Verdict:
    """Returns whether the window differs from the reference in any of embedding, predicted classes and scalars.

    On windows drawn as the reference was, the share of verdicts that say drift is at most false_alarm_rate, over
    reference and window together. One reference serves many windows, so theirs are not independent: keep the reference
    several times larger than the window.
    """
    generator = np.random.default_rng(derived_seed(seed, "reference"))
    if len(reference) > REFERENCE_ROWS:
        chosen = generator.choice(len(reference), REFERENCE_ROWS, replace=False)
        reference = reference.rows(np.sort(chosen))
    permutations = math.ceil(PERMUTATIONS_PER_FALSE_ALARM / false_alarm_rate) - 1
    columns = memberships(len(reference), len(window), permutations, derived_seed(seed, "permutations"))

    statistics = _statistics(reference, window, len(classes), columns)
    values = p_values(np.stack(list(statistics.values())))
    tests = []
    for index, (name, statistic) in enumerate(statistics.items()):
        effect = _effect(name, statistic, reference, window, classes)
        adjusted = float(values.adjusted[index])
        moved = adjusted <= false_alarm_rate
        tests.append(Comparison(name, float(values.alone[index]), adjusted, moved, effect, _words(name, effect)))
    return Verdict(
        drift=any(test.moved for test in tests),
        p_value=min(test.adjusted_p_value for test in tests),
        false_alarm_rate=false_alarm_rate,
        permutations=permutations,
        reference_rows=len(reference),
        window_rows=len(window),
        tests=tests,
    )


def class_distance(predicted: NDArray[np.int64], classes: int, columns: NDArray[np.float32]) -> NDArray[np.float64]:
    """Returns the chi-squared distance of the predicted classes inside and outside each window, (P,).

    predicted: (N,) indices; columns: (N, P) memberships.
    """
    one_hot = np.zeros((classes, len(predicted)), np.float32)
    one_hot[predicted, np.arange(len(predicted))] = 1
    totals = one_hot.sum(axis=1, dtype=np.float64)[:, None]
    gaps = _share_gaps(one_hot, columns)
    return (np.square(gaps) / np.maximum(totals / len(predicted), 1e-12)).sum(axis=0)


def largest_gap(values: NDArray[np.float32], columns: NDArray[np.float32]) -> NDArray[np.float64]:
    """Returns the largest gap of the cumulative shares inside and outside each window, (P,), in [0, 1].

    values: (N,); columns: (N, P) memberships. It is the Kolmogorov-Smirnov distance, looked at in at most 64 quantiles
    of all rows instead of everywhere: a permutation test is exact for either, and this one is a matrix product.
    """
    limits = np.unique(np.quantile(values, np.linspace(0, 1, _QUANTILES + 1), method="inverted_cdf"))
    below = (values[None, :] <= limits[:, None]).astype(np.float32)
    return np.abs(_share_gaps(below, columns)).max(axis=0)


def _share_gaps(indicators: NDArray[np.float32], columns: NDArray[np.float32]) -> NDArray[np.float64]:
    """Returns share inside minus share outside for each indicator row, (B, N) and (N, P) -> (B, P)."""
    inside = columns.sum(axis=0, dtype=np.float64)
    counts = (indicators @ columns).astype(np.float64)
    totals = indicators.sum(axis=1, dtype=np.float64)[:, None]
    return counts / inside - (totals - counts) / (len(columns) - inside)


def _statistics(
    reference: Answers, window: Answers, classes: int, columns: NDArray[np.float32]
) -> dict[str, NDArray[np.float64]]:
    kernel = rbf_kernel(np.concatenate([reference.embedding, window.embedding]))
    predicted = np.concatenate([reference.predicted, window.predicted])
    statistics = {EMBEDDING: mmd2(kernel, columns), PREDICTED_CLASS: class_distance(predicted, classes, columns)}
    for name, values in reference.scalars.items():
        statistics[name] = largest_gap(np.concatenate([values, window.scalars[name]]), columns)
    return statistics


def _effect(
    name: str, statistic: NDArray[np.float64], reference: Answers, window: Answers, classes: list[str]
) -> dict[str, Any]:
    if name == EMBEDDING:
        spread = float(statistic[1:].std()) or 1.0
        return {"mmd2": float(statistic[0]), "null_deviations": float(statistic[0] - statistic[1:].mean()) / spread}
    if name == PREDICTED_CLASS:
        return _class_effect(reference.predicted, window.predicted, classes)
    before, after = reference.scalars[name].astype(np.float64), window.scalars[name].astype(np.float64)
    deviation = float(before.std())
    return {
        "reference_mean": float(before.mean()),
        "window_mean": float(after.mean()),
        "shift_in_deviations": float(after.mean() - before.mean()) / deviation if deviation else None,
        "largest_gap": float(statistic[0]),
    }


def _class_effect(before: NDArray[np.int64], after: NDArray[np.int64], classes: list[str]) -> dict[str, Any]:
    shares = [np.bincount(predicted, minlength=len(classes)) / len(predicted) for predicted in (before, after)]
    change = shares[1] - shares[0]
    most = int(np.abs(change).argmax())
    return {
        "total_variation": float(np.abs(change).sum() / 2),
        "class": classes[most],
        "reference_share": float(shares[0][most]),
        "window_share": float(shares[1][most]),
    }


def _words(name: str, effect: dict[str, Any]) -> str:
    if name == EMBEDDING:
        return f"embedding: MMD² {effect['mmd2']:.4f}, {effect['null_deviations']:.1f} deviations from no change"
    if name == PREDICTED_CLASS:
        before, after = effect["reference_share"], effect["window_share"]
        return f"predicted class: most of all '{effect['class']}', {before:.1%} to {after:.1%} of the answers"
    before, after, shift = effect["reference_mean"], effect["window_mean"], effect["shift_in_deviations"]
    size = "" if shift is None else f" ({shift:+.2f} deviations)"
    return f"{name.replace('_', ' ')}: mean {before:.4g} to {after:.4g}{size}"
