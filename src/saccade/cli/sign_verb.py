"""saccade sign PATH --key KEY.pem"""

from pathlib import Path

import click

from saccade.cli.main import existing_directory


@click.command("sign")
@click.argument("path", type=existing_directory())
@click.option(
    "--key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="Ed25519 private key, PEM, as 'openssl genpkey -algorithm ed25519' makes it.",
)
def command(*, path: Path, key: Path) -> None:
    """Sign PATH, a model store or a bundle, for servers that trust the key."""
    from saccade.serving.signing import sign

    click.echo(f"Signature: {sign(path, key)}")
