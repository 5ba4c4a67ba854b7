"""Architectures by name."""

import pytest
import torch

from saccade.core.errors import SpecError
from saccade.models.registry import build_model, default_architecture


def test_default_architecture_up_to_64_px_is_the_fast_network() -> None:
    assert [default_architecture(size) for size in (32, 64, 65)] == ["custom_cnn", "custom_cnn", "resnet18"]


def test_unknown_architecture_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(SpecError, match=r"no architecture 'resnet-18'. Did you mean 'resnet18'"):
        build_model("resnet-18", classes=2, size=128)


def test_resnet18_of_another_width_is_refused() -> None:
    with pytest.raises(SpecError, match=r"resnet18 has one width; 0.5 is not possible"):
        build_model("resnet18", classes=2, size=128, width=0.5)


def test_resnet18_for_a_thousand_classes_has_the_published_number_of_weights() -> None:
    model = build_model("resnet18", classes=1000, size=128)
    assert sum(weight.numel() for weight in model.parameters()) == 11_689_512  # torchvision's documentation


@pytest.mark.parametrize(("size", "side"), [(32, 4), (128, 4)])
def test_resnet18_keeps_four_pixels_for_its_last_stage(size: int, side: int) -> None:
    model = build_model("resnet18", classes=3, size=size).eval()
    seen: list[torch.Size] = []
    model.trunk.layer4.register_forward_hook(lambda module, inputs, output: seen.append(output.shape))  # type: ignore[union-attr, operator]
    with torch.inference_mode():
        logits, features = model(torch.zeros(1, 3, size, size))
    assert (logits.shape, features.shape, seen[0][2:]) == ((1, 3), (1, 512), (side, side))


def test_resnet18_in_bfloat16_answers_in_float32() -> None:
    with torch.inference_mode():
        logits, features = build_model("resnet18", classes=3, size=32).eval()(torch.zeros(1, 3, 32, 32).bfloat16())
    assert logits.dtype == features.dtype == torch.float32
