"""saccade publish BUNDLE --model-store DIR"""

from pathlib import Path
from typing import Any

import click

from saccade.cli.main import existing_directory
from saccade.cli.show import json_option, show


@click.command("publish")
@click.argument("bundle", type=existing_directory())
@click.option(
    "--model-store", type=click.Path(path_type=Path), required=True, help="The TorchServe model store to write."
)
@click.option(
    "--keep-versions",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="How many older versions of this model stay in the store and are served beside the new one.",
)
@click.option(
    "--sign-key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Ed25519 private key, PEM, that signs the store's index. Default: the store is not signed.",
)
@json_option
def command(*, bundle: Path, model_store: Path, as_json: bool, **options: Any) -> None:
    """Pack BUNDLE into an archive, with config.properties beside it."""
    from saccade.steps.publish import publish

    result = publish(bundle, model_store, **options)
    show(result, as_json, [f"Model store: {model_store}"])
