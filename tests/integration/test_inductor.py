"""A bundle whose network torch compiled for this CPU: answers, and what refuses to load. One compilation for all."""

import shutil
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import saccade_native
from saccade.core.artifacts import (
    BUNDLE_JSON,
    ENGINE_PT2,
    ENGINE_XML,
    TRAINING_JSON,
    WEIGHTS,
    BundleInfo,
    TrainingInfo,
    file_digests,
)
from saccade.core.errors import BundleError
from saccade.data.bundle import DatasetBundle
from saccade.models.export import export_openvino
from saccade.models.registry import build_model
from saccade.preprocess.spec import PreprocessSpec
from saccade.serving.predictor import Predictor, build_classifier
from saccade.steps.evaluate import evaluate

pytestmark = pytest.mark.integration

SIDE_PX = 16
WIDTH = 0.25


def network() -> nn.Module:
    """An untrained network of the main job's architecture whose logits differ from image to image."""
    torch.manual_seed(0)
    model = build_model("custom_cnn", 3, SIDE_PX, WIDTH)
    model.whitening.fit(torch.randn(8, 3, SIDE_PX, SIDE_PX), epsilon=1e-3)  # else its filters are zero
    return model.eval()


@pytest.fixture(scope="module")
def training(colour_training, tmp_path_factory) -> Path:
    """What `train` would leave of that network."""
    directory = Path(shutil.copytree(colour_training / "training", tmp_path_factory.mktemp("inductor") / "training"))
    model = network()
    export_openvino(model, SIDE_PX, directory)
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, directory / WEIGHTS)
    info = TrainingInfo.load(directory / TRAINING_JSON)
    replace(info, architecture="custom_cnn", config={"width": WIDTH}).save(directory / TRAINING_JSON)
    return directory


@pytest.fixture(scope="module")
def inductor_bundle(colour_training, training) -> Path:
    """The evaluated bundle of that training, with the engine that torch compiles."""
    out = training.parent / "bundle"
    evaluate(colour_training / "prepared", training, out, engine="inductor")
    return out


@pytest.fixture
def bundle(inductor_bundle, tmp_path) -> Path:
    """A copy of the bundle, to be changed."""
    return Path(shutil.copytree(inductor_bundle, tmp_path / "bundle"))


def rewrite_digests(bundle: Path) -> None:
    info = asdict(BundleInfo.load(bundle / BUNDLE_JSON))
    BundleInfo(**{**info, "files": file_digests(bundle)}).save(bundle / BUNDLE_JSON)


def logits_of(engine: Path, pixels: np.ndarray, spec: PreprocessSpec, threads: int = 0) -> np.ndarray:
    return build_classifier(engine, spec, {}, precision="f32", threads=threads).predict_pixels(pixels).logits


@pytest.mark.parametrize("images", [1, 2, 70])  # 70 are more than go through an engine at once
def test_compiled_engine_agrees_with_torch_and_openvino(inductor_bundle, training, colour_training, images):
    data = DatasetBundle.open(colour_training / "prepared")
    spec = PreprocessSpec.parse(TrainingInfo.load(training / TRAINING_JSON).preprocess)
    pixels = data.pixels[:images]
    tensors = np.empty((images, 3, SIDE_PX, SIDE_PX), np.float32)
    saccade_native.normalize(pixels, spec.native, tensors)
    model = build_model("custom_cnn", 3, SIDE_PX, WIDTH)
    model.load_state_dict(load_file(inductor_bundle / WEIGHTS))
    with torch.inference_mode():
        eager = model.eval()(torch.from_numpy(tensors))[0].numpy()

    compiled = logits_of(inductor_bundle / ENGINE_PT2, pixels, spec)

    tolerance = 1e-4 * np.abs(eager).max()
    np.testing.assert_allclose(compiled, eager, rtol=0, atol=tolerance)
    np.testing.assert_allclose(compiled, logits_of(training / ENGINE_XML, pixels, spec), rtol=0, atol=tolerance)


def test_number_of_threads_changes_no_answer(inductor_bundle, colour_training):
    data = DatasetBundle.open(colour_training / "prepared")
    spec = PreprocessSpec.parse(BundleInfo.load(inductor_bundle / BUNDLE_JSON).preprocess)
    one, two = (logits_of(inductor_bundle / ENGINE_PT2, data.pixels[:5], spec, threads) for threads in (1, 2))
    np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-4 * np.abs(one).max())


def test_bundle_holds_and_names_the_compiled_engine_alone(inductor_bundle):
    info = BundleInfo.load(inductor_bundle / BUNDLE_JSON)
    assert (info.engine["kind"], info.engine["precision"]) == ("inductor", "f32")
    assert [each["engine"] for each in info.engine["candidates"]] == ["f32", "inductor"]
    assert ENGINE_PT2 in info.files
    assert ENGINE_XML not in info.files


def test_predictor_answers_from_the_compiled_engine(inductor_bundle, training, colour_image):
    info = BundleInfo.load(inductor_bundle / BUNDLE_JSON)
    spec = PreprocessSpec.parse(info.preprocess)
    images = [colour_image(label, seed) for seed, label in enumerate(["red", "green", "blue"] * 3)]
    by_openvino = build_classifier(training / ENGINE_XML, spec, {}, precision="f32").predict(images)

    answers = Predictor(inductor_bundle).predict(images)  # verifies digests and golden answers

    assert [answer.label for answer in answers] == [answer.label for answer in by_openvino]


def test_altered_package_is_refused_before_its_code_is_loaded(bundle):
    with (bundle / ENGINE_PT2).open("ab") as package:
        package.write(b" ")
    with pytest.raises(BundleError, match=f"altered in {ENGINE_PT2}"):
        Predictor(bundle)


def test_damaged_package_with_fitting_digests_is_refused(bundle):
    (bundle / ENGINE_PT2).write_bytes(b"no package")
    rewrite_digests(bundle)
    with pytest.raises(BundleError, match="missing or damaged"):
        Predictor(bundle)


def test_package_for_images_of_another_size_is_refused(inductor_bundle):
    spec = PreprocessSpec.parse(["decode", "resize(24,24)"])
    with pytest.raises(BundleError, match="takes images of 16x16 pixels, not 24x24"):
        build_classifier(inductor_bundle / ENGINE_PT2, spec, {})


def test_bundle_without_its_module_says_what_to_install(inductor_bundle, monkeypatch):
    monkeypatch.setitem(sys.modules, "saccade_native_torch", None)  # as where it is not installed
    with pytest.raises(BundleError, match="Install saccade-native-torch"):
        Predictor(inductor_bundle)
