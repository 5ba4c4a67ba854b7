"""Dataset bundle in, the same bundle with pixels at training size out."""

from kfp import dsl

from saccade_components.image import TRAIN_IMAGE


@dsl.component(base_image=TRAIN_IMAGE, install_kfp_package=False)
def prepare(
    dataset: dsl.Input[dsl.Dataset],
    prepared: dsl.Output[dsl.Dataset],
    size: int,
    balance: str,
    seed: int,
    content_id: str,
    code_id: str,
) -> dict:
    """Decodes and resizes every image once. size 0 lets the step choose."""
    from pathlib import Path

    from saccade.steps.prepare import prepare as step

    return step(Path(dataset.path), Path(prepared.path), size=size or None, balance=balance, seed=seed)
