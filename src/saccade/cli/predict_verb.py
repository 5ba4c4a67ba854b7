"""saccade predict PATH... --url URL"""

import logging
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from saccade.cli.answer_lines import FORMATS, HEADERS, Lines
from saccade.cli.main import INTERRUPTED
from saccade.cli.named_images import named_images
from saccade.core.errors import DataError, ServingError
from saccade.core.progress import Progress, progress
from saccade.serving.transport import DEFAULT_MODEL, DEFAULT_TIMEOUT_S, PROTOCOLS, Answer

if TYPE_CHECKING:
    from saccade.client import Client

READER_GONE = 141  # 128 + SIGPIPE, as shells report it


@click.command("predict")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, readable=False, allow_dash=True, path_type=Path))
@click.option(
    "--paths-from",
    type=click.File("rb"),
    help="File of more paths, one a line, or with a NUL after each as 'find -print0' writes them; - is stdin.",
)
@click.option("--url", help="The server. Default: http://127.0.0.1:8080; for grpc http://127.0.0.1:8081.")
@click.option("--model", default=DEFAULT_MODEL, show_default=True, help="Name of the served model.")
@click.option(
    "--protocol",
    type=click.Choice(PROTOCOLS),
    default="raw",
    show_default=True,
    help="Raw image body, KServe V1 JSON, Open Inference Protocol (V2) in JSON, with binary tensors or over gRPC.",
)
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with the bearer token that the server asks for. Default: none is sent.",
)
@click.option(
    "--timeout",
    default=DEFAULT_TIMEOUT_S,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    help="The longest silence of the server, in s.",
)
@click.option(
    "--concurrency", default=4, show_default=True, type=click.IntRange(1, 256), help="Requests under way at once."
)
@click.option(
    "--format",
    "output",
    type=click.Choice(list(FORMATS)),
    default="text",
    show_default=True,
    help="How answers are printed.",
)
@click.option("--json", "output", flag_value="json", help="One JSON object a line, with every field of the answer.")
def command(
    *, paths: tuple[Path, ...], paths_from: BinaryIO | None, output: str, concurrency: int, **server: Any
) -> None:
    """Classify image files, and the images in folders, through a running server.

    PATH - is one image on standard input. Every image has its line on stdout, in order, as it is answered; what is
    refused or cannot be read has the reason there. Exit code 3 tells that there is such an image.
    """
    images = named_images(paths, paths_from, sys.stdin.buffer)
    with _client(**server) as client, _progress(len(images)) as bar:
        if output in HEADERS:
            _print(HEADERS[output])
        answers = client.predict_each((image for _, image in images), concurrency)
        refused, failed = _print_all([name for name, _ in images], answers, FORMATS[output], bar)
    if failed:
        raise ServingError(f"The server failed for {failed} of {len(images)} images; each says why in its own line.")
    if refused:
        raise DataError(f"{refused} of {len(images)} images were refused; each says why in its own line.")


def _print_all(names: Sequence[str], answers: Iterable[Answer], line: Lines, bar: Progress | None) -> tuple[int, int]:
    """Prints each answer as it comes. Returns how many images were refused, and for how many the server failed."""
    printed = refused = failed = 0
    try:
        for name, answer in zip(names, answers, strict=True):
            _print(line(name, answer))
            printed += 1
            if "error" in answer:
                is_fault = answer["error"].get("status", 0) >= HTTPStatus.INTERNAL_SERVER_ERROR
                failed, refused = failed + is_fault, refused + (not is_fault)
            if bar:
                bar.update()
    except KeyboardInterrupt:
        click.echo(f"Interrupted after {printed} of {len(names)} images.", err=True)
        sys.exit(INTERRUPTED)
    return refused, failed


def _client(*, url: str | None, model: str, protocol: Any, token_file: Path | None, timeout: float) -> "Client":
    from saccade.client import Client
    from saccade.serving.tokens import read_token

    logging.getLogger("urllib3").setLevel(logging.ERROR)  # it warns of each connection that it opens again
    address = url or f"http://127.0.0.1:{8081 if protocol == 'grpc' else 8080}"
    token = read_token(token_file).decode("latin-1") if token_file else None
    return Client(address, model, protocol=protocol, token=token, timeout_s=timeout)


def _progress(images: int) -> AbstractContextManager[Progress | None]:
    """A bar for who sees nothing else: on a terminal the lines themselves show how far it is."""
    watched = sys.stderr.isatty() and not sys.stdout.isatty()
    return progress(images, "Predict", "images") if watched else nullcontext()


def _print(line: str) -> None:
    """Writes a whole line at once, file names byte by byte as they are on the disk."""
    try:
        sys.stdout.buffer.write(os.fsencode(f"{line}\n"))
        sys.stdout.buffer.flush()
    except BrokenPipeError:  # nobody reads on, as after `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the flush at exit fails too
        sys.exit(READER_GONE)
