"""The training loop: one object that trains some steps at a time and whose state can be saved in between."""

import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from saccade.core.errors import SpecError
from saccade.core.seed import derived_seed
from saccade.models.custom_cnn import CustomCnn
from saccade.models.registry import build_model
from saccade.training.averaging import AveragedModel
from saccade.training.batches import training_loader
from saccade.training.config import TrainingConfig
from saccade.training.dataset import TrainingData
from saccade.training.device import ComputeDevice
from saccade.training.inputs import InputNormalizer
from saccade.training.optimizers import Optimizers

WHITENING_IMAGES = FINAL_NORM_IMAGES = 5000
CURVE_IMAGES = 500  # for a point of the validation curve; a forward pass of 1,000 images is 0.7 % of a CIFAR epoch
EVALUATION_BATCH = 500


class Training:
    """A network in training on data.

    model: the weights that the optimizers move.   average: the weights to keep.
    curves: one row a step, with validation accuracy (of the averaged weights) on the last step of each epoch.
    """

    def __init__(self, data: TrainingData, config: TrainingConfig, compute: ComputeDevice, seed: int) -> None:
        torch.manual_seed(derived_seed(seed, "weights"))
        self.data, self.config, self.compute, self.seed = data, config, compute, seed
        self.input = InputNormalizer(data.mean, data.std, compute)
        self.loader = training_loader(data, config, derived_seed(seed, "batches"))
        self.steps_per_epoch = self.loader.steps_per_epoch
        self.sample_rows = self._sample(data.train_rows, WHITENING_IMAGES)
        self.curve_rows = self._sample(data.validation_rows, CURVE_IMAGES)
        self.total_steps = math.ceil(config.epochs * self.steps_per_epoch)
        model = build_model(config.architecture, len(data.classes), data.side, config.width)
        if isinstance(model, CustomCnn):
            sample = data.pixels[self.sample_rows]
            model.to(compute.device).whitening.fit(
                self.input(sample, data.side, torch.float32), config.whitening_epsilon
            )
        self.model = model.to(compute.device).to(memory_format=torch.channels_last)
        self.average = AveragedModel(self.model)
        self.optimizers = Optimizers(self.model, config)
        self.class_weights = (
            None if data.class_weights is None else torch.tensor(data.class_weights, device=compute.device)
        )
        self.step = 0
        self.curves: list[dict[str, Any]] = []

    @property
    def is_done(self) -> bool:
        """True once every step is taken."""
        return self.step >= self.total_steps

    def run_until(self, step: int, on_step: Callable[[dict[str, Any]], None] = lambda row: None) -> None:
        """Trains until step steps are taken; calls on_step with each step's row of the curves.

        Raises SpecError with the step when the loss is no longer a finite number.
        """
        end = min(step, self.total_steps)
        while self.step < end:
            batch = next(self.loader)
            row = self._take_step(batch.tensors, batch.labels)
            if self.is_done or self.step % self.steps_per_epoch == 0:
                self.settle(row["side_px"])
                row["validation_accuracy"] = self.accuracy(self.curve_rows, row["side_px"])
            self.curves.append(row)
            on_step(row)

    def settle(self, side: int) -> None:
        """Makes the averaged weights ready to answer, by norm statistics from training images at this side in px."""
        count = FINAL_NORM_IMAGES if self.is_done else CURVE_IMAGES
        self.average.fit_norms(self.input(pixels, side) for pixels, _ in self._parts(self.sample_rows[:count]))

    def accuracy(self, rows: np.ndarray, side: int) -> float:
        """Returns the share of rows that the averaged weights, once settled, name right at this image side in px."""
        right = 0
        with torch.inference_mode():
            for pixels, labels in self._parts(rows):
                logits, _ = self.average.model(self.input(pixels, side))
                right += int((logits.argmax(1).cpu().numpy() == labels).sum())
        return right / len(rows)

    def state(self) -> dict[str, Any]:
        """Returns all that restore() needs to go on after this step as if never interrupted."""
        return {
            "model": self.model.state_dict(),
            "average": self.average.model.state_dict(),
            "optimizers": self.optimizers.state(),
            "step": self.step,
            "curves": self.curves,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes back to what state() returned."""
        self.model.load_state_dict(state["model"])
        self.average.model.load_state_dict(state["average"])
        self.optimizers.restore(state["optimizers"])
        self.step, self.curves = state["step"], list(state["curves"])
        self.loader.seek(*divmod(self.step, self.steps_per_epoch))

    def _take_step(self, pixels: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
        started = time.perf_counter()
        progress = self.step / self.total_steps
        side = self.config.side_at(progress, self.data.side)
        self.optimizers.schedule(progress)
        targets = torch.from_numpy(labels).to(self.compute.device)
        logits, _ = self.model(self.input(pixels, side))
        loss = F.cross_entropy(
            logits, targets, weight=self.class_weights, label_smoothing=self.config.label_smoothing, reduction="sum"
        )
        loss.backward()
        self.optimizers.step()
        mean_loss = loss.item() / len(labels)
        self.step += 1
        if not math.isfinite(mean_loss):
            raise SpecError(
                f"Training diverged: the loss is {mean_loss} at step {self.step} of {self.total_steps}, "
                f"with learning rate {self.config.learning_rate}. Train again with a smaller one."
            )
        self.average.update(self.model, self._average_decay())
        return {
            "step": self.step,
            "epoch": self.step / self.steps_per_epoch,
            "loss": mean_loss,
            "accuracy": (logits.argmax(1) == targets).float().mean().item(),
            "validation_accuracy": None,
            "learning_rate": self.optimizers.learning_rate,
            "side_px": side,
            "images_per_second": len(labels) / (time.perf_counter() - started),
        }

    def _average_decay(self) -> float:
        """Returns the decay that averages over the horizon, or over half of the steps so far if that is less."""
        horizon = max(1.0, min(self.config.average_horizon * self.total_steps, self.step / 2))
        return 1 - 1 / horizon

    def _parts(self, rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for part in np.array_split(rows, math.ceil(len(rows) / EVALUATION_BATCH)):
            yield self.data.pixels[part], self.data.labels[part]

    def _sample(self, rows: np.ndarray, count: int) -> np.ndarray:
        """Returns up to count of rows, drawn from all classes."""
        return np.random.default_rng(derived_seed(self.seed, "sample")).permutation(rows)[:count]
