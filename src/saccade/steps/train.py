"""Trains one network on a prepared dataset: weights, engine, curves and what was chosen."""

import contextlib
import math
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.torch import save_file

from saccade.core.artifacts import (
    CHECKPOINT,
    CURVES_PARQUET,
    CURVES_SCHEMA,
    TRAINING_JSON,
    TUNING_JSON,
    WEIGHTS,
    TrainingInfo,
    TuningInfo,
)
from saccade.core.code import code_id
from saccade.core.errors import SpecError
from saccade.core.files import atomic_directory
from saccade.core.log import logger
from saccade.core.progress import progress
from saccade.core.settings import read_settings
from saccade.models.export import export_openvino
from saccade.models.registry import default_architecture
from saccade.steps.step import step
from saccade.training.checkpoint import fingerprint, load_checkpoint, save_checkpoint
from saccade.training.config import TrainingConfig, default_config
from saccade.training.dataset import TrainingData, open_training_data
from saccade.training.device import choose_device
from saccade.training.loop import Training
from saccade.training.tracking import TrackedRun, tracked_run


@step
def train(
    dataset: Path,
    out: Path,
    *,
    tuning: Path | None = None,
    architecture: str | None = None,
    epochs: float | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Writes the trained network to out: weights, engine, curves, training.json.

    tuning: what `tune` wrote; without it the default recipe is used.
    epochs: passes over the data in place of the recipe's.
    After an interruption the same call goes on from the last whole epoch.
    Raises SpecError for an impossible parameter, DataError for a dataset that cannot be trained on.
    """
    started = time.monotonic()
    bundle, data = open_training_data(dataset)
    config = _chosen_config(data, tuning, architecture, epochs)
    training = Training(data, config, choose_device(), seed)
    identity = fingerprint(config=config.to_dict(), dataset=asdict(bundle.info), seed=seed, code=code_id())
    checkpoint = (read_settings().work_dir or out.parent / f".{out.name}.work") / CHECKPOINT
    with tracked_run("train", out.parent) as run:
        run.log_parameters({**config.to_dict(), "seed": seed, "dataset_id": bundle.info.content_id})
        earlier_seconds = _restore(training, checkpoint, identity)
        _train_to_the_end(training, checkpoint, identity, run, started - earlier_seconds)
        accuracy = training.accuracy(data.validation_rows, data.side)
        seconds = time.monotonic() - started + earlier_seconds
        run.log_metrics({"final_validation_accuracy": accuracy, "train_seconds": seconds})
    info = TrainingInfo(
        architecture=config.architecture,
        config=config.to_dict(),
        classes=bundle.info.classes,
        preprocess=bundle.info.preprocess or [],
        preprocess_hash=bundle.info.preprocess_hash or "",
        dataset_id=bundle.info.content_id,
        seconds=round(seconds, 2),
        epochs=math.ceil(config.epochs),
        parameters=sum(weight.numel() for weight in training.model.parameters()),
        device=training.compute.device.type,
        dtype=training.compute.dtype_name,
        validation_accuracy=accuracy,
        views=test_time_views(data.allow_flip),
    )
    _write(out, training, info)
    _remove(checkpoint)
    return {
        "validation_accuracy": accuracy,
        "train_seconds": info.seconds,
        "architecture": info.architecture,
        "epochs": info.epochs,
        "parameters": info.parameters,
        "device": info.device,
        "dtype": info.dtype,
    }


def test_time_views(allow_flip: bool) -> list[dict[str, Any]]:
    """Returns the views whose answers are averaged where the plain image leaves doubt, the plain one first.

    The image and two diagonal shifts by a pixel, each also mirrored where that keeps its meaning; a shift counts half
    as much as the image. Source: airbench94 (Jordan 2024), test-time augmentation of level 2.
    """
    mirrors = (False, True) if allow_flip else (False,)
    shifts = ((0, 0, 0.5), (-1, -1, 0.25), (1, 1, 0.25))
    return [
        {"flip": flip, "dy": dy, "dx": dx, "weight": weight / len(mirrors)}
        for dy, dx, weight in shifts
        for flip in mirrors
    ]


def _chosen_config(
    data: TrainingData, tuning: Path | None, architecture: str | None, epochs: float | None
) -> TrainingConfig:
    if tuning is None:
        config = default_config(architecture or default_architecture(data.side), len(data.train_rows), data.side)
    else:
        config = TrainingConfig.from_dict(TuningInfo.load(tuning / TUNING_JSON).config)
        if architecture not in (None, config.architecture):
            raise SpecError(
                f"'{tuning}' is tuned for {config.architecture}, not {architecture}. "
                f"Tune again with --architecture {architecture}, or leave one of the two out."
            )
    return config if epochs is None else replace(config, epochs=epochs)


def _restore(training: Training, checkpoint: Path, identity: str) -> float:
    """Goes on from the checkpoint if there is one of this training; returns the seconds that were spent before it."""
    saved = load_checkpoint(checkpoint, identity, training.compute.device)
    if saved is None:
        return 0.0
    training.restore(saved["training"])
    logger.info(f"Training goes on after step {training.step:,} of {training.total_steps:,}.")
    return float(saved["seconds"])


def _train_to_the_end(training: Training, checkpoint: Path, identity: str, run: TrackedRun, started: float) -> None:
    images = training.loader.batch_size
    title = f"Training {training.config.architecture} on {training.compute.device.type}, {training.compute.dtype_name}"
    with progress(training.total_steps * images, title, "images") as shown:
        shown.update(training.step * images)

        def show(row: dict[str, Any]) -> None:
            shown.set_postfix_str(f"loss {row['loss']:.3f}, accuracy {row['accuracy']:.1%}")
            shown.update(images)

        while not training.is_done:
            first = training.step
            training.run_until(first + training.steps_per_epoch, show)
            run.log_curves(training.curves[first:])
            saved = {"training": training.state(), "seconds": time.monotonic() - started}
            save_checkpoint(checkpoint, identity, saved)


def _write(out: Path, training: Training, info: TrainingInfo) -> None:
    model = training.average.model.cpu().eval()
    with atomic_directory(out) as draft:
        # safetensors refuses channels-last strides
        save_file({name: value.contiguous() for name, value in model.state_dict().items()}, draft / WEIGHTS)
        export_openvino(model, training.data.side, draft)
        pq.write_table(pa.Table.from_pylist(training.curves, schema=CURVES_SCHEMA), draft / CURVES_PARQUET)
        info.save(draft / TRAINING_JSON)


def _remove(checkpoint: Path) -> None:
    checkpoint.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # a shared working directory may hold more
        checkpoint.parent.rmdir()
