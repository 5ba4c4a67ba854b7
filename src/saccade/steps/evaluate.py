"""Measures on the test split what will be served, and completes the model bundle."""

import shutil
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import saccade_native
from saccade import __version__
from saccade.core.artifacts import (
    BUNDLE_JSON,
    CALIBRATION_JSON,
    CURVES_PARQUET,
    MODEL_CARD,
    OOD_NPZ,
    REFERENCE_PARQUET,
    REFERENCE_SCHEMA,
    REPORT_HTML,
    TRAINING_JSON,
    WEIGHTS,
    BundleInfo,
    TrainingInfo,
    file_digests,
)
from saccade.core.errors import BundleError, QualityGateError
from saccade.core.files import atomic_directory, write_json
from saccade.core.log import logger
from saccade.core.seed import derived_seed
from saccade.data.bundle import DatasetBundle
from saccade.evaluation.calibration import calibration_error, reliability_bins, softmax
from saccade.evaluation.metrics import accuracy, class_scores, confusion_matrix
from saccade.evaluation.report import Evaluation, model_card, report_page
from saccade.ood import save_ood
from saccade.preprocess.spec import PreprocessSpec
from saccade.serving.capture import capture_record
from saccade.serving.golden import write_golden
from saccade.serving.predictor import build_classifier
from saccade.steps.choose_engine import AUTO, ChosenEngine, choose_engine
from saccade.steps.fit_scoring import OOD_FALSE_ALARM_RATE, FittedScoring, fit_scoring
from saccade.steps.step import step

GOLDEN_IMAGES = 8
MAX_REFERENCE_ROWS = 5_000
# Half of the test images stay out of the reference, so that a rehearsal can ask about images that drift never saw.
REFERENCE_SHARE_OF_TEST = 0.5


@step
def evaluate(
    dataset: Path,
    training: Path,
    out: Path,
    *,
    name: str = "classifier",
    version: str = "1",
    seed: int = 0,
    min_accuracy: float | None = None,
    engine: str = AUTO,
) -> dict[str, Any]:
    """Writes the model bundle to out and returns accuracy with its interval, calibration error and confusion matrix.

    dataset: prepared.   training: what `train` wrote, on that dataset.   engine: see choose_engine.
    Raises BundleError for a training of another dataset, QualityGateError when min_accuracy is not met; the bundle is
    then written all the same. For a stated engine that cannot be had see choose_engine: no bundle is written.
    """
    data = DatasetBundle.open(dataset)
    trained = TrainingInfo.load(training / TRAINING_JSON)
    _check_match(data, trained, training)
    with atomic_directory(out) as draft, tempfile.TemporaryDirectory(prefix="saccade-evaluate-") as scratch:
        chosen = choose_engine(data, training, trained, wanted=engine, seed=seed, scratch=Path(scratch))
        logger.info("Evaluating: temperature, test-time views and out-of-distribution detector on validation images.")
        fitted = fit_scoring(data, chosen, trained, seed=seed, scratch=Path(scratch))
        save_ood(draft / OOD_NPZ, fitted.forest)
        for file in (training / WEIGHTS, *chosen.files):
            shutil.copyfile(file, draft / file.name)
        classifier = build_classifier(
            draft / chosen.files[0].name,
            PreprocessSpec.parse(trained.preprocess),
            fitted.scoring,
            ood_npz=draft / OOD_NPZ,
            precision=chosen.precision,
        )
        evaluation = _measure(data, classifier, trained, fitted, pq.read_table(training / CURVES_PARQUET))
        info = _bundle_info(evaluation, trained, fitted, chosen, name=name, version=version)
        _write_reference(draft, data, classifier, info, seed)
        _write_golden(draft, data, classifier, info, seed)
        _write_calibration(draft, evaluation, fitted)
        (draft / REPORT_HTML).write_text(report_page(evaluation, info), encoding="utf-8")
        (draft / MODEL_CARD).write_text(model_card(evaluation, info), encoding="utf-8")
        BundleInfo(**{**asdict(info), "files": file_digests(draft)}).save(draft / BUNDLE_JSON)
    _check_gate(evaluation, min_accuracy, out)
    confusion = {"labels": info.classes, "matrix": evaluation.confusion.tolist()}
    return {**info.metrics, "engine": info.engine, "confusion": confusion}


def _check_match(data: DatasetBundle, trained: TrainingInfo, training: Path) -> None:
    if trained.dataset_id != data.info.content_id:
        raise BundleError(
            f"'{training}' was trained on dataset {trained.dataset_id[:12]}, but '{data.path}' is "
            f"{data.info.content_id[:12]}. Evaluate with the dataset of the training, or train again."
        )
    if trained.preprocess_hash != data.info.preprocess_hash:
        raise BundleError(f"'{training}' and '{data.path}' were prepared differently. Train again on this dataset.")


