"""saccade predict PATH... --url URL"""

import json
import sys
from pathlib import Path
from typing import Any

import click

from saccade.client import Answer
from saccade.core.errors import DataError, ServingError

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


@click.command("predict")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--url", default="http://127.0.0.1:8080", show_default=True, help="The server.")
@click.option("--model", default="classifier", show_default=True, help="Name of the served model.")
@click.option(
    "--protocol",
    type=click.Choice(["raw", "v1", "v2"]),
    default="raw",
    show_default=True,
    help="Raw image body, KServe V1 JSON, or Open Inference Protocol (V2) JSON.",
)
@click.option(
    "--concurrency", default=4, show_default=True, type=click.IntRange(1, 256), help="Requests under way at once."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line, with every field of the answer.")
def command(*, paths: tuple[Path, ...], url: str, model: str, protocol: Any, concurrency: int, as_json: bool) -> None:
    """Classify image files (and the images in folders) through a running server."""
    from saccade.serving.client import Client

    images = [image for path in paths for image in _images(path)]
    if not images:
        raise DataError(f"No image ({', '.join(sorted(IMAGE_SUFFIXES))}) in {', '.join(map(str, paths))}.")
    failures = 0
    with Client(url, model, protocol=protocol) as client:
        for image, answer in zip(images, client.predict(images, concurrency=concurrency), strict=True):
            failures += "error" in answer
            sys.stdout.write((json.dumps({"path": str(image), **answer}) if as_json else _line(image, answer)) + "\n")
    if failures:
        raise ServingError(f"{failures} of {len(images)} images were refused; each says why in its own line.")


def _images(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return sorted(file for file in path.rglob("*") if file.suffix.lower() in IMAGE_SUFFIXES)


def _line(image: Path, answer: Answer) -> str:
    if "error" in answer:
        return f"{image}: {answer['error']['message']}"
    strange = ", unlike the training data" if answer["ood"]["is_ood"] else ""
    return f"{image}: {answer['label']} ({answer['probability']:.1%}{strange})"
