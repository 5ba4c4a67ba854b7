"""Which engine serves: OpenVINO in float32, bfloat16 or int8, or what torch compiled, by what is measured of each."""

import os
import platform
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import saccade_native
from saccade.core.artifacts import ENGINE_PT2, ENGINE_XML, TrainingInfo
from saccade.core.errors import QualityGateError, UsageError
from saccade.core.log import logger
from saccade.core.seed import derived_seed
from saccade.data.bundle import DatasetBundle
from saccade.evaluation.metrics import accuracy
from saccade.models.quantize import quantize_int8
from saccade.preprocess.spec import PreprocessSpec
from saccade.serving.engines import ENGINE_FILES
from saccade.serving.predictor import build_classifier

AUTO = "auto"
CHOSEN = "chosen"
EXACT = "f32"
PRECISIONS = (EXACT, "bf16", "int8")  # of OpenVINO, the most exact first
INDUCTOR = "inductor"  # must be stated: compiling takes tens of seconds, and on a CPU OpenVINO is faster
MAY_LOSE_ACCURACY = ("int8", INDUCTOR)
MAX_ACCURACY_LOSS = 0.003
# Below that a gain is no reason to compute less exactly, and may be noise.
CLEARLY_FASTER = 1.05
CALIBRATION_IMAGES = 300
ROUNDS = 9
ROUND_SECONDS = 0.02  # of each engine at each batch size; a slow network takes one pass


@dataclass(frozen=True)
class Candidate:
    """An engine as it was measured, and what became of it."""

    engine: str  # one of PRECISIONS, or INDUCTOR
    images_per_second: dict[str, float]  # images in a pass -> median over the rounds
    validation_accuracy: float  # of plain images, without test-time views
    verdict: str  # "chosen", or why not

    @property
    def speed(self) -> float:
        """Geometric mean over the batch sizes: a lone request counts as much as a full queue."""
        return statistics.geometric_mean(self.images_per_second.values())


@dataclass(frozen=True)
class ChosenEngine:
    """The engine that serves. kind: one of ENGINE_FILES, which names its files in directory."""

    kind: str
    directory: Path
    precision: str
    candidates: list[Candidate]

    @property
    def files(self) -> list[Path]:
        """The file to open and what must lie beside it."""
        return [self.directory / name for name in ENGINE_FILES[self.kind]]

    def record(self) -> dict[str, Any]:
        """Returns what bundle.json says of the engine."""
        return {
            "kind": self.kind,
            "precision": self.precision,
            "measured_on": _processor(),
            "candidates": [asdict(candidate) for candidate in self.candidates],
        }


def choose_engine(
    data: DatasetBundle, training: Path, info: TrainingInfo, *, wanted: str, seed: int, scratch: Path
) -> ChosenEngine:
    """Makes and measures the engines that this processor runs, and returns the wanted one, or the best for AUTO.

    wanted: AUTO, one of PRECISIONS or INDUCTOR; a stated one is compared with OpenVINO in float32 only.
    scratch: an empty directory.
    Raises UsageError for a precision that this processor lacks, QualityGateError for a stated one of MAY_LOSE_ACCURACY
    that does; for what INDUCTOR needs see compile_inductor.
    """
    spec = PreprocessSpec.parse(info.preprocess)
    files = {name: training / ENGINE_XML for name in PRECISIONS if wanted in (AUTO, name) or name == EXACT}
    if "int8" in files:
        logger.info(f"Quantising to int8 with up to {CALIBRATION_IMAGES} training images.")
        quantize_int8(training / ENGINE_XML, _calibration_pixels(data, seed), spec, scratch)
        files["int8"] = scratch / ENGINE_XML
    classifiers = {name: build_classifier(file, spec, {}, precision=name) for name, file in files.items()}
    runnable = {name: classifier for name, classifier in classifiers.items() if classifier.precision == name}
    if wanted == INDUCTOR:
        from saccade.steps.compile_inductor import compile_inductor  # torch takes seconds to import

        compile_inductor(training, info, scratch)
        files[INDUCTOR] = scratch / ENGINE_PT2
        runnable[INDUCTOR] = build_classifier(files[INDUCTOR], spec, {})
    if wanted not in (AUTO, *runnable):
        raise UsageError(f"This processor has no {wanted} instructions. Choose another --engine, or auto.")
    rows = data.indices("val")
    candidates = judge(_measure(runnable, data.pixels[rows], data.labels[rows]), wanted)
    chosen = next(candidate.engine for candidate in candidates if candidate.verdict == CHOSEN)
    for candidate in candidates:
        logger.info(_line(candidate))
    kind = INDUCTOR if chosen == INDUCTOR else "openvino"
    return ChosenEngine(kind, files[chosen].parent, runnable[chosen].precision, candidates)


