"""Weights and engine in; model bundle, metrics and report out."""

from kfp import dsl

from saccade_components.image import TRAIN_IMAGE


@dsl.component(base_image=TRAIN_IMAGE, install_kfp_package=False)
def evaluate(
    prepared: dsl.Input[dsl.Dataset],
    training: dsl.Input[dsl.Model],
    bundle: dsl.Output[dsl.Model],
    metrics: dsl.Output[dsl.Metrics],
    confusion: dsl.Output[dsl.ClassificationMetrics],
    report: dsl.Output[dsl.HTML],
    name: str,
    version: str,
    seed: int,
    content_id: str,
    code_id: str,
) -> dict:
    """Measures what will be served on the test split and completes the model bundle."""
    import shutil
    from pathlib import Path

    from saccade.core.artifacts import REPORT_HTML
    from saccade.steps.evaluate import evaluate as step

    result = step(Path(prepared.path), Path(training.path), Path(bundle.path), name=name, version=version, seed=seed)
    for key in ("accuracy", "accuracy_low", "accuracy_high", "ece_before", "ece_after"):
        metrics.log_metric(key, result[key])
    confusion.log_confusion_matrix(result["confusion"]["labels"], result["confusion"]["matrix"])
    shutil.copyfile(Path(bundle.path) / REPORT_HTML, report.path)
    return result
