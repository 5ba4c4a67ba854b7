"""saccade train DATASET --out DIR"""

from pathlib import Path

import click

from saccade.cli.main import existing_directory
from saccade.cli.show import json_option, percent, seed_option, show


@click.command("train")
@click.argument("dataset", type=existing_directory())
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Where to write weights and engine.")
@click.option("--tuning", type=existing_directory(), help="Result of `saccade tune`. Default: the recipe as it is.")
@click.option("--architecture", help="Architecture. Default: chosen from the training size.")
@click.option(
    "--epochs", type=click.FloatRange(min=0, min_open=True), help="Passes over the data. Default: the recipe's."
)
@seed_option
@json_option
def command(
    *,
    dataset: Path,
    out: Path,
    tuning: Path | None,
    architecture: str | None,
    epochs: float | None,
    seed: int,
    as_json: bool,
) -> None:
    """Train one network on a prepared DATASET. Run again after an interruption to go on."""
    from saccade.steps.train import train

    result = train(dataset, out, tuning=tuning, architecture=architecture, epochs=epochs, seed=seed)
    lines = [f"Trained: {out}", f"  validation accuracy {percent(result['validation_accuracy'])}"]
    show(result, as_json, lines)
