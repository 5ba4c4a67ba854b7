"""Ray Tune: short, narrow trainings side by side, the poor ones stopped early. The only file that imports ray."""

import contextlib
import io
import logging
import math
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import ray
import torch
from ray import tune
from ray.tune.schedulers import ASHAScheduler, TrialScheduler

from saccade.core.errors import SpecError
from saccade.core.progress import Progress, progress
from saccade.core.settings import opt_out_of_telemetry, read_settings
from saccade.training.candidates import Candidate, proxy_config, proxy_data
from saccade.training.config import TrainingConfig
from saccade.training.dataset import TrainingData
from saccade.training.device import choose_device
from saccade.training.loop import Training

ROUNDS = 4  # of a trial: after the first and the second, ASHA stops it if it is in the lower half
DIRECTORY_PREFIX = "saccade-ray-"
SMALLEST_STORE_BYTES = 100 << 20  # Ray refuses an object store under 75 MiB


@dataclass
class TrialResult:
    """Accuracies on the validation images after each round that the trial lived through, and how long that took."""

    candidate: Candidate
    accuracies: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def is_complete(self) -> bool:
        """True for a trial that was not stopped before its last round."""
        return len(self.accuracies) == ROUNDS

    @property
    def accuracy(self) -> float | None:
        """Accuracy after the last round that the trial lived through."""
        return self.accuracies[-1] if self.accuracies else None


def search(
    data: TrainingData, config: TrainingConfig, candidates: Sequence[Candidate], *, seconds: float, seed: int
) -> list[TrialResult]:
    """Returns one result a candidate, in their order; a trial that time did not allow has no accuracies.

    seconds: from this call to the last report, the start of Ray included. The first candidate is never stopped early.
    Ray runs on this machine only, and is gone when this returns or raises.
    """
    deadline = time.monotonic() + seconds
    _set_environment()
    small = proxy_data(data, seed)
    results = [TrialResult(candidate) for candidate in candidates]
    with _quiet_ray(), _local_ray(small.pixels.nbytes) as directory:
        share = _share_of_machine(len(candidates))
        trial = tune.with_parameters(
            _Trial, data=small, proxy=proxy_config(config, small), seed=seed, cores=share["cpu"]
        )
        with progress(len(candidates) * ROUNDS, "Tuning", "rounds") as shown:
            tuner = tune.Tuner(
                tune.with_resources(trial, share),
                param_space={
                    "candidate": tune.grid_search(
                        [{"number": number, **asdict(candidate)} for number, candidate in enumerate(candidates)]
                    )
                },
                tune_config=tune.TuneConfig(
                    metric="accuracy",
                    mode="max",
                    scheduler=_FirstFinishes(
                        time_attr="training_iteration", max_t=ROUNDS, grace_period=1, reduction_factor=2
                    ),
                    reuse_actors=True,  # an actor imports torch once
                    time_budget_s=max(1.0, deadline - time.monotonic()),
                ),
                run_config=tune.RunConfig(
                    storage_path=str(directory / "results"),
                    callbacks=[_Recorder(results, shown)],
                    checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                ),
            )
            outcome = tuner.fit()
    if outcome.errors:
        raise outcome.errors[0]
    return results


class _Trial(tune.Trainable):
    """One candidate's training; each step is a round."""

    def setup(  # type: ignore[override]  # tune.with_parameters gives the rest
        self, config: dict[str, Any], *, data: TrainingData, proxy: TrainingConfig, seed: int, cores: int
    ) -> None:
        opt_out_of_telemetry()
        self.data, self.proxy, self.seed = data, proxy, seed
        self.compute = choose_device(threads=cores)
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        candidate = Candidate(**{key: value for key, value in new_config["candidate"].items() if key != "number"})
        self.training = Training(self.data, candidate.applied_to(self.proxy), self.compute, self.seed)
        return True

    def step(self) -> dict[str, Any]:
        last_step = math.ceil(self.training.total_steps * (self.iteration + 1) / ROUNDS)
        try:
            self.training.run_until(last_step)
        except SpecError:  # diverged: a bad candidate, not a failed search
            return {"accuracy": 0.0, "done": True}
        side = self.training.curves[-1]["side_px"]
        self.training.settle(side)
        accuracy = self.training.accuracy(self.data.validation_rows, side)
        return {"accuracy": accuracy, "done": self.training.is_done}


class _FirstFinishes(ASHAScheduler):
    """ASHA that never stops the first candidate: the others are compared with its end."""

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        decision: str = super().on_trial_result(tune_controller, trial, result)
        is_first = trial.config["candidate"]["number"] == 0
        return TrialScheduler.CONTINUE if is_first and not result["done"] else decision


class _Recorder(tune.Callback):
    """Keeps what the trials report and moves the progress bar."""

    def __init__(self, results: list[TrialResult], shown: Progress) -> None:
        self.results, self.shown = results, shown

    def on_trial_result(self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **_: Any) -> None:
        kept = self.results[trial.config["candidate"]["number"]]
        kept.accuracies.append(result["accuracy"])
        kept.seconds = result["time_total_s"]
        best = max(max(other.accuracies, default=0.0) for other in self.results)
        self.shown.set_postfix_str(f"best accuracy {best:.1%}")
        self.shown.update()


def _share_of_machine(trials: int) -> dict[str, Any]:
    """Returns what Ray reserves for one trial, so that as many run at once as there are cores or trials."""
    at_once = min(trials, read_settings().threads)
    gpus = torch.cuda.device_count()
    return {"cpu": read_settings().threads // at_once, **({"gpu": gpus / at_once} if gpus else {})}


@contextlib.contextmanager
def _local_ray(data_bytes: int) -> Iterator[Path]:
    """Starts Ray for this process alone; yields a directory that is gone afterwards, as are Ray's processes."""
    # Unix socket paths end at 107 characters, so Ray's directory cannot be below a long TMPDIR.
    _remove_abandoned()
    directory = Path(tempfile.mkdtemp(prefix=f"{DIRECTORY_PREFIX}{os.getpid()}-", dir="/tmp"))
    try:
        ray.init(
            address="local",
            num_cpus=read_settings().threads,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.CRITICAL,
            object_store_memory=max(SMALLEST_STORE_BYTES, 3 * data_bytes),
            _temp_dir=str(directory),
        )
        yield directory
    finally:
        ray.shutdown()
        shutil.rmtree(directory, ignore_errors=True)


def _remove_abandoned() -> None:
    """Removes the directories of searches that were killed."""
    for directory in Path("/tmp").glob(f"{DIRECTORY_PREFIX}*-*"):
        process_id = directory.name.removeprefix(DIRECTORY_PREFIX).partition("-")[0]
        if not Path(f"/proc/{process_id}").exists():
            shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def _quiet_ray() -> Iterator[None]:
    """Keeps Ray from printing a table a trial to stdout and lines to stderr; errors still arrive as exceptions."""
    loggers = [logging.getLogger("ray"), logging.getLogger("ray.tune")]
    levels = [item.level for item in loggers]
    for item in loggers:
        item.setLevel(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        for item, level in zip(loggers, levels, strict=True):
            item.setLevel(level)


def _set_environment() -> None:
    """Sets what Ray takes only from the environment."""
    os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")  # Ctrl-C ends the search, as it ends every step
    os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")  # no CSV, JSON and TensorBoard files a trial
    # Another user of this machine must not reach the cluster, and a token of Ray's own would go to the home directory.
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
