"""The exported file, run by OpenVINO's own Python interface, against the network in torch."""

import copy
from pathlib import Path

import numpy as np
import openvino
import pytest
import torch
from torch import nn

from saccade.core.artifacts import ENGINE_BIN, ENGINE_XML
from saccade.models.export import export_openvino
from saccade.models.registry import build_model

SIDE_PX = 24


def trained(architecture: str) -> nn.Module:
    """A network whose batch norms have seen something, so that eval mode shows; in training mode."""
    torch.manual_seed(0)
    network = build_model(architecture, 7, SIDE_PX)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2)
    return network.train()


def compiled(directory: Path) -> openvino.CompiledModel:
    return openvino.compile_model(directory / ENGINE_XML, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


@pytest.fixture(scope="module", params=["custom_cnn", "resnet18"])
def export(request, tmp_path_factory) -> tuple[nn.Module, Path]:
    """A network and the directory that it was exported to."""
    model, directory = trained(request.param), tmp_path_factory.mktemp("export")
    export_openvino(model, SIDE_PX, directory)
    return model, directory


def test_exported_file_answers_like_torch_for_any_batch(export):
    model, directory = export
    engine, reference = compiled(directory), copy.deepcopy(model).eval()
    for images in (1, 5):
        pixels = torch.randn(images, 3, SIDE_PX, SIDE_PX, generator=torch.Generator().manual_seed(1))
        outputs = engine(pixels.numpy())
        with torch.inference_mode():
            logits, features = reference(pixels)
        np.testing.assert_allclose(outputs["logits"], logits, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(outputs["features"], features, rtol=1e-4, atol=1e-4)


def test_exported_file_names_its_input_and_outputs(export):
    _, directory = export
    engine = compiled(directory)
    assert [port.get_names() for port in engine.inputs] == [{"pixels"}]
    assert [port.get_names() for port in engine.outputs] == [{"logits"}, {"features"}]
    assert [str(port.get_partial_shape()) for port in engine.inputs] == ["[?,3,24,24]"]
    assert sorted(path.name for path in directory.iterdir()) == sorted([ENGINE_XML, ENGINE_BIN])


def test_export_leaves_the_model_in_training_mode(export):
    model, _ = export
    assert model.training


def test_export_keeps_weights_that_float16_cannot_hold(tmp_path):
    class Scale(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.factor = nn.Parameter(torch.tensor([[1.0000001, 70_000.0, 1e-9]]))

        def forward(self, pixels):
            means = pixels.mean((2, 3))
            return means * self.factor, means

    export_openvino(Scale(), 4, tmp_path)
    outputs = compiled(tmp_path)(np.ones((1, 3, 4, 4), np.float32))
    np.testing.assert_allclose(outputs["logits"], [[1.0000001, 70_000.0, 1e-9]], rtol=1e-6)
