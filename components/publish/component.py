"""Model bundle in, TorchServe model store out."""

from kfp import dsl

from saccade_components.image import TRAIN_IMAGE


@dsl.component(base_image=TRAIN_IMAGE, install_kfp_package=False)
def publish(
    bundle: dsl.Input[dsl.Model],
    model_store: dsl.Output[dsl.Artifact],
    content_id: str,
    code_id: str,
) -> dict:
    """Packs the bundle into an archive with the server's configuration beside it."""
    from pathlib import Path

    from saccade.steps.publish import publish as step

    return step(Path(bundle.path), Path(model_store.path))
