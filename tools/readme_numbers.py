"""Writes the README's table of numbers from benchmarks/results: python tools/readme_numbers.py [--check]."""

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
RESULTS = ROOT / "benchmarks" / "results"
START, END = "<!-- numbers: made by tools/readme_numbers.py -->", "<!-- numbers end -->"


def main() -> None:
    """Rewrites the table, or with --check exits with 1 when it is stale."""
    before = README.read_text(encoding="utf-8")
    head, _, rest = before.partition(START)
    _, _, tail = rest.partition(END)
    after = f"{head}{START}\n\n{tables()}\n{END}{tail}"
    if "--check" not in sys.argv:
        README.write_text(after, encoding="utf-8")
    elif after != before:
        sys.exit("README.md does not show benchmarks/results. Run python tools/readme_numbers.py")


def tables() -> str:
    """Returns one Markdown table a result file, each under its machine and date."""
    documents = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob("*.json"))]
    return "\n".join(table(document) for document in documents)


def table(document: dict[str, Any]) -> str:
    """Returns the Markdown table of one result file."""
    machine = document["machine"]
    place = f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_bytes'] / 1e9:.0f} GB, {document['date']}"
    lines = [f"`benchmarks/{document['benchmark']}.py` on {place}:", "", "| what | measured | asked |", "|---|---|---|"]
    lines += [f"| {row['work']} | {measured(row)} | {asked(row)} |" for row in document["rows"]]
    return "\n".join(lines) + "\n"


def measured(row: dict[str, Any]) -> str:
    """Returns the figure with its unit, its rounds, and its peer where it has one."""
    rounds = f" (median of {row['rounds']})" if row["rounds"] > 1 else ""
    peer = f"; {row['ratio']:.3g} times {row['against']} ({number(row['theirs'], row['unit'])})" if row["ratio"] else ""
    return number(row["ours"], row["unit"]) + rounds + peer


def asked(row: dict[str, Any]) -> str:
    """Returns the target in the row's unit, or as a ratio to the peer."""
    if row.get("target_ratio") is not None:
        return f"{row['target_ratio']:g} times"
    return "" if row["target"] is None else number(row["target"], row["unit"])


def number(value: float, unit: str) -> str:
    """Returns 0.9123 of unit fraction as '91.23 %', anything else with its unit: 1,234,567 or three to four digits."""
    if unit == "fraction":
        return f"{100 * value:.2f} %"
    return f"{value:,.0f} {unit}" if value >= 1000 else f"{value:.4g} {unit}"


if __name__ == "__main__":
    main()
