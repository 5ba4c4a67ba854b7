"""saccade evaluate TRAINING --dataset DATASET --out BUNDLE"""

from pathlib import Path

import click

from saccade.cli.main import existing_directory
from saccade.cli.show import engine_option, json_option, percent, seed_option, show


@click.command("evaluate")
@click.argument("training", type=existing_directory())
@click.option("--dataset", type=existing_directory(), required=True, help="The prepared dataset bundle.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Where to write the model bundle.")
@click.option("--name", default="classifier", show_default=True, help="Name under which the model is served.")
@click.option("--version", default="1", show_default=True, help="Version of the model.")
@click.option("--min-accuracy", type=click.FloatRange(0, 1), help="Exit with 4 when test accuracy is below this.")
@engine_option
@seed_option
@json_option
def command(
    *,
    training: Path,
    dataset: Path,
    out: Path,
    name: str,
    version: str,
    min_accuracy: float | None,
    engine: str,
    seed: int,
    as_json: bool,
) -> None:
    """Measure on the test split exactly what will be served, and write the model bundle with its report."""
    from saccade.steps.evaluate import evaluate

    result = evaluate(
        dataset, training, out, name=name, version=version, seed=seed, min_accuracy=min_accuracy, engine=engine
    )
    interval = f"{percent(result['accuracy_low'])} to {percent(result['accuracy_high'])}"
    show(
        result,
        as_json,
        [
            f"Test accuracy: {percent(result['accuracy'])} ({interval})",
            f"Engine: {result['engine']['precision']}",
            f"Model bundle: {out}",
            f"Report: {out / 'report.html'}",
        ],
    )
