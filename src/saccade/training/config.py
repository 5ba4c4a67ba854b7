"""The recipe as numbers, with defaults by architecture and size of the training set."""

import difflib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

from saccade.core.errors import SpecError
from saccade.models.registry import check_architecture


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that decides a training besides the data and the seed.

    Learning rates of SGD are per image: the loss of a batch is a sum, so they need no change when the batch size does.
    """

    architecture: str
    width: float  # factor on the channels
    epochs: float  # passes over the training rows; the last may be a part
    batch_size: int
    learning_rate: float  # Muon's, on convolution filters of norm sqrt(outputs): about the angle of the first steps
    momentum: float  # Muon's
    bias_learning_rate: float  # SGD on everything that is neither a filter nor the head
    head_learning_rate: float
    sgd_momentum: float
    weight_decay: float  # on what SGD moves, per image and independent of the learning rate
    label_smoothing: float
    translate_px: int
    low_resolution: float  # factor on the image side in the first part of training
    low_resolution_part: float  # how much of training that is
    early_part: float  # the whitening bias learns in this part of training only
    average_horizon: float  # weights are averaged over about this part of training, up to the end
    whitening_epsilon: float

    def __post_init__(self) -> None:
        check_architecture(self.architecture)
        for name in _POSITIVE:
            if not getattr(self, name) > 0:
                raise SpecError(f"{name} must be above 0, not {getattr(self, name)}.")
        for name in _FRACTIONS:
            if not 0 <= getattr(self, name) <= 1:
                raise SpecError(f"{name} must be between 0 and 1, not {getattr(self, name)}.")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Returns the config with exactly these values. Raises SpecError for a key that is unknown or missing."""
        names = [item.name for item in fields(cls)]
        for key in values:
            if key not in names:
                nearest = difflib.get_close_matches(key, names, n=1, cutoff=0.0)[0]
                raise SpecError(f"A training config has no '{key}'. Did you mean '{nearest}'?")
        if missing := [name for name in names if name not in values]:
            raise SpecError(f"The training config lacks {', '.join(missing)}. Run 'saccade tune' again.")
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Returns the config as plain values for JSON."""
        return asdict(self)

    def side_at(self, progress: float, side: int) -> int:
        """Returns the image side in px to train at, when progress (0 to 1) of training is done."""
        return side if progress >= self.low_resolution_part else round(side * self.low_resolution)


_POSITIVE = ("width", "epochs", "batch_size", "learning_rate", "bias_learning_rate", "head_learning_rate")
_FRACTIONS = (
    "momentum", "sgd_momentum", "label_smoothing", "low_resolution", "low_resolution_part", "early_part",
    "average_horizon",
)  # fmt: skip


def default_config(architecture: str, train_images: int, side: int) -> TrainingConfig:
    """Returns the recipe for this architecture.

    train_images: in an epoch; fewer images get smaller batches and more epochs, down to a floor of optimizer steps.
    side: of the images in px.   Raises SpecError for an unknown architecture.
    """
    check_architecture(architecture)
    recipe = _RECIPES[architecture]
    batch_size = min(recipe.batch_size, max(_SMALLEST_BATCH, 2 ** round(math.log2(train_images / _STEPS_PER_EPOCH))))
    steps_per_epoch = max(1, train_images // batch_size)
    epochs = max(recipe.epochs, math.ceil(_FEWEST_STEPS / steps_per_epoch))
    return replace(recipe, batch_size=batch_size, epochs=epochs, translate_px=max(1, side // 16))


_SMALLEST_BATCH = 32
_STEPS_PER_EPOCH = 24  # of small sets: smaller batches would be slower an image, larger ones take too few steps
_FEWEST_STEPS = 200

_CUSTOM_CNN = TrainingConfig(
    architecture="custom_cnn",
    width=1.0,
    epochs=14,
    batch_size=1000,
    learning_rate=0.17,
    momentum=0.6,
    bias_learning_rate=0.053,
    head_learning_rate=0.67,
    sgd_momentum=0.85,
    weight_decay=2e-6,
    label_smoothing=0.2,
    translate_px=2,
    low_resolution=0.75,
    low_resolution_part=0.5,
    early_part=0.375,
    average_horizon=0.02,
    whitening_epsilon=5e-4,
)
_RECIPES = {
    "custom_cnn": _CUSTOM_CNN,
    "resnet18": replace(
        _CUSTOM_CNN,
        architecture="resnet18",
        batch_size=128,
        bias_learning_rate=1e-3,
        head_learning_rate=1e-3,
        label_smoothing=0.1,
    ),
}
