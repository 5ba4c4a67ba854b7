"""Searches learning rate, weight decay and width on a small copy of the task."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from saccade.core.artifacts import TRIALS_PARQUET, TRIALS_SCHEMA, TUNING_JSON, TuningInfo
from saccade.core.files import atomic_directory
from saccade.core.log import logger
from saccade.models.registry import default_architecture
from saccade.steps.step import step
from saccade.training.candidates import PROXY_VALIDATION_IMAGES, Candidate, draw_candidates, is_clearly_better
from saccade.training.config import default_config
from saccade.training.dataset import open_training_data
from saccade.training.tracking import tracked_run
from saccade.training.tuning import TrialResult, search


@step
def tune(
    dataset: Path, out: Path, *, seed: int = 0, seconds: float = 60.0, trials: int = 8, architecture: str | None = None
) -> dict[str, Any]:
    """Writes the training configuration to use, and every trial, to out.

    seconds: for the search, the start of Ray included.   trials: the most that are tried, the default recipe first.
    The default recipe stays unless a trial is clearly better on the validation images.
    Raises SpecError for an unknown architecture, DataError for a dataset that cannot be trained on.
    """
    started = time.monotonic()
    bundle, data = open_training_data(dataset)
    config = default_config(architecture or default_architecture(data.side), len(data.train_rows), data.side)
    candidates = draw_candidates(config.architecture, trials, seed)
    with tracked_run("tune", out.parent) as run:
        run.log_parameters({"architecture": config.architecture, "trials": trials, "tune_seconds": seconds})
        results = search(data, config, candidates, seconds=seconds - (time.monotonic() - started), seed=seed)
        for number, result in enumerate(results):
            run.log_trial(f"trial {number}", asdict(result.candidate), result.accuracies)
    chosen = chosen_result(results, min(len(data.validation_rows), PROXY_VALIDATION_IMAGES))
    info = TuningInfo(
        config=chosen.candidate.applied_to(config).to_dict(),
        is_default=chosen.candidate == Candidate(),
        trials=sum(bool(result.accuracies) for result in results),
        seconds=round(time.monotonic() - started, 2),
        default_accuracy=results[0].accuracy,
        best_accuracy=chosen.accuracy,
        dataset_id=bundle.info.content_id,
    )
    with atomic_directory(out) as draft:
        rows = [_row(number, result) for number, result in enumerate(results)]
        pq.write_table(pa.Table.from_pylist(rows, schema=TRIALS_SCHEMA), draft / TRIALS_PARQUET)
        info.save(draft / TUNING_JSON)
    kept = "the default recipe stays" if info.is_default else f"chosen: {chosen.candidate}"
    logger.info(f"Tuning: {info.trials} trials, {kept}.")
    return {
        "is_default": info.is_default,
        "trials": info.trials,
        "default_accuracy": info.default_accuracy,
        "best_accuracy": info.best_accuracy,
        "architecture": config.architecture,
        "learning_rate": info.config["learning_rate"],
        "weight_decay": info.config["weight_decay"],
        "width": info.config["width"],
    }


def chosen_result(results: Sequence[TrialResult], validation_images: int) -> TrialResult:
    """Returns the first, of the default recipe, or the best of the others that is complete and clearly better."""
    default, *others = results
    complete = [result for result in others if result.is_complete]
    if not (default.is_complete and complete):
        return default
    best = max(complete, key=lambda result: result.accuracies[-1])
    is_better = is_clearly_better(best.accuracies[-1], default.accuracies[-1], validation_images)
    return best if is_better else default


def _row(number: int, result: TrialResult) -> dict[str, Any]:
    return {
        "trial": number,
        **asdict(result.candidate),
        "rounds": len(result.accuracies),
        "validation_accuracy": result.accuracy,
        "seconds": result.seconds,
    }
