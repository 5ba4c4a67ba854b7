"""Averaged weights: the mean over the last part of training answers better than the last step does."""

import copy

import torch
from torch import nn


class AveragedModel:
    """An exponential moving average over a model's weights and norm statistics, kept in a copy of the model."""

    def __init__(self, model: nn.Module) -> None:
        self.model = copy.deepcopy(model)

    @torch.no_grad()
    def update(self, model: nn.Module, decay: float) -> None:
        """Moves the average towards model: decay 0 copies it, decay near 1 hardly moves."""
        for average, value in zip(self.model.state_dict().values(), model.state_dict().values(), strict=True):
            if average.is_floating_point():
                average.lerp_(value, 1 - decay)
            else:
                average.copy_(value)
