"""saccade serve BUNDLE --port P"""

import tempfile
from pathlib import Path

import click

from saccade.cli.main import existing_directory


@click.command("serve")
@click.argument("bundle", type=existing_directory())
@click.option(
    "--port",
    default=8080,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port on loopback; 0 takes a free one.",
)
@click.option(
    "--server", type=click.Choice(["torchserve"]), default="torchserve", show_default=True, help="The front door."
)
@click.option(
    "--capture",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory for capture records. Default: none are kept.",
)
def command(*, bundle: Path, port: int, server: str, capture: Path | None) -> None:
    """Serve BUNDLE on loopback until Ctrl-C or SIGTERM."""
    from saccade.serving.torchserve import TorchServe
    from saccade.steps.publish import publish

    with tempfile.TemporaryDirectory(prefix="saccade-serve-") as scratch:
        model_store = Path(scratch) / "model_store"
        publish(bundle, model_store)
        with TorchServe(model_store, port=port, log_dir=Path(scratch) / "logs", capture_dir=capture) as torchserve:
            click.echo(f"Serving {bundle} at {torchserve.url}. Stop with Ctrl-C.", err=True)
            torchserve.wait()
