"""Averaged weights by hand."""

import pytest
import torch
from torch import nn

from saccade.training.averaging import AveragedModel


def _weight(value: float) -> nn.Linear:
    layer = nn.Linear(1, 1, bias=False)
    nn.init.constant_(layer.weight, value)
    return layer


def test_update_moves_by_one_minus_decay() -> None:
    average = AveragedModel(_weight(0.0))
    for value in (8.0, 16.0):
        average.update(_weight(value), decay=0.75)
    assert average.model.weight.item() == pytest.approx(0.75 * 2 + 0.25 * 16)  # type: ignore[operator, union-attr]


def test_update_leaves_the_model_alone() -> None:
    model = _weight(1.0)
    AveragedModel(_weight(0.0)).update(model, decay=0.5)
    assert model.weight.item() == 1.0


def test_fit_norms_sets_mean_and_variance_over_the_batches() -> None:
    norm = nn.BatchNorm2d(1, momentum=0.1)
    average = AveragedModel(norm)
    average.fit_norms([torch.tensor([1.0, 3.0]).view(2, 1, 1, 1), torch.tensor([5.0, 11.0]).view(2, 1, 1, 1)])
    fitted = average.model
    assert fitted.running_mean.item() == pytest.approx(5.0)  # type: ignore[operator, union-attr]  # of 2 and 8
    assert fitted.running_var.item() == pytest.approx(10.0)  # type: ignore[operator, union-attr]  # of 2 and 18
    assert (fitted.momentum, fitted.training) == (0.1, False)
