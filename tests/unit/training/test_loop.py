"""The loop: it learns, resumes exactly, and stops when the loss is no number."""

import io
from dataclasses import replace

import numpy as np
import pytest
import torch

from saccade.core.errors import SpecError
from saccade.training.config import TrainingConfig
from saccade.training.dataset import TrainingData
from saccade.training.device import ComputeDevice
from saccade.training.loop import Training

TO_THE_END = 1_000


def _weights(training: Training) -> torch.Tensor:
    return torch.cat([weight.flatten() for weight in training.average.model.state_dict().values()])


def test_training_learns_a_simple_task(data: TrainingData, config: TrainingConfig, cpu: ComputeDevice) -> None:
    training = Training(data, config, cpu, seed=0)
    training.run_until(TO_THE_END)
    assert training.accuracy(data.validation_rows, data.side) == 1.0


def test_training_of_one_seed_is_the_same(data: TrainingData, config: TrainingConfig, cpu: ComputeDevice) -> None:
    first, second = Training(data, config, cpu, seed=4), Training(data, config, cpu, seed=4)
    for training in (first, second):
        training.run_until(3)
    assert torch.equal(_weights(first), _weights(second))


def test_restored_training_ends_with_the_same_weights(
    data: TrainingData, config: TrainingConfig, cpu: ComputeDevice
) -> None:
    whole = Training(data, config, cpu, seed=0)
    whole.run_until(5)  # in the middle of an epoch
    checkpoint = io.BytesIO()
    torch.save(whole.state(), checkpoint)
    checkpoint.seek(0)
    other = Training(data, config, cpu, seed=0)
    other.restore(torch.load(checkpoint, weights_only=True))
    for training in (whole, other):
        training.run_until(TO_THE_END)
    assert torch.equal(_weights(whole), _weights(other))
    assert [row["loss"] for row in whole.curves] == [row["loss"] for row in other.curves]


def test_curves_have_a_row_a_step_and_validation_at_epoch_ends(
    data: TrainingData, config: TrainingConfig, cpu: ComputeDevice
) -> None:
    training = Training(data, replace(config, epochs=1.5), cpu, seed=0)
    training.run_until(TO_THE_END)
    assert [row["step"] for row in training.curves] == [1, 2, 3]
    assert [row["validation_accuracy"] is not None for row in training.curves] == [False, True, True]


def test_learning_rate_falls_to_its_last_step(data: TrainingData, config: TrainingConfig, cpu: ComputeDevice) -> None:
    training = Training(data, replace(config, epochs=2), cpu, seed=0)
    training.run_until(TO_THE_END)
    rates = [row["learning_rate"] / config.learning_rate for row in training.curves]
    assert rates == pytest.approx([1, 0.75, 0.5, 0.25])


def test_whitening_bias_is_frozen_after_its_part_of_training(
    data: TrainingData, config: TrainingConfig, cpu: ComputeDevice
) -> None:
    training = Training(data, replace(config, early_part=0.5), cpu, seed=0)
    training.run_until(5)
    learned = training.model.whitening.bias.clone()  # type: ignore[operator, union-attr]
    training.run_until(TO_THE_END)
    assert learned.any()
    assert torch.equal(training.model.whitening.bias, learned)  # type: ignore[arg-type]


def test_diverged_training_names_its_step(data: TrainingData, config: TrainingConfig, cpu: ComputeDevice) -> None:
    training = Training(data, config, cpu, seed=0)
    training.run_until(2)
    with torch.no_grad():
        training.model.head.weight.fill_(float("nan"))  # type: ignore[operator, union-attr]
    with pytest.raises(SpecError, match=r"the loss is nan at step 3 of 10, with learning rate 0.17"):
        training.run_until(TO_THE_END)


def test_class_weights_scale_the_loss(data: TrainingData, config: TrainingConfig, cpu: ComputeDevice) -> None:
    plain = Training(data, config, cpu, seed=0)
    doubled = Training(replace(data, class_weights=(2.0, 2.0)), config, cpu, seed=0)
    for training in (plain, doubled):
        training.run_until(1)
    assert doubled.curves[0]["loss"] == pytest.approx(2 * plain.curves[0]["loss"])


def test_set_smaller_than_a_batch_trains(data: TrainingData, config: TrainingConfig, cpu: ComputeDevice) -> None:
    training = Training(replace(data, train_rows=np.arange(6)), config, cpu, seed=0)
    training.run_until(TO_THE_END)
    assert training.step == 5


def test_resnet18_trains(data: TrainingData, config: TrainingConfig, cpu: ComputeDevice) -> None:
    training = Training(data, replace(config, architecture="resnet18", width=1.0, epochs=1), cpu, seed=0)
    training.run_until(TO_THE_END)
    assert training.curves[-1]["loss"] > 0
