"""publish: a model bundle becomes an archive that TorchServe loads."""

from pathlib import Path
from typing import Any

from saccade.core.log import logger
from saccade.serving.archive import write_archive
from saccade.steps.step import step


@step
def publish(bundle: Path, model_store: Path) -> dict[str, Any]:
    """Packs bundle into model_store, beside the server's config.properties. Returns the model's entry of its index.

    Raises BundleError when the bundle is not what its digests say, UsageError when its name cannot be served.
    """
    model = write_archive(bundle, model_store)
    logger.info(f"Published {model['name']} {model['version']} ({model['bytes'] / 1e6:.1f} MB) to '{model_store}'.")
    return model
