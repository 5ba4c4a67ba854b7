"""Captured answers and the bundle's reference in; verdict and Evidently report out."""

from kfp import dsl

from saccade_components.image import TRAIN_IMAGE


@dsl.component(base_image=TRAIN_IMAGE, install_kfp_package=False)
def drift(
    result: dsl.Output[dsl.Artifact],
    report: dsl.Output[dsl.HTML],
    capture: str,
    bundle: str,
    window: int,
    false_alarm_rate: float,
    seed: int,
) -> dict:
    """Tests the latest window of captured answers. window 0 takes the step's default."""
    import shutil
    from pathlib import Path

    from saccade.core.artifacts import DRIFT_HTML
    from saccade.steps.drift import drift as step

    verdict = step(
        Path(capture),
        Path(bundle),
        Path(result.path),
        window=window or None,
        false_alarm_rate=false_alarm_rate,
        seed=seed,
    )
    shutil.copyfile(Path(result.path) / DRIFT_HTML, report.path)
    return verdict
