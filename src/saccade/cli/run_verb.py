"""saccade run [--data DATA]... [--out DIR]"""

from pathlib import Path
from typing import Any

import click

from saccade.cli.show import engine_option, json_option, percent, seed_option, show
from saccade.core.errors import QualityGateError


@click.command("run")
@click.option(
    "--data",
    "sources",
    multiple=True,
    help="Images: see `saccade import --help`. Several merge. Default: handwritten digits.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("runs/latest"),
    show_default=True,
    help="Directory of the run. Run again with the same one to go on or to repeat without work.",
)
@click.option(
    "--mapping", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="File that renames classes."
)
@click.option("--name", default="classifier", show_default=True, help="Name under which the model is served.")
@click.option("--size", type=click.IntRange(min=8), help="Training size in pixels. Default: chosen from the images.")
@click.option(
    "--balance",
    type=click.Choice(["none", "weights", "augment"]),
    default="none",
    show_default=True,
    help="How rare classes are made to count.",
)
@click.option("--architecture", help="Architecture. Default: chosen from the training size.")
@click.option("--trials", default=8, show_default=True, type=click.IntRange(min=1), help="Most tuning trials.")
@click.option("--tune-seconds", default=60.0, show_default=True, help="Most seconds of tuning.")
@click.option(
    "--epochs", type=click.FloatRange(min=0, min_open=True), help="Passes over the data. Default: the recipe's."
)
@click.option("--min-accuracy", type=click.FloatRange(0, 1), help="Target: exit with 4 when test accuracy is below it.")
@click.option("--serve", is_flag=True, help="Keep the server up at the end, until Ctrl-C.")
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="Port on loopback. Default: a free one.")
@engine_option
@seed_option
@json_option
def command(
    *, sources: tuple[str, ...], out: Path, min_accuracy: float | None, serve: bool, as_json: bool, **options: Any
) -> None:
    """Import, prepare, tune, train, evaluate and publish; then serve, classify held-out images, and test for drift.

    Nothing is done twice: finished steps are kept in --out and only what changed is done again.
    """
    from saccade_pipelines.main_job import MainJob, main_job

    with main_job(MainJob(out=out.resolve(), sources=sources or ("digits",), **options)) as (result, server):
        show(result, as_json, _lines(result, min_accuracy, serve))
        if serve:
            server.wait()
    if min_accuracy is not None and result["accuracy"] < min_accuracy:
        raise QualityGateError(
            f"Test accuracy {percent(result['accuracy'])} is below the target {percent(min_accuracy)}. "
            f"Look at the mistakes in '{result['report']}', add images or raise --epochs, and run again."
        )


def _lines(result: dict[str, Any], min_accuracy: float | None, serve: bool) -> list[str]:
    interval = f"95 % interval {percent(result['accuracy_low'])} to {percent(result['accuracy_high'])}"
    target = "" if min_accuracy is None else f", target {percent(min_accuracy)}"
    url = result["url"] if serve else "http://127.0.0.1:8080"
    start = [] if serve else [f"Serve again    saccade serve {result['bundle']} --port 8080"]
    return [
        f"Test accuracy  {percent(result['accuracy'])} ({interval}{target})",
        f"Over HTTP      {percent(result['served_accuracy'])} of held-out images right",
        *(f"Drift          {_verdict(result, stream)}" for stream in result["drift"]),
        f"Report         {result['report']}",
        *(f"Drift report   {report}" for report in result["drift_reports"].values()),
        f"Bundle         {result['bundle']}",
        f"Time           {sum(result['seconds'].values()):.0f} s: "
        + ", ".join(f"{step} {seconds:.0f}" for step, seconds in result["seconds"].items()),
        *start,
        f"Ask            curl -s --data-binary @{result['example']} {url}/predictions/{result['model']}",
    ]


def _verdict(result: dict[str, Any], stream: str) -> str:
    moved = ", ".join(result["drift_moved"][stream])
    return f"{stream} stream: " + (f"drift in {moved}" if result["drift"][stream] else "none")
