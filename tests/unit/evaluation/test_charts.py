"""Charts are well-formed SVG that shows its data where it belongs, and never as markup."""

from xml.etree import ElementTree

import numpy as np
import pytest

from saccade.evaluation.calibration import ReliabilityBins
from saccade.evaluation.charts import Series, confusion_chart, histogram_chart, line_chart, reliability_chart

HOSTILE = '<script>"&'


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def points_of(element: ElementTree.Element) -> np.ndarray:
    return np.array([[float(value) for value in pair.split(",")] for pair in element.attrib["points"].split()])


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in parsed(svg).iter("text")]


def line(series: list[Series]) -> str:
    return line_chart(series, title="Loss", x_label="epoch", y_label="loss")


def test_line_has_a_point_for_each_value_and_higher_values_stand_higher() -> None:
    points = points_of(next(parsed(line([Series("a", [0, 1, 2, 4], [1, 3, 2, 5], "accent")])).iter("polyline")))
    across, down = points[:, 0], points[:, 1]
    np.testing.assert_allclose(np.diff(across) / np.diff(across)[0], [1, 1, 2], atol=0.01)
    np.testing.assert_allclose(np.diff(down) / np.diff(down)[0], [1, -0.5, 1.5], atol=0.01)
    assert down[1] < down[0]


def test_values_that_are_not_finite_are_left_out() -> None:
    svg = line([Series("a", [0, 1, 2, 3], [1, float("nan"), float("inf"), 2], "accent")])
    assert len(points_of(next(parsed(svg).iter("polyline")))) == 2
    assert "nan" not in svg
    assert "inf" not in svg


@pytest.mark.parametrize(("x", "y"), [([1], [0.5]), ([0, 1], [0, 0]), ([0, 1], [1e-12, 1e9]), ([0, 1], [-5, -4])])
def test_line_of_any_range_has_readable_axes(x: list[float], y: list[float]) -> None:
    assert 4 <= len(texts(line([Series("a", x, y, "accent")]))) <= 20


def test_reliability_on_the_diagonal_touches_the_guide_in_every_used_bin() -> None:
    levels = np.array([0.0, 0.25, 0.75])
    bins = ReliabilityBins(images=np.array([0, 4, 9]), confidence=levels, accuracy=levels)
    root = parsed(reliability_chart(bins, bins, title="Reliability"))
    guide = next(element for element in root.iter("line") if element.attrib["class"] == "guide")
    x1, y1, x2, y2 = (float(guide.attrib[name]) for name in ("x1", "y1", "x2", "y2"))
    points = points_of(next(root.iter("polyline")))
    np.testing.assert_allclose(points, [[x1 + s * (x2 - x1), y1 + s * (y2 - y1)] for s in (0.25, 0.75)], atol=0.06)


def test_histogram_says_how_much_of_each_group_lies_above_the_threshold() -> None:
    groups = [("images", np.arange(10.0), "accent"), ("outliers", np.arange(6.0, 10.0), "warn")]
    root = parsed(histogram_chart(groups, 6.5, title="Score", x_label="score"))
    assert root.attrib["aria-label"] == "Score. Above the threshold: 30.0% of images; 75.0% of outliers."
    assert len(list(root.iter("polygon"))) == 2


def test_histogram_of_equal_values_is_drawn() -> None:
    parsed(histogram_chart([("images", np.ones(5), "accent")], 1.0, title="Score", x_label="score"))


def test_confusion_has_a_cell_for_each_pair_that_occurs_in_its_row_and_column() -> None:
    root = parsed(confusion_chart(np.array([[9, 0], [2, 7]]), ["cat", "dog"], title="Confusion"))
    cells = {group[0].text: group[1].attrib for group in root.iter("g")}
    assert set(cells) == {"true cat, predicted cat: 9", "true dog, predicted cat: 2", "true dog, predicted dog: 7"}
    wrong, right = cells["true dog, predicted cat: 2"], cells["true dog, predicted dog: 7"]
    assert (wrong["class"], right["class"]) == ("warn", "accent")
    assert wrong["y"] == right["y"]
    assert float(wrong["x"]) < float(right["x"])


def test_confusion_of_many_classes_is_drawn_without_numbers() -> None:
    names = [f"class {number}" for number in range(21)]
    assert texts(confusion_chart(np.eye(21, dtype=np.int64), names, title="Confusion")) == []


def test_names_are_shown_as_text_and_never_as_markup() -> None:
    charts = [
        line([Series(HOSTILE, [0, 1], [0, 1], "accent")]),
        histogram_chart([(HOSTILE, np.arange(4.0), "accent")], 2.0, title=HOSTILE, x_label=HOSTILE),
        confusion_chart(np.array([[1]]), [HOSTILE], title=HOSTILE),
    ]
    for svg in charts:
        assert "<script" not in svg
        assert HOSTILE in texts(svg)
