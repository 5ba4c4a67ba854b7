"""Captured answers and the bundle's reference in; a verdict with a known false-alarm rate and a report out."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from saccade.core.artifacts import (
    BUNDLE_JSON,
    DRIFT_HTML,
    DRIFT_JSON,
    EVIDENTLY_JSON,
    REFERENCE_PARQUET,
    BundleInfo,
)
from saccade.core.errors import SpecError
from saccade.core.files import atomic_directory, write_json
from saccade.core.log import logger
from saccade.core.seed import derived_seed
from saccade.steps.step import step
from saccade.watch.banner import verdict_banner
from saccade.watch.capture_reader import CaptureWindow, answers, read_capture, read_reference
from saccade.watch.evidently_report import write_evidently_report
from saccade.watch.verdict import DEFAULT_FALSE_ALARM_RATE, judge


@step
def drift(
    capture: Path,
    bundle: Path,
    out: Path,
    *,
    false_alarm_rate: float = DEFAULT_FALSE_ALARM_RATE,
    window: int | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Compares the latest `window` captured answers (default: up to 500) with answers on images kept from training.

    capture: a capture file or a directory of them. Writes drift.json, drift.html and evidently.json to out.
    Returns the verdict as drift.json holds it. Raises DataError when fewer than 20 records of this model are there.
    """
    if not 0 < false_alarm_rate < 1:
        raise SpecError(f"A false-alarm rate of {false_alarm_rate} is outside (0, 1). Choose for example 0.01.")
    info = BundleInfo.load(bundle / BUNDLE_JSON)
    captured = read_capture(capture, info.name, info.version, window)
    reference = answers(read_reference(bundle / REFERENCE_PARQUET), info.classes)
    latest = answers(captured.records, info.classes)

    started = time.monotonic()
    verdict = judge(reference, latest, info.classes, false_alarm_rate=false_alarm_rate, seed=seed)
    verdict_seconds = time.monotonic() - started
    first, last = _period(captured)
    result = {
        "drift": verdict.drift,
        "p_value": verdict.p_value,
        "moved": verdict.moved,
        "false_alarm_rate": verdict.false_alarm_rate,
        "window": verdict.window_rows,
        "reference": verdict.reference_rows,
        "permutations": verdict.permutations,
        "tests": [asdict(test) for test in verdict.tests],
        "model": {"name": info.name, "version": info.version},
        "capture": {
            "first": first,
            "last": last,
            "records": captured.found,
            "records_of_other_models": captured.other_models,
            "unreadable_files": captured.unreadable,
        },
        "seed": seed,
    }
    with atomic_directory(out) as draft:
        write_evidently_report(
            reference,
            latest,
            info.classes,
            html_path=draft / DRIFT_HTML,
            json_path=draft / EVIDENTLY_JSON,
            false_alarm_rate=false_alarm_rate,
            banner=verdict_banner(verdict, info, f"{first[:19]} to {last[:19]} UTC"),
            seed=derived_seed(seed, "evidently"),
        )
        timing = {"verdict": round(verdict_seconds, 3), "all": round(time.monotonic() - started, 3)}
        write_json(draft / DRIFT_JSON, {**result, "timing_seconds": timing})
    logger.info(_summary(result))
    return result


def _period(captured: CaptureWindow) -> tuple[str, str]:
    times = captured.records["time"]
    return times[0].as_py().isoformat(), times[-1].as_py().isoformat()


def _summary(result: dict[str, Any]) -> str:
    if not result["drift"]:
        return f"No drift in {result['window']} answers (p = {result['p_value']:.3f})."
    words = "; ".join(test["words"] for test in result["tests"] if test["moved"])
    return f"Drift in {result['window']} answers (p = {result['p_value']:.4f}): {words}."
