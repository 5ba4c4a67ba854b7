"""saccade drift CAPTURE --bundle BUNDLE --out DIR"""

from pathlib import Path

import click

from saccade.cli.main import existing_directory
from saccade.cli.show import json_option, seed_option, show


@click.command("drift")
@click.argument("capture", type=existing_directory())
@click.option("--bundle", type=existing_directory(), required=True, help="The model bundle that gave the answers.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Where to write verdict and report.")
@click.option(
    "--window", type=click.IntRange(min=20), help="How many of the latest answers to test. Default: up to 500."
)
@click.option(
    "--false-alarm-rate",
    default=0.01,
    show_default=True,
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Share of windows without any change that may be called drift.",
)
@seed_option
@json_option
def command(
    *, capture: Path, bundle: Path, out: Path, window: int | None, false_alarm_rate: float, seed: int, as_json: bool
) -> None:
    """Test the latest captured answers of CAPTURE against the bundle's reference."""
    from saccade.steps.drift import drift

    result = drift(capture, bundle, out, window=window, false_alarm_rate=false_alarm_rate, seed=seed)
    verdict = f"Drift in {', '.join(result['moved'])}." if result["drift"] else "No drift."
    show(result, as_json, [verdict, f"Report: {out / 'drift.html'}"])
