"""Charts as inline SVG. Colours come from the page's style sheet, so one drawing serves light and dark pages."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from saccade.evaluation.calibration import ReliabilityBins

HISTOGRAM_BINS = 48
NUMBERED_CLASSES = 20
_WIDTH, _HEIGHT = 480, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 14, 30, 44


@dataclass(frozen=True)
class Series:
    """One named line; tone is the style sheet's class for its colour: accent, warn or muted."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    tone: str


@dataclass(frozen=True)
class _Frame:
    """Maps data to pixels: x and y are (low, high) of the data."""

    x: tuple[float, float]
    y: tuple[float, float]

    def across(self, value: float) -> float:
        low, high = self.x
        return _LEFT + (value - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT)

    def down(self, value: float) -> float:
        low, high = self.y
        return _HEIGHT - _BOTTOM - (value - low) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)


def line_chart(series: Sequence[Series], *, title: str, x_label: str, y_label: str, percent: bool = False) -> str:
    """Returns lines over a common x axis. Values that are not finite break no line; they are left out."""
    points = [(s, [(x, y) for x, y in zip(s.x, s.y, strict=True) if math.isfinite(y)]) for s in series]
    every_x = [x for _, line in points for x, _ in line]
    every_y = [y for _, line in points for _, y in line]
    frame = _Frame(_widened(min(every_x), max(every_x), 0), _widened(min(every_y), max(every_y), 0.06))
    parts = [_axes(frame, x_label, y_label, _percent if percent else _short)]
    for line, coordinates in points:
        path = " ".join(f"{frame.across(x):.1f},{frame.down(y):.1f}" for x, y in coordinates)
        parts.append(f'<polyline class="line {line.tone}" points="{path}"/>')
        if len(coordinates) <= 30:
            parts += [_dot(frame.across(x), frame.down(y), line.tone) for x, y in coordinates]
    parts.append(_legend([(line.name, line.tone) for line in series]))
    summary = "; ".join(f"{line.name} ends at {_short(pairs[-1][1])}" for line, pairs in points if pairs)
    return _svg(title, summary, parts)


def reliability_chart(before: ReliabilityBins, after: ReliabilityBins, *, title: str) -> str:
    """Returns accuracy against confidence, before and after calibration; the diagonal is perfect.

    Dots grow with the number of images in their bin.
    """
    frame = _Frame((0.0, 1.0), (0.0, 1.0))
    parts = [_axes(frame, "confidence", "accuracy", _percent, _percent)]
    start, end = (frame.across(0), frame.down(0)), (frame.across(1), frame.down(1))
    parts.append(f'<line class="guide" x1="{start[0]}" y1="{start[1]}" x2="{end[0]}" y2="{end[1]}"/>')
    for bins, tone in ((before, "muted"), (after, "accent")):
        used = np.flatnonzero(bins.images)
        spots = [(frame.across(bins.confidence[i]), frame.down(bins.accuracy[i])) for i in used]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
        parts.append(f'<polyline class="line {tone}" points="{path}"/>')
        radii = 2 + 5 * np.sqrt(bins.images[used] / bins.images.max())
        parts += [_dot(x, y, tone, radius) for (x, y), radius in zip(spots, radii, strict=True)]
    parts.append(_legend([("before", "muted"), ("after calibration", "accent")]))
    return _svg(title, "The closer a line is to the diagonal, the more its probabilities can be trusted.", parts)


def histogram_chart(
    groups: Sequence[tuple[str, NDArray[np.floating], str]], threshold: float, *, title: str, x_label: str
) -> str:
    """Returns one outline of shares for each (name, values, tone), and the threshold as an upright line."""
    everything = np.concatenate([values for _, values, _ in groups])
    low, high = np.quantile(everything, [0.002, 0.998])
    edges = np.linspace(*_widened(min(low, threshold), max(high, threshold), 0.02), HISTOGRAM_BINS + 1)
    shares = [np.histogram(values.clip(edges[0], edges[-1]), edges)[0] / len(values) for _, values, _ in groups]
    frame = _Frame((float(edges[0]), float(edges[-1])), (0.0, float(max(share.max() for share in shares)) * 1.08))
    parts = [_axes(frame, x_label, "share of images", _percent)]
    for (_, _, tone), share in zip(groups, shares, strict=True):
        steps = [(edge, height) for i, height in enumerate(share) for edge in (edges[i], edges[i + 1])]
        base = frame.down(0)
        path = " ".join(f"{frame.across(x):.1f},{frame.down(y):.1f}" for x, y in steps)
        closed = f"{frame.across(edges[0]):.1f},{base:.1f} {path} {frame.across(edges[-1]):.1f},{base:.1f}"
        parts.append(f'<polygon class="area {tone}" points="{closed}"/>')
    x = frame.across(threshold)
    parts.append(f'<line class="guide strong" x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{frame.down(0):.1f}"/>')
    side, anchor = (-5, "end") if x > _WIDTH / 2 else (5, "start")
    parts.append(
        f'<text x="{x + side:.1f}" y="{_TOP + 12}" text-anchor="{anchor}">threshold {_short(threshold)}</text>'
    )
    parts.append(_legend([(name, tone) for name, _, tone in groups]))
    beyond = "; ".join(f"{np.mean(values > threshold):.1%} of {name}" for name, values, _ in groups)
    return _svg(title, f"Above the threshold: {beyond}.", parts)


