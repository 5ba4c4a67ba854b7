"""What the search varies, on how small a copy of the task it tries it, and when a find replaces the default recipe."""

import math
from dataclasses import dataclass, replace

import numpy as np

from saccade.core.seed import derived_seed
from saccade.models.registry import WITH_WIDTH
from saccade.training.config import TrainingConfig, default_config
from saccade.training.dataset import TrainingData

PROXY_PIXELS = 10_000 * 32 * 32  # of all training images of a trial together
PROXY_VALIDATION_IMAGES = 2000
PROXY_WIDTH = 0.25
PROXY_EPOCHS = 4
WIDTHS = (0.75, 1.0, 1.25)
CLEARLY_BETTER = 3.0  # standard errors of the difference: the best of several trials is the luckiest one too


@dataclass(frozen=True)
class Candidate:
    """Factors on the default recipe."""

    learning_rate: float = 1.0
    weight_decay: float = 1.0
    width: float = 1.0

    def applied_to(self, config: TrainingConfig) -> TrainingConfig:
        """Returns config with the factors applied. A wider network gets fewer epochs: every trial costs the same."""
        return replace(
            config,
            learning_rate=config.learning_rate * self.learning_rate,
            weight_decay=config.weight_decay * self.weight_decay,
            width=config.width * self.width,
            epochs=round(config.epochs / self.width**2, 2),
        )


def draw_candidates(architecture: str, count: int, seed: int) -> list[Candidate]:
    """Returns the default recipe and count - 1 others: rates within a factor of 2, decay of 4, both log-uniform."""
    generator = np.random.default_rng(derived_seed(seed, "candidates"))
    widths = WIDTHS if architecture in WITH_WIDTH else (1.0,)
    drawn = [
        Candidate(
            learning_rate=float(2 ** generator.uniform(-1, 1)),
            weight_decay=float(4 ** generator.uniform(-1, 1)),
            width=float(generator.choice(widths)),
        )
        for _ in range(count - 1)
    ]
    return [Candidate(), *drawn]


def proxy_data(data: TrainingData, seed: int) -> TrainingData:
    """Returns a part of the images, copied out of the memory map: what one trial trains on and is judged by."""
    generator = np.random.default_rng(derived_seed(seed, "proxy"))
    train = generator.permutation(data.train_rows)[: max(len(data.classes), PROXY_PIXELS // data.side**2)]
    validation = generator.permutation(data.validation_rows)[:PROXY_VALIDATION_IMAGES]
    rows = np.concatenate((train, validation))
    return replace(
        data,
        pixels=np.ascontiguousarray(data.pixels[rows]),
        labels=data.labels[rows],
        train_rows=np.arange(len(train)),
        validation_rows=np.arange(len(train), len(rows)),
    )


def proxy_config(config: TrainingConfig, data: TrainingData) -> TrainingConfig:
    """Returns the recipe of the default trial: config on a narrow network, for a few epochs at low resolution."""
    small = default_config(config.architecture, len(data.train_rows), data.side)
    width = PROXY_WIDTH if config.architecture in WITH_WIDTH else 1.0
    return replace(small, width=width, epochs=PROXY_EPOCHS, low_resolution_part=1.0)


def is_clearly_better(accuracy: float, default_accuracy: float, validation_images: int) -> bool:
    """Returns whether accuracy is above default_accuracy by more than chance gives among several trials.

    Both are shares right of the same validation_images; their errors are taken as independent, which is cautious.
    """
    variance = sum(share * (1 - share) for share in (accuracy, default_accuracy)) / validation_images
    return accuracy - default_accuracy > CLEARLY_BETTER * math.sqrt(variance)
