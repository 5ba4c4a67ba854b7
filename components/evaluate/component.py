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
    engine: str,
    seed: int,
    content_id: str,
    code_id: str,
) -> dict:
    """Measures what will be served on the test split and completes the model bundle."""
    import json
    import shutil
    from pathlib import Path

    from saccade.core.artifacts import REPORT_HTML
    from saccade.steps.evaluate import evaluate as step

    result = step(
        Path(prepared.path),
        Path(training.path),
        Path(bundle.path),
        name=name,
        version=version,
        seed=seed,
        engine=engine,
    )
    figures = {key: result[key] for key in ("accuracy", "accuracy_low", "accuracy_high", "ece_before", "ece_after")}
    for key, value in figures.items():
        metrics.log_metric(key, value)
    confusion.log_confusion_matrix(result["confusion"]["labels"], result["confusion"]["matrix"])
    # The numbers live in the artifacts' metadata, but kfp's local cache takes an artifact without a file for lost.
    Path(metrics.path).write_text(json.dumps(figures))
    Path(confusion.path).write_text(json.dumps(result["confusion"]))
    shutil.copyfile(Path(bundle.path) / REPORT_HTML, report.path)
    return result
