"""saccade serve PATH... --port P [--server torchserve|kserve]"""

import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from saccade.cli.main import existing_directory
from saccade.core.log import configure_server_logging, logger
from saccade.core.settings import read_settings

TORCHSERVE_OPTIONS = {"paths", "port", "server", "capture", "trusted_key", "metrics_port", "host", "drain_seconds"}


@click.command("serve")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=existing_directory())
@click.option(
    "--port",
    default=8080,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port of HTTP; 0 takes a free one.",
)
@click.option(
    "--server",
    type=click.Choice(["torchserve", "kserve"]),
    default="torchserve",
    show_default=True,
    help="The front door. Only kserve takes the options below --drain-seconds.",
)
@click.option(
    "--capture",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory for capture records. Default: SACCADE_CAPTURE_DIR, else none are kept.",
)
@click.option(
    "--trusted-key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Ed25519 public key, PEM: what it did not sign is not served. Default: SACCADE_TRUSTED_KEY, else none.",
)
@click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    help="Port of TorchServe's /metrics; 0 takes a free one. Default: --port plus 2, or a free one when --port is 0. "
    "kserve answers /metrics at --port.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 is every one.")
@click.option(
    "--drain-seconds",
    type=click.FloatRange(0, 20),
    default=0.0,
    show_default=True,
    help="After SIGTERM requests are still taken for so long, in s, while readiness is false.",
)
@click.option(
    "--grpc-port",
    type=click.IntRange(0, 65535),
    help="Port of gRPC; 0 takes a free one. Default: the one after --port, or a free one when --port is 0.",
)
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with the bearer token that inference asks for. Default: none is asked for.",
)
@click.option("--batch-images", type=int, default=32, show_default=True, help="The most images in one call.")
@click.option(
    "--batch-delay-ms", type=float, default=1.0, show_default=True, help="The longest wait for more images, in ms."
)
@click.option(
    "--queue-images", type=int, default=512, show_default=True, help="Images that may wait; more are refused with 503."
)
@click.option(
    "--max-body-bytes",
    type=click.IntRange(1),
    default=64 << 20,
    show_default=True,
    help="Longer request bodies are refused with 413.",
)
@click.pass_context
def command(context: click.Context, **options: Any) -> None:
    """Serve bundles or model stores on loopback until Ctrl-C or SIGTERM.

    SIGHUP makes the server read them again; torchserve does so with a model store alone.
    Of several versions of one model the first is the default; in a store that is the one published last.
    """
    if options["server"] == "kserve":
        if options.pop("metrics_port") is not None:
            raise click.UsageError("--metrics-port needs --server torchserve.")
        _kserve(**options)
        return
    for name in options.keys() - TORCHSERVE_OPTIONS:
        if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT:
            raise click.UsageError(f"--{name.replace('_', '-')} needs --server kserve.")
    _torchserve(**{name: options[name] for name in TORCHSERVE_OPTIONS})


def _torchserve(
    *, paths: tuple[Path, ...], port: int, trusted_key: Path | None, metrics_port: int | None, **options: Any
) -> None:
    from saccade.serving.archive import served_store
    from saccade.serving.torchserve.server import TorchServe

    settings = read_settings()
    configure_server_logging(sys.stderr, as_json=settings.log_format == "json")
    with tempfile.TemporaryDirectory(prefix="saccade-serve-") as scratch:
        store, key = served_store(paths, Path(scratch), trusted_key or settings.trusted_key)
        with TorchServe(
            store,
            host=options["host"],
            port=port,
            log_dir=Path(scratch) / "logs",
            capture_dir=options["capture"],
            trusted_key=key,
            metrics_port=_port_after(port, 2, metrics_port),
            drain_s=options["drain_seconds"],
        ) as torchserve:
            logger.info(
                f"Serving {_listed(paths)} at {torchserve.url}, its metrics at {torchserve.metrics_url}. "
                "Stop with Ctrl-C."
            )
            torchserve.serve()


def _kserve(*, paths: tuple[Path, ...], capture: Path | None, trusted_key: Path | None, **options: Any) -> None:
    from saccade.serving.kserve.batching import BatchLimits
    from saccade.serving.kserve.server import DoorOptions, KserveServer
    from saccade.serving.tokens import read_token

    door = DoorOptions(
        host=options["host"],
        port=options["port"],
        grpc_port=_port_after(options["port"], 1, options["grpc_port"]),
        batch=BatchLimits(options["batch_images"], options["batch_delay_ms"] / 1000, options["queue_images"]),
        max_body_bytes=options["max_body_bytes"],
        max_held_bytes=8 * options["max_body_bytes"],
        drain_s=options["drain_seconds"],
        token=read_token(options["token_file"]) if options["token_file"] else None,
    )
    settings = read_settings()
    configure_server_logging(sys.stderr, as_json=settings.log_format == "json")
    settings = replace(
        settings,
        capture_dir=capture or settings.capture_dir,
        trusted_key=trusted_key or settings.trusted_key,
    )
    server = KserveServer(paths, door, settings)
    server.start(
        lambda: logger.info(
            f"Serving {_listed(paths)} at {server.url} and by gRPC at {server.grpc_address}. Stop with Ctrl-C."
        )
    )


def _listed(paths: tuple[Path, ...]) -> str:
    return ", ".join(map(str, paths))


def _port_after(port: int, distance: int, wanted: int | None) -> int:
    """Returns wanted, or else a port at that distance from port; 0, which takes a free one, when port is 0 too."""
    if wanted is not None:
        return wanted
    return port + distance if 0 < port <= 65535 - distance else 0
