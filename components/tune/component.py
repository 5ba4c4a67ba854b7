"""Prepared dataset in, the training configuration that did best out."""

from kfp import dsl

from saccade_components.image import TRAIN_IMAGE


@dsl.component(base_image=TRAIN_IMAGE, install_kfp_package=False)
def tune(
    prepared: dsl.Input[dsl.Dataset],
    tuning: dsl.Output[dsl.Artifact],
    architecture: str,
    trials: int,
    seconds: float,
    seed: int,
    content_id: str,
    code_id: str,
) -> dict:
    """Searches with Ray Tune. architecture '' lets the step choose by image size."""
    from pathlib import Path

    from saccade.steps.tune import tune as step

    return step(
        Path(prepared.path),
        Path(tuning.path),
        architecture=architecture or None,
        trials=trials,
        seconds=seconds,
        seed=seed,
    )
