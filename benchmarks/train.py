"""Training on CIFAR-10 saved as JPEG: time and test accuracy of the default recipe with three seeds.

    python benchmarks/train.py --out FILE.json [--quick] [--data CIFAR10.zip] [--seeds N]

Each step is a `saccade` command of its own. Accuracy is what `saccade evaluate` measures, through the classifier that
serves.
--quick trains for half an epoch: does it run, not how well.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from common import argument_parser, figure, write

CIFAR10 = Path("../shared/data/cifar10.zip")


def main() -> None:
    """Runs, prints and writes the figures."""
    parser = argument_parser(__doc__)
    parser.add_argument("--data", type=Path, default=CIFAR10, help="a zip of CIFAR-10 as JPEG files in class folders")
    parser.add_argument("--seeds", type=int, default=3, help="trainings, with seeds 0, 1, ...")
    arguments = parser.parse_args()
    epochs = ["--epochs", "0.5"] if arguments.quick else []
    with tempfile.TemporaryDirectory(prefix="saccade-bench-") as directory:
        work = Path(directory)
        imported = saccade("import", arguments.data, "--out", work / "imported")
        prepared = saccade("prepare", work / "imported", "--out", work / "prepared")
        runs = [train_and_evaluate(work, seed, epochs) for seed in range(1 if arguments.quick else arguments.seeds)]
    seconds = imported["seconds"] + prepared["seconds"]
    rows = [
        figure("cifar10.zip: import and prepare", "s", [seconds], 12),
        figure("cifar10.zip: train", "s", [run["seconds"] for run in runs], 720),
        figure("cifar10.zip: test accuracy", "fraction", [run["accuracy"] for run in runs], 0.905),
        figure("cifar10.zip: peak memory of training", "GB", [run["peak_rss_bytes"] / 1e9 for run in runs], 6),
    ]
    write(arguments.out, "train", rows)


def train_and_evaluate(work: Path, seed: int, epochs: list[str]) -> dict[str, Any]:
    """Returns seconds and memory of the training with this seed, and the test accuracy of what would be served."""
    training, bundle = work / f"training-{seed}", work / f"bundle-{seed}"
    trained = saccade("train", work / "prepared", "--out", training, "--seed", seed, *epochs)
    evaluated = saccade("evaluate", training, "--dataset", work / "prepared", "--out", bundle, "--seed", seed)
    print(f"seed {seed}: {evaluated['accuracy']:.4f} after {trained['seconds']:.0f} s", file=sys.stderr, flush=True)
    return {**trained, "accuracy": evaluated["accuracy"]}


def saccade(*arguments: object) -> dict[str, Any]:
    """Returns the JSON result of one `saccade` command."""
    command = [sys.executable, "-m", "saccade", *map(str, arguments), "--json"]
    finished = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, Any] = json.loads(finished.stdout.splitlines()[-1])
    return result


if __name__ == "__main__":
    main()
