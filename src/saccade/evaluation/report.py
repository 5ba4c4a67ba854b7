"""The evaluation as one self-contained page, and as a model card."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pyarrow as pa

import saccade_native
from saccade.core.artifacts import SPLITS, BundleInfo, TrainingInfo
from saccade.data.bundle import DatasetBundle
from saccade.evaluation.calibration import ReliabilityBins
from saccade.evaluation.charts import (
    Series,
    confusion_chart,
    histogram_chart,
    line_chart,
    reliability_chart,
)
from saccade.evaluation.gallery import Picture, confident_mistakes, correct_examples, picture_uri
from saccade.evaluation.metrics import Accuracy, ClassScores, worst_confusions

MISTAKES, CORRECT = 24, 12
REJECTED_SHOWN = 20
CONFUSIONS_SHOWN = 8
CURVE_POINTS = 120


@dataclass(frozen=True)
class Evaluation:
    """What was measured on the N test images, in the order of rows."""

    dataset: DatasetBundle
    rows: np.ndarray  # (N,) of the dataset
    labels: np.ndarray  # (N,) int64
    probabilities: np.ndarray  # (N, K) calibrated, as served
    accuracy: Accuracy
    confusion: np.ndarray  # (K, K)
    classes: ClassScores
    before: ReliabilityBins
    after: ReliabilityBins
    training: TrainingInfo
    curves: pa.Table  # CURVES_SCHEMA
    ood_detector: str  # the one that decides
    ood_validation: np.ndarray  # scores of validation images
    ood_outliers: np.ndarray  # scores of generated outliers
    ood_test_share: float  # of test images that are called out of distribution


def report_page(evaluation: Evaluation, info: BundleInfo) -> str:
    """Returns the HTML page: no network, no scripts; pictures and charts are inside."""
    mistakes = confident_mistakes(evaluation.probabilities, evaluation.labels, MISTAKES)
    correct = correct_examples(evaluation.probabilities, evaluation.labels, CORRECT, seed=0)
    return _template("report.html.j2").render(
        info=info,
        evaluation=evaluation,
        dataset=evaluation.dataset.info,
        mistakes=_pictures(evaluation, mistakes, info.classes),
        correct=_pictures(evaluation, correct, info.classes),
        mistake_count=evaluation.accuracy.images - evaluation.accuracy.right,
        confusions=worst_confusions(evaluation.confusion, CONFUSIONS_SHOWN),
        charts=_charts(evaluation, info),
        splits=[split for split in SPLITS if split in evaluation.dataset.info.counts],
        rejected=evaluation.dataset.rejected.slice(0, REJECTED_SHOWN).to_pylist(),
        rejected_total=evaluation.dataset.rejected.num_rows,
    )


def model_card(evaluation: Evaluation, info: BundleInfo) -> str:
    """Returns the model card in Markdown."""
    return _template("model_card.md.j2").render(info=info, evaluation=evaluation, dataset=evaluation.dataset.info)


@cache
def _template(name: str) -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=jinja2.select_autoescape(["html.j2"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = lambda share: f"{100 * share:.2f} %"
    return environment.get_template(name)


def _pictures(evaluation: Evaluation, chosen: np.ndarray, classes: list[str]) -> list[Picture]:
    rows = evaluation.rows[chosen]
    names = evaluation.dataset.index["name"].take(pa.array(rows)).to_pylist()
    images = evaluation.dataset.images(rows)
    pictures = []
    for position, name, image in zip(chosen, names, images, strict=True):
        true, own = int(evaluation.labels[position]), evaluation.probabilities[position]
        predicted = int(own.argmax())
        pictures.append(
            Picture(
                uri=picture_uri(saccade_native.decode(image)),
                name=name,
                true=classes[true],
                predicted=classes[predicted],
                probability=float(own[predicted]),
                true_probability=float(own[true]),
            )
        )
    return pictures


def _charts(evaluation: Evaluation, info: BundleInfo) -> dict[str, Any]:
    epochs, loss, accuracy = _curve(evaluation.curves)
    return {
        "loss": line_chart([Series("loss", epochs, loss, "accent")], title="Loss", x_label="epoch", y_label="loss"),
        "accuracy": line_chart(
            [Series("training accuracy", epochs, accuracy, "accent")],
            title="Accuracy on training batches",
            x_label="epoch",
            y_label="accuracy",
            percent=True,
        ),
        "confusion": confusion_chart(evaluation.confusion, info.classes, title="Confusion matrix"),
        "reliability": reliability_chart(evaluation.before, evaluation.after, title="Reliability"),
        "ood": histogram_chart(
            [
                ("validation images", evaluation.ood_validation, "accent"),
                ("generated outliers", evaluation.ood_outliers, "warn"),
            ],
            info.scoring["ood_threshold"],
            title="Out-of-distribution score",
            x_label=f"{evaluation.ood_detector.replace('_', ' ')} score",
        ),
    }


def _curve(curves: pa.Table) -> tuple[list[float], list[float], list[float]]:
    """Returns epochs, loss and accuracy as means over CURVE_POINTS equal stretches: single batches are noisy."""
    columns = [curves[name].to_numpy().astype(np.float64) for name in ("epoch", "loss", "accuracy")]
    stretches = np.array_split(np.arange(len(columns[0])), min(CURVE_POINTS, len(columns[0])))
    epochs, loss, accuracy = ([float(column[stretch].mean()) for stretch in stretches] for column in columns)
    return epochs, loss, accuracy
