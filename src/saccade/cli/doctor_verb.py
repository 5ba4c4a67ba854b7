"""saccade doctor"""

import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import click

from saccade.cli.show import json_option, show
from saccade.core.errors import SaccadeError, UsageError

MIN_FREE_BYTES = 5 << 30
PARTS = {
    "training": ("torch", "ray", "mlflow"),
    "pipelines": ("kfp",),
    "serving": ("torchserve",),
    "drift": ("evidently",),
}


@click.command("doctor")
@json_option
def command(*, as_json: bool) -> None:
    """Check this machine: native library, Java, engine, accelerator, disk, and which parts are installed."""
    checks: dict[str, Callable[[], str]] = {
        "python": platform.python_version,
        "cores": lambda: str(len(os.sched_getaffinity(0))),
        "native library": _native,
        "engine": _engine,
        "java": _java,
        "accelerator": _accelerator,
        "free disk": _free_disk,
        **{part: _installed(packages) for part, packages in PARTS.items()},
    }
    findings = [_finding(name, check) for name, check in checks.items()]
    lines = [f"{'ok ' if finding['ok'] else 'NOT'} {finding['check']:15} {finding['finding']}" for finding in findings]
    show({"checks": findings}, as_json, lines)
    if not all(finding["ok"] for finding in findings):
        sys.exit(UsageError.exit_code)


def _finding(name: str, check: Callable[[], str]) -> dict[str, str | bool]:
    try:
        return {"check": name, "ok": True, "finding": check()}
    except (SaccadeError, ImportError) as error:
        return {"check": name, "ok": False, "finding": str(error)}


def _native() -> str:
    import saccade_native

    return f"saccade-native {importlib.metadata.version('saccade-native')}, {Path(saccade_native.__file__).parent}"


def _engine() -> str:
    import openvino

    core = openvino.Core()
    capabilities = ", ".join(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
    return f"OpenVINO {openvino.__version__.split('-')[0]} on CPU ({capabilities})"


def _java() -> str:
    from saccade.serving.torchserve.java import find_java

    return str(find_java())


def _accelerator() -> str:
    try:
        import torch
    except ImportError:
        return "none (torch is not installed)"
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "none; training runs on the CPU"


def _free_disk() -> str:
    free = shutil.disk_usage(Path.cwd()).free
    if free < MIN_FREE_BYTES:
        raise UsageError(
            f"{free / 1e9:.1f} GB here, a run wants {MIN_FREE_BYTES / 1e9:.1f} GB. Free some or use --out elsewhere."
        )
    return f"{free / 1e9:.0f} GB here"


def _installed(packages: tuple[str, ...]) -> Callable[[], str]:
    return lambda: ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)
