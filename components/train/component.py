"""Prepared dataset and configuration in, weights and engine out."""

from kfp import dsl

from saccade_components.image import TRAIN_IMAGE


@dsl.component(base_image=TRAIN_IMAGE, install_kfp_package=False)
def train(
    prepared: dsl.Input[dsl.Dataset],
    tuning: dsl.Input[dsl.Artifact],
    training: dsl.Output[dsl.Model],
    architecture: str,
    epochs: float,
    seed: int,
    content_id: str,
    code_id: str,
) -> dict:
    """Trains one network. epochs 0 keeps the recipe's number."""
    from pathlib import Path

    from saccade.steps.train import train as step

    return step(
        Path(prepared.path),
        Path(training.path),
        tuning=Path(tuning.path),
        architecture=architecture or None,
        epochs=epochs or None,
        seed=seed,
    )
