"""Averaged weights: the mean over the last part of training answers better than the last step does."""

import copy
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class AveragedModel:
    """An exponential moving average over a model's weights, kept in a copy of the model."""

    def __init__(self, model: nn.Module) -> None:
        self.model = copy.deepcopy(model).eval()

    @torch.no_grad()
    def update(self, model: nn.Module, decay: float) -> None:
        """Moves the average towards model: decay 0 copies it, decay near 1 hardly moves."""
        for average, value in zip(self.model.parameters(), model.parameters(), strict=True):
            average.lerp_(value, 1 - decay)

    @torch.no_grad()
    def fit_norms(self, batches: Iterable[Tensor]) -> None:
        """Sets the statistics of every norm layer to their mean over batches of input.

        The averaged weights never saw a batch, and the statistics that training leaves lag behind its weights: in
        bfloat16 on grey images so far that a network right on 97 % of a batch was right on 10 % in evaluation.
        """
        norms = [module for module in self.model.modules() if isinstance(module, _BatchNorm)]
        momenta = [norm.momentum for norm in norms]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # the plain mean over all batches
        self.model.train()
        for batch in batches:
            self.model(batch)
        self.model.eval()
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
