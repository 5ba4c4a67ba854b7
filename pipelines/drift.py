"""One drift job over captured answers: what a recurring run executes."""

from typing import NamedTuple

from kfp import dsl

from saccade_components.drift.component import drift


class DriftOutputs(NamedTuple):
    result: dsl.Artifact
    verdict: dict


@dsl.pipeline(name="saccade-drift", description="Captured answers against the bundle's reference.")
def drift_pipeline(
    capture: str,
    bundle: str,
    window: int = 0,
    false_alarm_rate: float = 0.01,
    seed: int = 0,
) -> DriftOutputs:
    """Never cached: capture grows while its address stays."""
    job = drift(capture=capture, bundle=bundle, window=window, false_alarm_rate=false_alarm_rate, seed=seed)
    job.set_caching_options(False)
    return DriftOutputs(result=job.outputs["result"], verdict=job.outputs["Output"])
