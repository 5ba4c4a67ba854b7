"""What every benchmark shares: the machine, the row, and the result file."""

import argparse
import datetime
import json
import os
import statistics
from pathlib import Path
from typing import Any


def argument_parser(description: str | None) -> argparse.ArgumentParser:
    """Returns a parser of --out and --quick, for a benchmark to add its own options to."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="the JSON file to write")
    parser.add_argument("--quick", action="store_true", help="small work and few rounds: does it run, not how fast")
    return parser


def arguments(description: str | None) -> argparse.Namespace:
    """Returns --out and --quick."""
    return argument_parser(description).parse_args()


def machine() -> dict[str, Any]:
    """Returns the processor's name, the usable cores and the memory in bytes."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"cpu": names[0] if names else "unknown", "cores": len(os.sched_getaffinity(0)), "memory_bytes": memory}


def row(
    work: str,
    unit: str,
    ours: float,
    *,
    against: str,
    theirs: float | None,
    rounds: int,
    target: float | None = None,
    target_ratio: float | None = None,
    higher_is_better: bool = True,
) -> dict[str, Any]:
    """Returns one result; ratio is above 1 when ours is better.

    theirs: None without a peer.   target: what ours should reach, in its unit.   target_ratio: what ratio should reach.
    """
    ratio = None
    if theirs is not None:
        ratio = round(ours / theirs if higher_is_better else theirs / ours, 3)
    return {
        "work": work,
        "against": against,
        "unit": unit,
        "ours": ours,
        "theirs": theirs,
        "ratio": ratio,
        "target": target,
        "target_ratio": target_ratio,
        "rounds": rounds,
    }


def figure(work: str, unit: str, values: list[float], target: float | None) -> dict[str, Any]:
    """Returns the row of a figure without a peer: the median, with every round's value beside it."""
    middle = round(statistics.median(values), 4)
    kept = row(work, unit, middle, against="the issue's figure", theirs=None, target=target, rounds=len(values))
    return {**kept, "values": [round(value, 4) for value in values]}


def write(path: Path, benchmark: str, rows: list[dict[str, Any]]) -> None:
    """Writes the result file and prints its rows."""
    date = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    document = {"benchmark": benchmark, "date": date, "machine": machine(), "rows": rows}
    draft = path.with_suffix(".tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    draft.write_text(json.dumps(document, indent=2) + "\n")
    draft.replace(path)
    for item in rows:
        print(
            f"{item['work']}: {item['ours']:,.4g} {item['unit']}"
            + (f", {item['ratio']} times {item['against']}" if item["ratio"] else "")
        )