def confusion_chart(matrix: NDArray[np.int64], classes: Sequence[str], *, title: str) -> str:
    """Returns the confusion matrix as a heat map; each row is shaded by its share of the row's images.

    Cells carry their count where there are at most NUMBERED_CLASSES classes. Empty cells are not drawn.
    """
    count = len(classes)
    numbered = count <= NUMBERED_CLASSES
    cell = 40.0 if count <= 10 else 28.0 if numbered else max(4.0, 560 / count)
    label_px = min(130.0, 12 + 6.6 * max(map(len, classes))) if numbered else 10.0
    side = cell * count
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    parts = [f'<rect class="plate" x="{label_px:.1f}" y="{label_px:.1f}" width="{side:.1f}" height="{side:.1f}"/>']
    for row, column in np.argwhere(matrix > 0):
        name = f"true {classes[row]}, predicted {classes[column]}: {matrix[row, column]:,}"
        left, top = label_px + column * cell, label_px + row * cell
        # Errors are rare: the square root lifts a 1 % confusion to where the eye sees it.
        tone, opacity = ("accent", shares[row, column]) if row == column else ("warn", shares[row, column] ** 0.5)
        parts.append(
            f'<g><title>{escape(name)}</title><rect class="{tone}" x="{left:.1f}" y="{top:.1f}" '
            f'width="{cell:.1f}" height="{cell:.1f}" fill-opacity="{0.08 + 0.92 * opacity:.2f}"/>'
        )
        if numbered:
            ink, x, y = "on" if opacity > 0.55 else "off", left + cell / 2, top + cell / 2 + 4
            parts.append(f'<text class="cell {ink}" x="{x:.1f}" y="{y:.1f}">{matrix[row, column]}</text>')
        parts.append("</g>")
    parts += _confusion_labels(classes, cell, label_px) if numbered else []
    size = label_px + side + 2
    return _svg(title, "Rows are true classes, columns are predicted ones.", parts, width=size, height=size)


def _confusion_labels(classes: Sequence[str], cell: float, label_px: float) -> list[str]:
    parts = []
    for index, name in enumerate(classes):
        text = escape(name if len(name) <= 18 else name[:17] + "…")
        middle = label_px + (index + 0.5) * cell
        parts.append(f'<text x="{label_px - 7:.1f}" y="{middle + 4:.1f}" text-anchor="end">{text}</text>')
        turned = f"translate({middle + 4:.1f} {label_px - 7:.1f}) rotate(-90)"
        parts.append(f'<text transform="{turned}">{text}</text>')
    return parts


def _svg(title: str, summary: str, parts: Sequence[str], width: float = _WIDTH, height: float = _HEIGHT) -> str:
    label = escape(f"{title}. {summary}", quote=True)
    body = "".join(parts)
    return f'<svg class="chart" role="img" aria-label="{label}" viewBox="0 0 {width:.0f} {height:.0f}">{body}</svg>'


def _axes(
    frame: _Frame,
    x_label: str,
    y_label: str,
    y_text: Callable[[float], str],
    x_text: Callable[[float], str] | None = None,
) -> str:
    left, right, floor = _LEFT, _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    parts = []
    for value in _ticks(*frame.y):
        y = frame.down(value)
        parts.append(f'<line class="grid" x1="{left}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{left - 7}" y="{y + 4:.1f}" text-anchor="end">{y_text(value)}</text>')
    for value in _ticks(*frame.x):
        x = frame.across(value)
        parts.append(f'<text x="{x:.1f}" y="{floor + 17}" text-anchor="middle">{(x_text or _short)(value)}</text>')
    parts.append(f'<line class="axis" x1="{left}" y1="{floor}" x2="{right}" y2="{floor}"/>')
    parts.append(
        f'<text class="label" x="{(left + right) / 2}" y="{floor + 36}" text-anchor="middle">{escape(x_label)}</text>'
    )
    parts.append(f'<text class="label" x="0" y="16">{escape(y_label)}</text>')
    return "".join(parts)


def _legend(entries: Sequence[tuple[str, str]]) -> str:
    parts, x = [], float(_WIDTH - _RIGHT)
    for name, tone in reversed(entries):
        x -= 6.6 * len(name)
        parts.append(f'<text x="{x:.1f}" y="16">{escape(name)}</text>{_dot(x - 9, 12, tone, 4)}')
        x -= 30
    return "".join(parts)


def _dot(x: float, y: float, tone: str, radius: float = 2.5) -> str:
    return f'<circle class="{tone}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"/>'


def _widened(low: float, high: float, share: float) -> tuple[float, float]:
    """Returns the range with a margin on both sides; a single value becomes a range of one around it."""
    low, high = float(low), float(high)
    if high <= low:
        return low - 0.5, high + 0.5
    return low - share * (high - low), high + share * (high - low)


def _ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Returns round numbers between low and high, about count of them."""
    rough = (high - low) / count
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * magnitude for factor in (1, 2, 2.5, 5, 10) if factor * magnitude >= rough)
    first = math.ceil(low / step - 1e-9)
    return [index * step for index in range(first, math.floor(high / step + 1e-9) + 1)]


def _percent(value: float) -> str:
    return f"{round(100 * value, 2):g} %"


def _short(value: float) -> str:
    return f"{value:,.4g}" if abs(value) >= 1e-9 else "0"
