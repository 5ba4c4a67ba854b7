"""Architectures by name."""

import difflib

from torch import nn

from saccade.core.errors import SpecError
from saccade.models.custom_cnn import CustomCnn

ARCHITECTURES = ("custom_cnn", "resnet18")
WITH_WIDTH = ("custom_cnn",)  # the channel counts may be scaled
LARGEST_SMALL_SIDE_PX = 64


def default_architecture(size: int) -> str:
    """Returns the architecture for images of size px a side."""
    return "custom_cnn" if size <= LARGEST_SMALL_SIDE_PX else "resnet18"


def build_model(architecture: str, classes: int, size: int, width: float = 1.0) -> nn.Module:
    """Returns a new network with random weights; forward(x) gives (logits (N, K), features (N, D)), both float32.

    size: side of the images in px.   width: factor on the channel counts, for the architectures in WITH_WIDTH.
    Raises SpecError for an unknown architecture, a width that it cannot have, or images too small for it.
    """
    check_architecture(architecture)
    if architecture == "custom_cnn":
        return CustomCnn(classes, size, width)
    if width != 1.0:
        raise SpecError(f"{architecture} has one width; {width} is not possible. Leave width at 1.")
    from saccade.models.torchvision_zoo import ResNet18  # torchvision takes a second to import

    return ResNet18(classes, size)


def check_architecture(architecture: str) -> None:
    """Raises SpecError that names the nearest architecture when there is none of this name."""
    if architecture in ARCHITECTURES:
        return
    nearest = difflib.get_close_matches(architecture, ARCHITECTURES, n=1, cutoff=0.0)[0]
    raise SpecError(
        f"There is no architecture '{architecture}'. Did you mean '{nearest}'? There are {', '.join(ARCHITECTURES)}."
    )
