"""The predictor of a real bundle, and of that bundle with one thing changed."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import saccade_native
from saccade.core.artifacts import BUNDLE_JSON, ENGINE_BIN, ENGINE_XML, OOD_NPZ, BundleInfo, file_digests
from saccade.core.errors import BundleError
from saccade.preprocess.spec import PreprocessSpec
from saccade.serving.predictor import Predictor, build_classifier


@pytest.fixture
def bundle(colour_bundle, tmp_path) -> Path:
    """A copy of the bundle, to be changed."""
    return Path(shutil.copytree(colour_bundle, tmp_path / "bundle"))


def rewrite(bundle: Path, **changes: Any) -> None:
    """Changes bundle.json, and its digests so that they fit the files."""
    info = asdict(BundleInfo.load(bundle / BUNDLE_JSON))
    BundleInfo(**{**info, "files": file_digests(bundle), **changes}).save(bundle / BUNDLE_JSON)


def test_predictor_answers_images_of_any_size_and_kind(colour_bundle, colour_image):
    predictor = Predictor(colour_bundle, threads=2)
    images = [
        colour_image("red", 1),
        colour_image("green", 2, size=(40, 33)),
        colour_image("blue", 3, size=(90, 20), kind="JPEG"),
    ]
    answers = predictor.predict(images)
    assert [predictor.info.classes[answer.label] for answer in answers] == ["red", "green", "blue"]
    assert [(answer.width, answer.height) for answer in answers] == [(16, 16), (40, 33), (90, 20)]
    assert all(set(answer.scores) == {"energy", "isolation_forest"} for answer in answers)


def test_bad_image_harms_no_neighbour(colour_bundle, colour_image):
    bad, good = Predictor(colour_bundle).predict([b"no image", colour_image("red", 1)])
    assert isinstance(bad.error, saccade_native.Error)
    assert good.error is None


def test_predictor_says_what_it_serves_and_how(colour_bundle):
    predictor = Predictor(colour_bundle)
    assert (predictor.info.name, predictor.info.version) == ("colours", "7")
    assert predictor.precision in {"bf16", "f32"}


def test_float32_bundle_is_served_in_float32(bundle):
    rewrite(bundle, engine={"kind": "openvino", "precision": "f32"})
    assert Predictor(bundle).precision == "f32"


def test_directory_without_bundle_is_refused(tmp_path):
    with pytest.raises(BundleError, match=r"bundle\.json"):
        Predictor(tmp_path)


def append(file: Path) -> None:
    with file.open("ab") as stream:
        stream.write(b" ")


@pytest.mark.parametrize("name", [ENGINE_XML, ENGINE_BIN, OOD_NPZ, "golden/answers.json", "golden/0.image"])
def test_altered_file_is_refused_by_name(bundle, name):
    append(bundle / name)
    with pytest.raises(BundleError, match=f"was altered in {name}"):
        Predictor(bundle)


def test_missing_file_is_refused_by_name(bundle):
    (bundle / ENGINE_BIN).unlink()
    with pytest.raises(BundleError, match=f"lacks {ENGINE_BIN}"):
        Predictor(bundle)


def test_added_file_is_refused_by_name(bundle):
    (bundle / "golden" / "more.image").write_bytes(b"")
    with pytest.raises(BundleError, match=r"holds golden/more\.image, which its maker did not write"):
        Predictor(bundle)


def other_hash(info: BundleInfo) -> dict[str, Any]:
    return {"preprocess_hash": "0" * 64}


def other_lines(info: BundleInfo) -> dict[str, Any]:
    return {"preprocess": ["decode", "resize_short(16)", "center_crop(16)", info.preprocess[-1]]}


def unknown_line(info: BundleInfo) -> dict[str, Any]:
    return {"preprocess": ["decode", "resize(16,16)", "blur(3)"]}


def swapped_normalisation(info: BundleInfo) -> dict[str, Any]:
    """The hash fits its lines, but training normalised otherwise: only the golden answers can tell."""
    spec = PreprocessSpec.parse(["decode", "resize(16,16)", "normalize(0.9,0.1,0.4;0.2,0.1,0.3)"])
    return {"preprocess": list(spec.steps), "preprocess_hash": spec.hash}


def one_class_more(info: BundleInfo) -> dict[str, Any]:
    return {"classes": [*info.classes, "violet"]}


def other_engine(info: BundleInfo) -> dict[str, Any]:
    return {"engine": {"kind": "aotinductor"}}


def unknown_precision(info: BundleInfo) -> dict[str, Any]:
    return {"engine": {"kind": "openvino", "precision": "int4"}}


def unknown_scoring(info: BundleInfo) -> dict[str, Any]:
    return {"scoring": {**info.scoring, "sharpness": 2}}


def impossible_temperature(info: BundleInfo) -> dict[str, Any]:
    return {"scoring": {**info.scoring, "temperature": -1.0}}


def other_temperature(info: BundleInfo) -> dict[str, Any]:
    return {"scoring": {**info.scoring, "temperature": 50.0}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (other_hash, "was made with preprocessing 000000000000, this version prepares images as"),
        (other_lines, "was made with preprocessing"),
        (unknown_line, r"preprocessing that this version does not know: Step 'blur\(3\)'"),
        (swapped_normalisation, "golden images of .* are answered with probabilities"),
        (one_class_more, "Bundle has 4 class names but the model returns 3 scores"),
        (other_engine, "has the engine .*aotinductor"),
        (unknown_precision, "no precision 'int4'"),
        (unknown_scoring, "sharpness.* has a key or a type that this version does not know"),
        (impossible_temperature, "temperature is -1"),
        (other_temperature, "golden images of .* are answered with probabilities"),
    ],
)
def test_bundle_that_would_answer_otherwise_is_refused_with_the_reason(
    bundle, change: Callable[[BundleInfo], dict[str, Any]], message
):
    rewrite(bundle, **change(BundleInfo.load(bundle / BUNDLE_JSON)))
    with pytest.raises(BundleError, match=message):
        Predictor(bundle)


def test_damaged_model_with_fitting_digests_is_refused(bundle):
    (bundle / ENGINE_XML).write_text("<?xml version='1.0'?>", encoding="utf-8")
    rewrite(bundle)
    with pytest.raises(BundleError, match=f"{ENGINE_XML}.*missing or damaged"):
        Predictor(bundle)


def test_forest_whose_trees_run_in_circles_is_refused(bundle):
    with np.load(bundle / OOD_NPZ) as archive:
        arrays = dict(archive)
    arrays["left"][:] = 0
    np.savez(bundle / OOD_NPZ, **arrays)
    rewrite(bundle)
    with pytest.raises(BundleError, match="child out of place"):
        Predictor(bundle)


def test_classifier_before_a_bundle_has_native_defaults(colour_bundle, colour_image):
    info = BundleInfo.load(colour_bundle / BUNDLE_JSON)
    classifier = build_classifier(colour_bundle / ENGINE_XML, PreprocessSpec.parse(info.preprocess), {})
    answer = classifier.predict([colour_image("green", 5)])[0]
    assert info.classes[answer.label] == "green"
    assert list(answer.scores) == ["energy"]
    assert len(answer.top_k) == 3


def test_scoring_of_the_bundle_reaches_the_classifier(bundle, colour_image):
    """The stored threshold decides: moved to either side of a score, it turns the verdict."""
    image = colour_image("green", 5)
    score = Predictor(bundle).predict([image])[0].ood_score
    scoring = json.loads((bundle / BUNDLE_JSON).read_text(encoding="utf-8"))["scoring"]
    for threshold, is_ood in ((score - 1e-3, True), (score + 1e-3, False)):
        rewrite(bundle, scoring={**scoring, "ood_threshold": threshold})
        assert Predictor(bundle).predict([image])[0].is_ood == is_ood
