"""The `saccade` command: one file a verb, loaded when it is called."""

import importlib
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import click

from saccade import __version__
from saccade.core.errors import SaccadeError
from saccade.core.log import configure_logging, logger
from saccade.core.settings import opt_out_of_telemetry

VERBS = {
    "run": "The main job: images in, a served and watched classifier out.",
    "import": "Check and store images as a dataset bundle.",
    "prepare": "Decode a dataset bundle once, at training size.",
    "tune": "Search the training configuration with Ray Tune.",
    "train": "Train a network on a prepared dataset.",
    "evaluate": "Measure what will be served and complete the model bundle.",
    "publish": "Pack a model bundle into a TorchServe model store.",
    "sign": "Sign a model store or a bundle with a key.",
    "serve": "Serve a model bundle on this machine.",
    "predict": "Classify images through a running server.",
    "drift": "Test captured answers for drift.",
    "doctor": "Check this machine.",
}
INTERRUPTED = 130  # 128 + SIGINT, as shells report it


class VerbGroup(click.Group):
    """Loads a verb's module only when the verb is called, so that help and errors are instant."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs in the order in which they are used."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb's command, or None for an unknown one."""
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"saccade.cli.{cmd_name}_verb")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the verbs without loading them."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=VerbGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, prog_name="saccade")
def cli() -> None:
    """Folders of images in; a trained, served and watched classifier out.

    Results go to stdout (one JSON object with --json), words to stderr.
    Exit codes: 0 done, 1 our fault, 2 wrong use, 3 bad data, 4 a quality gate was not met.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and exits with its code."""
    opt_out_of_telemetry()
    configure_logging()
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        cli.main(args=arguments, prog_name="saccade", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted. Run the same command again to go on from the last finished step.", err=True)
        sys.exit(INTERRUPTED)
    except SaccadeError as error:
        logger.error(f"Error: {error}")
        sys.exit(error.exit_code)


def existing_directory() -> click.Path:
    """The type of an argument that names a directory which must be there."""
    return click.Path(exists=True, file_okay=False, path_type=Path)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    """Ends on SIGTERM as on Ctrl-C, so that every block stops what it started."""
    raise KeyboardInterrupt
