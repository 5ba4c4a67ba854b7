"""saccade prepare DATASET --out DIR"""

from pathlib import Path
from typing import Any

import click

from saccade.cli.main import existing_directory
from saccade.cli.show import json_option, seed_option, show


@click.command("prepare")
@click.argument("dataset", type=existing_directory())
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Where to write the prepared bundle.")
@click.option("--size", type=click.IntRange(min=8), help="Training size in pixels. Default: chosen from the images.")
@click.option(
    "--balance",
    type=click.Choice(["none", "weights", "augment"]),
    default="none",
    show_default=True,
    help="How rare classes are made to count: not, by loss weights, or by more augmented copies.",
)
@seed_option
@json_option
def command(*, dataset: Path, out: Path, size: int | None, balance: Any, seed: int, as_json: bool) -> None:
    """Decode and resize every image of DATASET once, at training size."""
    from saccade.steps.prepare import prepare

    result = prepare(dataset, out, size=size, balance=balance, seed=seed)
    show(result, as_json, [f"Prepared bundle: {out}"])