def _measure(
    data: DatasetBundle,
    classifier: saccade_native.Classifier,
    trained: TrainingInfo,
    fitted: FittedScoring,
    curves: pa.Table,
) -> Evaluation:
    rows = data.indices("test")
    labels = data.labels[rows]
    batch = classifier.predict_pixels(data.pixels[rows])
    matrix = confusion_matrix(labels, batch.probabilities.argmax(axis=1), len(trained.classes))
    return Evaluation(
        dataset=data,
        rows=rows,
        labels=labels,
        probabilities=batch.probabilities,
        accuracy=accuracy(labels, batch.probabilities.argmax(axis=1)),
        confusion=matrix,
        classes=class_scores(matrix),
        before=reliability_bins(softmax(batch.logits), labels),
        after=reliability_bins(batch.probabilities, labels),
        training=trained,
        curves=curves,
        ood_detector=fitted.choice.name,
        ood_validation=fitted.validation_scores[fitted.choice.name],
        ood_outliers=np.concatenate([scores[fitted.choice.name] for scores in fitted.outlier_scores.values()]),
        ood_test_share=float(batch.is_ood.mean()),
    )


def _bundle_info(
    evaluation: Evaluation,
    trained: TrainingInfo,
    fitted: FittedScoring,
    chosen: ChosenEngine,
    *,
    name: str,
    version: str,
) -> BundleInfo:
    metrics = {
        "accuracy": evaluation.accuracy.value,
        "accuracy_low": evaluation.accuracy.low,
        "accuracy_high": evaluation.accuracy.high,
        "test_images": evaluation.accuracy.images,
        "ece_before": calibration_error(evaluation.before),
        "ece_after": calibration_error(evaluation.after),
        "ood_auroc": {
            detector: float(np.mean(list(by_kind.values()))) for detector, by_kind in fitted.choice.auroc.items()
        },
        "ood_test_share": evaluation.ood_test_share,
        "evaluated": datetime.now(tz=UTC).date().isoformat(),
    }
    return BundleInfo(
        name=name,
        version=version,
        architecture=trained.architecture,
        classes=trained.classes,
        preprocess=trained.preprocess,
        preprocess_hash=trained.preprocess_hash,
        engine=chosen.record(),
        scoring=fitted.scoring,
        dataset_id=trained.dataset_id,
        code_version=__version__,
        metrics=metrics,
    )


def _write_reference(
    draft: Path, data: DatasetBundle, classifier: saccade_native.Classifier, info: BundleInfo, seed: int
) -> None:
    """Writes held-out answers as capture would record them: through the encoded bytes, as served."""
    generator = np.random.default_rng(derived_seed(seed, "reference"))
    test = generator.permutation(data.indices("test"))
    chosen = np.concatenate([data.indices("val"), test[: int(len(test) * REFERENCE_SHARE_OF_TEST)]])
    rows = np.sort(generator.permutation(chosen)[:MAX_REFERENCE_ROWS])
    ids, splits = np.asarray(data.index["id"])[rows], np.asarray(data.index["split"])[rows]
    answers = classifier.predict(data.images(rows))
    records = [
        capture_record(
            answer, info.classes, request_id=f"reference-{image_id}", model=info.name, version=info.version, image=None
        )
        | {"split": split, "true_label": info.classes[label]}
        for answer, image_id, split, label in zip(answers, ids, splits, data.labels[rows], strict=True)
    ]
    pq.write_table(pa.Table.from_pylist(records, schema=REFERENCE_SCHEMA), draft / REFERENCE_PARQUET)


def _write_golden(
    draft: Path, data: DatasetBundle, classifier: saccade_native.Classifier, info: BundleInfo, seed: int
) -> None:
    test = data.indices("test")
    rows = np.sort(np.random.default_rng(derived_seed(seed, "golden")).permutation(test)[:GOLDEN_IMAGES])
    images = data.images(rows)
    write_golden(draft, images, classifier.predict(images, with_views=False), info.classes)


def _write_calibration(draft: Path, evaluation: Evaluation, fitted: FittedScoring) -> None:
    bins = {
        when: {key: value.tolist() for key, value in asdict(of).items()}
        for when, of in (("before", evaluation.before), ("after", evaluation.after))
    }
    calibration = {
        "temperature": fitted.scoring["temperature"],
        "ece_before": calibration_error(evaluation.before),
        "ece_after": calibration_error(evaluation.after),
        "bins": bins,
        "ood_false_alarm_rate": OOD_FALSE_ALARM_RATE,
        "ood_auroc": fitted.choice.auroc,
    }
    write_json(draft / CALIBRATION_JSON, calibration)


def _check_gate(evaluation: Evaluation, min_accuracy: float | None, out: Path) -> None:
    reached = evaluation.accuracy.value
    if min_accuracy is not None and reached < min_accuracy:
        raise QualityGateError(
            f"Test accuracy {reached:.2%} is below the {min_accuracy:.2%} that was asked for. "
            f"The bundle is in '{out}'; its {REPORT_HTML} shows the mistakes."
        )
