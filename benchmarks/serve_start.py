"""TorchServe from start to its first right answer, beside the same server whose worker imports torch.

    python benchmarks/serve_start.py --out FILE.json [--quick]

The model is a network for scikit-learn's digits, trained for one pass: what is timed does not depend on its accuracy.
"""

import statistics
import tempfile
import time
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

from common import argument_parser, row, write

from saccade.core.artifacts import MODEL_STORE_DIR
from saccade.serving.torchserve.server import TorchServe
from saccade.steps.evaluate import evaluate
from saccade.steps.import_images import import_images
from saccade.steps.prepare import prepare
from saccade.steps.publish import publish
from saccade.steps.train import train

TARGET_S = 15.0
ROUNDS = 5
EPOCHS = 1.0


def main() -> None:
    """Publishes one model twice, measures in turn, prints and writes."""
    arguments = argument_parser(__doc__).parse_args()
    rounds = 1 if arguments.quick else ROUNDS
    with tempfile.TemporaryDirectory(prefix="saccade-bench-") as scratch:
        bundle = make_bundle(Path(scratch))
        ours, with_torch = Path(scratch) / "ours", Path(scratch) / "with-torch"
        for store in (ours, with_torch):
            publish(bundle, store)
        remove_stand_in(with_torch)
        measured = [(measure(ours, Path(scratch)), measure(with_torch, Path(scratch))) for _ in range(rounds)]
    write(arguments.out, "serve_start", rows(measured))


def make_bundle(scratch: Path) -> Path:
    """Returns a model bundle of the digits."""
    import_images([], scratch / "imported")
    prepare(scratch / "imported", scratch / "prepared")
    train(scratch / "prepared", scratch / "training", epochs=EPOCHS)
    evaluate(scratch / "prepared", scratch / "training", scratch / "bundle")
    return scratch / "bundle"


def remove_stand_in(store: Path) -> None:
    """Takes torch.py out of the archive, so that the worker imports the torch that is installed."""
    for archive in (store / MODEL_STORE_DIR).glob("*.mar"):
        with zipfile.ZipFile(archive) as packed:
            files = {name: packed.read(name) for name in packed.namelist() if name != "torch.py"}
        with zipfile.ZipFile(archive, "w") as packed:
            for name, content in files.items():
                packed.writestr(name, content)


def measure(store: Path, scratch: Path) -> dict[str, float]:
    """Returns seconds to the first right answer, to a worker that listens, and of the stop.

    TorchServe checks the answer before the clock stops: start_seconds is the time until a golden image was answered
    with its label.
    """
    started = datetime.now()
    with TorchServe(store, log_dir=scratch / "logs") as server:
        seconds = server.start_seconds
        stopping = time.monotonic()
    worker = (log_time(server.log, "Torch worker started.") - started).total_seconds()
    return {"answer": seconds, "worker": worker, "stop": time.monotonic() - stopping}


def log_time(log: Path, event: str) -> datetime:
    """Returns when the log says that something happened."""
    line = next(line for line in log.read_text().splitlines() if line.endswith(event))
    return datetime.strptime(line.split()[0], "%Y-%m-%dT%H:%M:%S,%f")


def rows(measured: list[tuple[dict[str, float], dict[str, float]]]) -> list[dict[str, Any]]:
    """Returns the medians as result rows."""

    def one(work: str, name: str, target: float | None) -> dict[str, Any]:
        ours, theirs = (round(statistics.median(pair[side][name] for pair in measured), 2) for side in (0, 1))
        return row(
            work,
            "s",
            ours,
            against="the same server with torch in its worker",
            theirs=theirs,
            target=target,
            rounds=len(measured),
            higher_is_better=False,
        )

    return [
        one("TorchServe from start to the first right answer", "answer", TARGET_S),
        one("of that: until the worker listens", "worker", None),
        one("TorchServe from SIGTERM to no process", "stop", None),
    ]


if __name__ == "__main__":
    main()
