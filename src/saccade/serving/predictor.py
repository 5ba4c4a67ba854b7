"""A model bundle as a predictor: verified before it answers, native when it does."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import saccade_native
from saccade.core.artifacts import (
    BUNDLE_JSON,
    ENGINE_XML,
    GOLDEN_ANSWERS_JSON,
    GOLDEN_DIR,
    OOD_NPZ,
    BundleInfo,
    file_digests,
)
from saccade.core.errors import BundleError
from saccade.core.files import write_json
from saccade.ood.forest_arrays import load_ood
from saccade.preprocess.spec import PreprocessSpec

# Another processor or precision (bfloat16 against float32) moves a probability this far; wrong pixels move it further.
GOLDEN_TOLERANCE = 0.05


class Predictor:
    """Answers encoded images as the bundle's evaluation did.

    Raises BundleError when a file differs from its digest, when this library prepares images in another way than the
    bundle's training did, or when a golden image is answered differently.
    """

    def __init__(self, bundle: Path, *, threads: int = 0) -> None:
        """threads: of native code; 0 takes every processor this process may use."""
        self.info = BundleInfo.load(bundle / BUNDLE_JSON)
        _check_digests(bundle, self.info)
        spec = PreprocessSpec.parse(self.info.preprocess)
        if spec.hash != self.info.preprocess_hash:
            raise BundleError(
                f"'{bundle}' was made with preprocessing {self.info.preprocess_hash[:12]}, this library prepares "
                f"images as {spec.hash[:12]}. Serve it with the version that made it, or train again."
            )
        self._classifier = build_classifier(
            bundle / ENGINE_XML,
            spec,
            self.info.scoring,
            ood_npz=bundle / OOD_NPZ,
            precision=self.info.engine["precision"],
            threads=threads,
        )
        _check_classes(self._classifier, self.info)
        self._check_golden(bundle)

    @property
    def precision(self) -> str:
        """'bf16' or 'f32': what the engine really uses on this processor."""
        return self._classifier.precision

    def predict(self, images: Sequence[bytes]) -> list[saccade_native.Answer]:
        """Returns one answer an image, in order. A bad image has its own .error and harms no neighbour."""
        return self._classifier.predict(images)

    def _check_golden(self, bundle: Path) -> None:
        golden = json.loads((bundle / GOLDEN_DIR / GOLDEN_ANSWERS_JSON).read_text(encoding="utf-8"))
        answers = self.predict([(bundle / GOLDEN_DIR / entry["file"]).read_bytes() for entry in golden])
        for entry, answer in zip(golden, answers, strict=True):
            if answer.error is not None:
                raise BundleError(f"Golden image '{entry['file']}' of '{bundle}' is refused: {answer.error}")
            expected = np.asarray(entry["probabilities"])
            difference = float(np.abs(answer.probabilities - expected).max())
            if difference > GOLDEN_TOLERANCE:
                raise BundleError(
                    f"Golden image '{entry['file']}' of '{bundle}' is answered {difference:.3f} away from its "
                    f"probabilities; {GOLDEN_TOLERANCE} is allowed. Serve the bundle with the version that made it."
                )


def build_classifier(
    engine_xml: Path,
    spec: PreprocessSpec,
    scoring: Mapping[str, Any],
    *,
    ood_npz: Path | None = None,
    precision: str = "bf16",
    threads: int = 0,
) -> saccade_native.Classifier:
    """Returns the native classifier of an engine file.

    scoring: as in bundle.json: temperature, top_k, views, view_threshold, ood_detector, ood_threshold; what is left out
    has the native default.   ood_npz: the isolation forest, or None before one is fitted.
    Raises BundleError for a model or a value that native code refuses.
    """
    try:
        views = [saccade_native.View(**view) for view in scoring.get("views", [{}])]
        native = saccade_native.Scoring(**{**scoring, "views": views, "forest": _forest(ood_npz)})
        return saccade_native.Classifier(str(engine_xml), spec.native, native, precision=precision, threads=threads)
    except saccade_native.Error as error:
        raise BundleError(str(error)) from error


def write_golden(
    bundle: Path, images: Sequence[bytes], answers: Sequence[saccade_native.Answer], classes: Sequence[str]
) -> None:
    """Writes images and their answers into bundle/golden, for every server to repeat before it reports ready."""
    directory = bundle / GOLDEN_DIR
    directory.mkdir()
    entries = []
    for number, (image, answer) in enumerate(zip(images, answers, strict=True)):
        file = f"{number}.image"
        (directory / file).write_bytes(image)
        probabilities = [round(float(probability), 6) for probability in answer.probabilities]
        entries.append({"file": file, "label": classes[answer.label], "probabilities": probabilities})
    write_json(directory / GOLDEN_ANSWERS_JSON, entries)


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


def _check_classes(classifier: saccade_native.Classifier, info: BundleInfo) -> None:
    if classifier.classes != len(info.classes):
        raise BundleError(
            f"Bundle has {len(info.classes)} class names but the model returns {classifier.classes} scores. "
            "Package it again from the run that trained it."
        )
