"""The int8 engine of a network that reads handwritten digits, against its float32 engine."""

import sys
from pathlib import Path

import numpy as np
import openvino
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

import saccade_native
from saccade.core.artifacts import ENGINE_BIN, ENGINE_XML
from saccade.core.errors import UsageError
from saccade.models.export import export_openvino
from saccade.models.quantize import quantize_int8
from saccade.preprocess.spec import PreprocessSpec
from saccade.serving.predictor import build_classifier

SIDE_PX = 8
FITTED = 1_000  # digits that the head is fitted on; the others measure
SPEC = PreprocessSpec.parse(["decode", f"resize({SIDE_PX},{SIDE_PX})", "normalize(0.3,0.3,0.3;0.35,0.35,0.35)"])


class RandomFeatures(nn.Module):
    """Two random convolutions and a linear head, which `fit` finds by least squares: no training, yet real accuracy."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 32, 3, padding=1), nn.Conv2d(32, 64, 3, stride=2, padding=1)
        self.head = nn.Linear(64 * 16, 10)

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = self.features(pixels)
        return self.head(features), features

    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        return nn.functional.gelu(self.second(nn.functional.gelu(self.first(pixels)))).flatten(1)

    @torch.no_grad()
    def fit(self, pixels: torch.Tensor, labels: np.ndarray) -> None:
        features = self.features(pixels).double()
        centred = torch.cat([features, torch.ones(len(features), 1)], dim=1)
        gram = centred.T @ centred + torch.eye(centred.shape[1])
        solution = torch.linalg.solve(gram, centred.T @ torch.eye(10, dtype=torch.float64)[labels])
        self.head.weight.copy_(solution[:-1].T)
        self.head.bias.copy_(solution[-1])


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """(N, 8, 8, 3) uint8 pixels and (N,) labels."""
    found = load_digits()
    return np.repeat((found.images * 15.9).astype(np.uint8)[..., None], 3, axis=3), found.target


@pytest.fixture(scope="module")
def engines(digits, tmp_path_factory) -> tuple[Path, Path]:
    """Directories of the float32 and of the int8 engine."""
    torch.manual_seed(0)
    exact, quantised = tmp_path_factory.mktemp("exact"), tmp_path_factory.mktemp("quantised")
    pixels, labels = digits
    tensors = np.empty((FITTED, 3, SIDE_PX, SIDE_PX), np.float32)
    saccade_native.normalize(pixels[:FITTED], SPEC.native, tensors)
    network = RandomFeatures()
    network.fit(torch.from_numpy(tensors), labels[:FITTED])
    export_openvino(network, SIDE_PX, exact)
    quantize_int8(exact / ENGINE_XML, pixels[:300], SPEC, quantised)
    return exact, quantised


def accuracy(directory: Path, precision: str, digits: tuple[np.ndarray, np.ndarray]) -> float:
    pixels, labels = digits
    classifier = build_classifier(directory / ENGINE_XML, SPEC, {}, precision=precision)
    return float((classifier.predict_pixels(pixels[FITTED:]).logits.argmax(axis=1) == labels[FITTED:]).mean())


def test_int8_engine_is_as_accurate_as_float32(engines, digits):
    exact, quantised = engines
    float32 = accuracy(exact, "f32", digits)
    assert float32 > 0.9
    assert accuracy(quantised, "int8", digits) >= float32 - 0.003


def test_int8_engine_has_the_same_interface_and_quarter_the_weights(engines):
    exact, quantised = (openvino.Core().read_model(directory / ENGINE_XML) for directory in engines)
    for mine, theirs in zip(quantised.inputs + quantised.outputs, exact.inputs + exact.outputs, strict=True):
        assert mine.get_names() == theirs.get_names()
        assert mine.get_partial_shape() == theirs.get_partial_shape()
        assert mine.get_element_type() == theirs.get_element_type()
    float32_bytes, int8_bytes = ((directory / ENGINE_BIN).stat().st_size for directory in engines)
    assert int8_bytes < 0.4 * float32_bytes


def test_classifier_says_int8(engines):
    _, quantised = engines
    assert build_classifier(quantised / ENGINE_XML, SPEC, {}, precision="int8").precision == "int8"


def test_quantising_prints_nothing_on_stdout(engines, digits, tmp_path, capfd):
    exact, _ = engines
    quantize_int8(exact / ENGINE_XML, digits[0][:10], SPEC, tmp_path)
    assert capfd.readouterr().out == ""


def test_missing_nncf_is_named_with_what_to_install(engines, digits, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "nncf", None)  # as where it is not installed
    with pytest.raises(UsageError, match=r"int8 needs NNCF.*saccade\[train\]"):
        quantize_int8(engines[0] / ENGINE_XML, digits[0][:10], SPEC, tmp_path)
