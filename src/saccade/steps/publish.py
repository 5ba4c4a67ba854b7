"""publish: a model bundle becomes an archive that TorchServe loads."""

from pathlib import Path
from typing import Any

from saccade.core.log import logger
from saccade.serving.archive import write_archive
from saccade.steps.step import step


@step
def publish(bundle: Path, model_store: Path, *, keep_versions: int = 0, sign_key: Path | None = None) -> dict[str, Any]:
    """Packs bundle into model_store, beside the server's config.properties. Returns the model's entry of its index.

    keep_versions: how many older versions of the model stay served.   sign_key: an Ed25519 private key in PEM.
    Raises BundleError when the bundle is not what its digests say, UsageError when its name cannot be served.
    """
    model = write_archive(bundle, model_store, keep_versions=keep_versions, sign_key=sign_key)
    signed = "" if sign_key is None else ", signed"
    logger.info(
        f"Published {model['name']} {model['version']} ({model['bytes'] / 1e6:.1f} MB{signed}) to '{model_store}'."
    )
    return model
