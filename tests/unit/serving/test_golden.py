import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from saccade.core.artifacts import BUNDLE_JSON, ENGINE_XML, BundleInfo
from saccade.core.errors import BundleError
from saccade.preprocess.spec import PreprocessSpec
from saccade.serving.golden import GOLDEN_TOLERANCE, check_golden, write_golden
from saccade.serving.predictor import build_classifier

CLASSES = ["blue", "green", "red"]


@pytest.fixture
def classifier(colour_bundle):
    info = BundleInfo.load(colour_bundle / BUNDLE_JSON)
    return build_classifier(colour_bundle / ENGINE_XML, PreprocessSpec.parse(info.preprocess), {})


@pytest.fixture
def bundle(tmp_path, classifier, colour_image) -> Path:
    """A directory with the golden answers of three images."""
    images = [colour_image(label, 11) for label in CLASSES]
    write_golden(tmp_path, images, classifier.predict(images, with_views=False), CLASSES)
    return tmp_path


def entries_of(bundle: Path) -> list[dict]:
    return json.loads((bundle / "golden" / "answers.json").read_text(encoding="utf-8"))


def write_entries(bundle: Path, entries: object) -> None:
    (bundle / "golden" / "answers.json").write_text(json.dumps(entries), encoding="utf-8")


def test_golden_answers_hold_file_label_and_probabilities(bundle, classifier, colour_image):
    entries = entries_of(bundle)
    assert [(entry["file"], entry["label"]) for entry in entries] == [
        ("0.image", "blue"),
        ("1.image", "green"),
        ("2.image", "red"),
    ]
    assert (bundle / "golden" / "2.image").read_bytes() == colour_image("red", 11)
    expected = classifier.predict([colour_image("red", 11)])[0].probabilities
    np.testing.assert_allclose(entries[2]["probabilities"], expected, atol=1e-6)


def test_same_classifier_passes(bundle, classifier):
    check_golden(bundle, classifier)


@pytest.mark.parametrize(("share", "passes"), [(0.9, True), (1.1, False)])
def test_mean_difference_up_to_the_tolerance_passes(bundle, classifier, share, passes):
    """One image of three moved by three times the tolerance, times share."""
    entries = entries_of(bundle)
    moved = entries[1]["probabilities"]
    moved[0] += 3 * share * GOLDEN_TOLERANCE
    write_entries(bundle, entries)
    if passes:
        check_golden(bundle, classifier)
    else:
        with pytest.raises(BundleError, match=r"probabilities 0\.033 away.*evaluate again"):
            check_golden(bundle, classifier)


def test_swapped_images_are_refused(bundle, classifier):
    shutil.copyfile(bundle / "golden" / "0.image", bundle / "golden" / "1.image")
    with pytest.raises(BundleError, match="away from those of its evaluation"):
        check_golden(bundle, classifier)


def test_refused_image_is_told(bundle, classifier):
    (bundle / "golden" / "1.image").write_bytes(b"no image")
    with pytest.raises(BundleError, match=r"golden image of .* is refused"):
        check_golden(bundle, classifier)


def test_answers_of_another_number_of_classes_are_refused(bundle, classifier):
    write_entries(bundle, [{**entry, "probabilities": [0.5, 0.5]} for entry in entries_of(bundle)])
    with pytest.raises(BundleError, match="have 2 probabilities, the model 3"):
        check_golden(bundle, classifier)


@pytest.mark.parametrize("entries", [[], {}, [1], [{"file": "0.image"}], [{"file": "9.image", "probabilities": [1]}]])
def test_answers_that_cannot_be_read_are_refused(bundle, classifier, entries):
    write_entries(bundle, entries)
    with pytest.raises(BundleError, match="golden answers"):
        check_golden(bundle, classifier)


def test_probability_that_is_no_number_is_refused(bundle, classifier):
    entries = entries_of(bundle)
    entries[0]["probabilities"][0] = float("nan")
    write_entries(bundle, entries)
    with pytest.raises(BundleError, match="nan away"):
        check_golden(bundle, classifier)
