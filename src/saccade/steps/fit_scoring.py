"""What turns a network's outputs into honest answers: temperature, views and the out-of-distribution detector."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from saccade.core.artifacts import TrainingInfo
from saccade.core.seed import derived_seed
from saccade.data.bundle import DatasetBundle
from saccade.evaluation.calibration import fit_temperature
from saccade.evaluation.views import ALWAYS, choose_view_threshold, mixed_logits
from saccade.ood import (
    DetectorChoice,
    ForestArrays,
    choose_detector,
    fit_isolation_forest,
    generated_outliers,
    save_ood,
    threshold_at_false_alarm_rate,
)
from saccade.preprocess.spec import PreprocessSpec
from saccade.serving.predictor import build_classifier
from saccade.steps.choose_engine import ChosenEngine

TOP_K = 5
OOD_FALSE_ALARM_RATE = 0.05
MAX_FOREST_IMAGES = 5_000
MAX_OUTLIER_IMAGES = 500  # of each kind
DETECTORS = ("energy", "isolation_forest")


@dataclass(frozen=True)
class FittedScoring:
    """scoring as bundle.json holds it, the forest beside it, and how well each detector tells outliers."""

    scoring: dict[str, Any]
    forest: ForestArrays
    choice: DetectorChoice
    validation_scores: Mapping[str, np.ndarray]
    outlier_scores: Mapping[str, Mapping[str, np.ndarray]]


def fit_scoring(
    data: DatasetBundle, engine: ChosenEngine, info: TrainingInfo, *, seed: int, scratch: Path
) -> FittedScoring:
    """Fits everything on validation images; only the forest sees training images, as features.

    scratch: a directory for the forest's file, which the classifier reads.
    """
    spec, precision = PreprocessSpec.parse(info.preprocess), engine.precision
    engine_file = engine.files[0]
    rows = data.indices("val")
    pixels, labels = data.pixels[rows], data.labels[rows]

    def logits(view_threshold: float) -> np.ndarray:
        scoring = {"views": info.views, "view_threshold": view_threshold}
        return build_classifier(engine_file, spec, scoring, precision=precision).predict_pixels(pixels).logits

    plain = logits(0.0)
    temperature = fit_temperature(plain, labels)
    view_threshold = 0.0
    if len(info.views) > 1:
        averaged = logits(ALWAYS)
        view_threshold = choose_view_threshold(plain, averaged, labels, temperature)
        temperature = fit_temperature(mixed_logits(plain, averaged, view_threshold, temperature), labels)
    scoring = {
        "temperature": temperature,
        "top_k": min(TOP_K, len(info.classes)),
        "views": info.views,
        "view_threshold": view_threshold,
    }

    sample = _sample(data, seed)
    features = build_classifier(engine_file, spec, {}, precision=precision).predict_pixels(data.pixels[sample]).features
    forest = fit_isolation_forest(features, data.labels[sample], seed)
    save_ood(scratch / "forest.npz", forest)
    judge = build_classifier(engine_file, spec, scoring, ood_npz=scratch / "forest.npz", precision=precision)
    validation = _scores(judge.predict_pixels(pixels))
    outliers = {
        kind: _scores(judge.predict_pixels(images))
        for kind, images in generated_outliers(pixels[:MAX_OUTLIER_IMAGES], seed).items()
    }
    choice = choose_detector(validation, outliers)
    threshold = threshold_at_false_alarm_rate(validation[choice.name], OOD_FALSE_ALARM_RATE)
    scoring |= {"ood_detector": choice.name, "ood_threshold": threshold}
    return FittedScoring(scoring, forest, choice, validation, outliers)


def _sample(data: DatasetBundle, seed: int) -> np.ndarray:
    rows = data.indices("train")
    return np.sort(np.random.default_rng(derived_seed(seed, "forest")).permutation(rows)[:MAX_FOREST_IMAGES])


def _scores(batch: Any) -> dict[str, np.ndarray]:
    return {name: getattr(batch, name) for name in DETECTORS}
