"""How results are shown: as one JSON object, or as short lines for a person."""

import json
import sys
from collections.abc import Mapping
from typing import Any

import click

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
engine_option = click.option(
    "--engine",
    type=click.Choice(["auto", "f32", "bf16", "int8", "inductor"]),
    default="auto",
    show_default=True,
    help="What serves: OpenVINO in that arithmetic, or code that torch compiles for the GPU here, else for the CPU. "
    "auto: the fastest of OpenVINO's here that loses at most 0.3 points of validation accuracy.",
)
seed_option = click.option("--seed", default=0, show_default=True, help="Seed of every random choice.")


def show(result: Mapping[str, Any], as_json: bool, lines: list[str]) -> None:
    """Prints result as JSON, or the lines."""
    if as_json:
        sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def percent(fraction: float) -> str:
    """Returns 0.98765 as '98.77 %'."""
    return f"{100 * fraction:.2f} %"