def judge(measured: Sequence[Candidate], wanted: str) -> list[Candidate]:
    """Returns measured with a verdict each. Raises QualityGateError where the wanted one loses too much.

    measured: the most exact first, float32 at the head; their verdicts do not matter.
    """
    exact = measured[0]
    losses = {each.engine: round(exact.validation_accuracy - each.validation_accuracy, 9) for each in measured}
    if wanted in MAY_LOSE_ACCURACY and losses[wanted] > MAX_ACCURACY_LOSS:
        raise QualityGateError(
            f"{wanted} is right on {100 * losses[wanted]:.2f} points fewer of the validation images than float32; "
            f"{100 * MAX_ACCURACY_LOSS:.1f} are allowed. Choose --engine auto, f32 or bf16."
        )
    best = _best(measured, losses) if wanted == AUTO else next(each for each in measured if each.engine == wanted)
    return [replace(each, verdict=_verdict(each, best, losses[each.engine])) for each in measured]


def _best(measured: Sequence[Candidate], losses: Mapping[str, float]) -> Candidate:
    best = measured[0]
    for candidate in measured[1:]:
        if losses[candidate.engine] <= MAX_ACCURACY_LOSS and candidate.speed >= CLEARLY_FASTER * best.speed:
            best = candidate
    return best


def _verdict(candidate: Candidate, best: Candidate, loss: float) -> str:
    if candidate is best:
        return CHOSEN
    if loss > MAX_ACCURACY_LOSS:
        return f"loses {100 * loss:.2f} points"
    return f"{candidate.speed / best.speed:.2f} times as fast as {best.engine}"


def _calibration_pixels(data: DatasetBundle, seed: int) -> np.ndarray:
    rows = np.random.default_rng(derived_seed(seed, "calibration")).permutation(data.indices("train"))
    return data.pixels[np.sort(rows[:CALIBRATION_IMAGES])]


def _measure(
    classifiers: Mapping[str, saccade_native.Classifier], pixels: np.ndarray, labels: np.ndarray
) -> list[Candidate]:
    rates = {}
    for size in (1, classifiers[EXACT].images_at_once):
        rates[str(size)] = images_per_second(classifiers, np.resize(pixels, (size, *pixels.shape[1:])))
    return [
        Candidate(
            name,
            {size: round(by_engine[name], 1) for size, by_engine in rates.items()},
            accuracy(labels, classifier.predict_pixels(pixels).logits.argmax(axis=1)).value,
            verdict="",
        )
        for name, classifier in classifiers.items()
    ]


def images_per_second(
    classifiers: Mapping[str, saccade_native.Classifier], pixels: np.ndarray, rounds: int = ROUNDS
) -> dict[str, float]:
    """Medians over rounds in which every engine has its turn, so that a busy moment meets all of them.

    pixels: (N, H, W, 3) uint8, what one call holds.
    """
    passes = {name: _passes_of_a_round(classifier, pixels) for name, classifier in classifiers.items()}
    seconds: dict[str, list[float]] = {name: [] for name in classifiers}
    for _ in range(rounds):
        for name, classifier in classifiers.items():
            seconds[name].append(_seconds_of_a_pass(classifier, pixels, passes[name]))
    return {name: len(pixels) / statistics.median(own) for name, own in seconds.items()}


def _passes_of_a_round(classifier: saccade_native.Classifier, pixels: np.ndarray) -> int:
    classifier.predict_pixels(pixels)  # the first pass of a shape compiles its kernels
    return max(1, int(ROUND_SECONDS / _seconds_of_a_pass(classifier, pixels, 1)))


def _seconds_of_a_pass(classifier: saccade_native.Classifier, pixels: np.ndarray, passes: int) -> float:
    started = time.perf_counter()
    for _ in range(passes):
        classifier.predict_pixels(pixels)
    return (time.perf_counter() - started) / passes


def _line(candidate: Candidate) -> str:
    rates = ", ".join(f"{rate:,.0f} at {size}" for size, rate in candidate.images_per_second.items())
    return (
        f"Engine {candidate.engine}: images a second {rates}; validation accuracy "
        f"{candidate.validation_accuracy:.2%}; {candidate.verdict}."
    )


def _processor() -> str:
    """Returns the processor's name and how many of its cores this process may use: figures mean nothing without."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {len(os.sched_getaffinity(0))} cores"
