"""Which optimizer moves which weights, and how fast at each moment of training."""

from typing import Any

import torch
from torch import nn

from saccade.models.custom_cnn import CustomCnn
from saccade.training.config import TrainingConfig
from saccade.training.muon import Muon


class Optimizers:
    """Muon on convolution filters, Nesterov SGD on the rest; both fall linearly to zero over training.

    The whitening bias falls to zero at config.early_part already and is frozen then, which saves its gradient.
    """

    def __init__(self, model: nn.Module, config: TrainingConfig) -> None:
        trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        filters = [weight for weight in trained.values() if weight.ndim == 4]
        early = [model.whitening.bias] if isinstance(model, CustomCnn) else []
        head = [weight for name, weight in trained.items() if name.startswith("head.")]
        chosen = {id(weight) for weight in (*filters, *early, *head)}
        others = [weight for weight in trained.values() if id(weight) not in chosen]
        self.config = config
        self.early = early
        self.muon = Muon(filters, lr=config.learning_rate, momentum=config.momentum)
        groups = [
            _sgd_group(others, config.bias_learning_rate, config),
            _sgd_group(head, config.head_learning_rate, config),
            *(_sgd_group([weight], config.bias_learning_rate, config) for weight in early),
        ]
        self.sgd = torch.optim.SGD(groups, momentum=config.sgd_momentum, nesterov=True)

    @property
    def learning_rate(self) -> float:
        """Muon's learning rate at this moment."""
        return float(self.muon.param_groups[0]["lr"])

    def schedule(self, progress: float) -> None:
        """Sets the learning rates for the step taken when progress (0 to 1) of training is done."""
        self.muon.param_groups[0]["lr"] = self.config.learning_rate * (1 - progress)
        for group in self.sgd.param_groups:
            group["lr"] = group["initial_lr"] * (1 - progress)
        if self.early:
            left = max(0.0, 1 - progress / max(self.config.early_part, 1e-9))
            self.sgd.param_groups[-1]["lr"] = self.sgd.param_groups[-1]["initial_lr"] * left
            self.early[0].requires_grad = left > 0

    def step(self) -> None:
        """Takes one step from the gradients and clears them."""
        for optimizer in (self.muon, self.sgd):
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    def state(self) -> dict[str, Any]:
        """Returns what restore() needs."""
        return {"muon": self.muon.state_dict(), "sgd": self.sgd.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes back to what state() returned."""
        self.muon.load_state_dict(state["muon"])
        self.sgd.load_state_dict(state["sgd"])


def _sgd_group(weights: list[nn.Parameter], rate: float, config: TrainingConfig) -> dict[str, Any]:
    # torch multiplies the decay by the learning rate: divide it out, so that the two are tuned apart.
    decay = config.weight_decay * config.batch_size / rate
    return {"params": weights, "lr": rate, "initial_lr": rate, "weight_decay": decay}
