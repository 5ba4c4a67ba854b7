"""saccade tune DATASET --out DIR"""

from pathlib import Path

import click

from saccade.cli.main import existing_directory
from saccade.cli.show import json_option, seed_option, show


@click.command("tune")
@click.argument("dataset", type=existing_directory())
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Where to write the trials and the choice.")
@click.option("--architecture", help="Architecture. Default: chosen from the training size.")
@click.option("--trials", default=8, show_default=True, type=click.IntRange(min=1), help="Most trials.")
@click.option("--seconds", default=60.0, show_default=True, help="Most seconds of search.")
@seed_option
@json_option
def command(
    *, dataset: Path, out: Path, architecture: str | None, trials: int, seconds: float, seed: int, as_json: bool
) -> None:
    """Search learning rate, weight decay and width with Ray Tune (ASHA)."""
    from saccade.steps.tune import tune

    result = tune(dataset, out, architecture=architecture, trials=trials, seconds=seconds, seed=seed)
    show(result, as_json, [f"Trials and choice: {out}"])
