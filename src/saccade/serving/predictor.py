"""A model bundle as a predictor: verified before it answers, native when it does."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import saccade_native
from saccade.core.artifacts import BUNDLE_JSON, OOD_NPZ, BundleInfo, file_digests
from saccade.core.errors import BundleError, SpecError
from saccade.ood.forest_arrays import load_ood
from saccade.preprocess.spec import PreprocessSpec
from saccade.serving.engines import ENGINE_FILES, engine_module
from saccade.serving.golden import check_golden


class Predictor:
    """Answers encoded images as the bundle's evaluation did. May be called from several threads."""

    def __init__(self, bundle: Path, *, threads: int = 0) -> None:
        """Loads and verifies the bundle.

        threads: of native code; 0 takes every processor this process may use.
        Raises BundleError when a file differs from its digest, when this library prepares images in another way than
        the bundle's training did, when the engine is of another kind, or when the golden images are answered otherwise.
        """
        self.info = BundleInfo.load(bundle / BUNDLE_JSON)
        _check_digests(bundle, self.info)
        _check_engine(bundle, self.info)
        self._classifier = build_classifier(
            bundle / ENGINE_FILES[self.info.engine["kind"]][0],
            _checked_spec(bundle, self.info),
            self.info.scoring,
            ood_npz=bundle / OOD_NPZ,
            precision=self.info.engine["precision"],
            threads=threads,
        )
        _check_classes(self._classifier, self.info)
        check_golden(bundle, self._classifier)

    @property
    def precision(self) -> str:
        """'f32', 'bf16' or 'int8': what the engine really uses on this processor."""
        return self._classifier.precision

    def predict(self, images: Sequence[bytes]) -> list[saccade_native.Answer]:
        """Returns one answer an image, in order. A bad image has its own .error and harms no neighbour."""
        return self._classifier.predict(images)


def build_classifier(
    engine: Path,
    spec: PreprocessSpec,
    scoring: Mapping[str, Any],
    *,
    ood_npz: Path | None = None,
    precision: str = "bf16",
    threads: int = 0,
) -> saccade_native.Classifier:
    """Returns the native classifier of an engine's file.

    engine: one of ENGINE_FILES, by its name.   precision: of OpenVINO; an inductor package was compiled for one.
    scoring: as in bundle.json: temperature, top_k, views, view_threshold, ood_detector, ood_threshold; what is left out
    has the native default.   ood_npz: the isolation forest, or None before one is fitted.
    Raises BundleError for a model, a forest or a value that native code refuses.
    """
    try:
        views = [saccade_native.View(**view) for view in scoring.get("views", [{}])]
        native = saccade_native.Scoring(**{**scoring, "views": views, "forest": _forest(ood_npz)})
        return saccade_native.Classifier(
            str(engine), spec.native, native, precision=precision, threads=threads, engine_module=engine_module(engine)
        )
    except saccade_native.Error as error:
        raise BundleError(str(error)) from error
    except TypeError as error:
        raise BundleError(
            f"The scoring {dict(scoring)} has a key or a type that this version does not know. "
            "Evaluate again, or serve with the version that made it."
        ) from error


def _forest(ood_npz: Path | None) -> saccade_native.IsolationForest | None:
    return None if ood_npz is None else saccade_native.IsolationForest(**vars(load_ood(ood_npz)))


def _check_digests(bundle: Path, info: BundleInfo) -> None:
    found = file_digests(bundle)
    if missing := sorted(info.files.keys() - found.keys()):
        raise BundleError(f"'{bundle}' lacks {', '.join(missing)}. Copy the whole bundle again.")
    if added := sorted(found.keys() - info.files.keys()):
        raise BundleError(
            f"'{bundle}' holds {', '.join(added)}, which its maker did not write. Copy the whole bundle again."
        )
    if altered := sorted(name for name, digest in info.files.items() if found[name] != digest):
        raise BundleError(f"'{bundle}' was altered in {', '.join(altered)}. Copy the whole bundle again.")


def _check_engine(bundle: Path, info: BundleInfo) -> None:
    if info.engine.get("kind") not in ENGINE_FILES or "precision" not in info.engine:
        raise BundleError(
            f"'{bundle}' has the engine {info.engine}; this version runs kind {' or '.join(ENGINE_FILES)} with a "
            "precision. Serve it with the version that made it."
        )


def _checked_spec(bundle: Path, info: BundleInfo) -> PreprocessSpec:
    try:
        spec = PreprocessSpec.parse(info.preprocess)
    except SpecError as error:
        raise BundleError(f"'{bundle}' has a preprocessing that this version does not know: {error}") from error
    if spec.hash != info.preprocess_hash:
        raise BundleError(
            f"'{bundle}' was made with preprocessing {info.preprocess_hash[:12]}, this version prepares images as "
            f"{spec.hash[:12]}. Serve it with the version that made it, or train again."
        )
    return spec


def _check_classes(classifier: saccade_native.Classifier, info: BundleInfo) -> None:
    if classifier.classes != len(info.classes):
        raise BundleError(
            f"Bundle has {len(info.classes)} class names but the model returns {classifier.classes} scores. "
            "Package it again from the run that trained it."
        )
