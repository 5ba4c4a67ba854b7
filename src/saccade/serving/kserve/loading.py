"""A source becomes a predictor that was verified, with a golden image to ask it."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from saccade.core.errors import BundleError
from saccade.serving.golden import surest_golden
from saccade.serving.model_store import ARCHIVED_BUNDLE
from saccade.serving.predictor import Predictor
from saccade.serving.sources import Source


@dataclass(frozen=True)
class LoadedModel:
    """A predictor, the digest of what it was loaded from, and the golden image that shows best that it works."""

    predictor: Predictor
    digest: str
    golden: bytes
    golden_label: str


def load_model(source: Source, threads: int) -> LoadedModel:
    """Copies, checks, loads and verifies one model. Takes seconds.

    Raises BundleError, whose text names the model and no temporary directory, for what must not be served.
    """
    with tempfile.TemporaryDirectory(prefix="saccade-model-") as private:
        try:
            bundle = source.bundle(Path(private))
            predictor = Predictor(bundle, threads=threads)
        except BundleError as error:
            name = f"{source.name} {source.version}"
            raise BundleError(str(error).replace(f"{private}/{ARCHIVED_BUNDLE}", name)) from error
        _check_identity(source, predictor)
        return LoadedModel(predictor, source.digest, *surest_golden(bundle))


def _check_identity(source: Source, predictor: Predictor) -> None:
    found = predictor.info.name, predictor.info.version
    if found != (source.name, source.version):
        raise BundleError(
            f"The archive of '{source.name}' {source.version} holds '{found[0]}' {found[1]}. Publish it again."
        )
