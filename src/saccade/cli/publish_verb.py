"""saccade publish BUNDLE --model-store DIR"""

from pathlib import Path

import click

from saccade.cli.main import existing_directory
from saccade.cli.show import json_option, show


@click.command("publish")
@click.argument("bundle", type=existing_directory())
@click.option(
    "--model-store", type=click.Path(path_type=Path), required=True, help="The TorchServe model store to write."
)
@json_option
def command(*, bundle: Path, model_store: Path, as_json: bool) -> None:
    """Pack BUNDLE into an archive, with config.properties beside it."""
    from saccade.steps.publish import publish

    result = publish(bundle, model_store)
    show(result, as_json, [f"Model store: {model_store}"])
