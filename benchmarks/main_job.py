"""The main job as a user starts it: `saccade run` on digits, and on CIFAR-10 saved as JPEG.

    python benchmarks/main_job.py --out FILE.json [--quick] [--data CIFAR10.zip] [--seeds N]

Every run starts in an empty directory, so nothing comes from a cache. --quick runs digits alone.
"""

import contextlib
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil
from common import argument_parser, figure, write

CIFAR10 = Path("../shared/data/cifar10.zip")
GB = 1e9


def main() -> None:
    """Runs, prints and writes the figures."""
    parser = argument_parser(__doc__)
    parser.add_argument("--data", type=Path, default=CIFAR10, help="a zip of CIFAR-10 as JPEG files in class folders")
    parser.add_argument("--seeds", type=int, default=1, help="runs on --data, with seeds 0, 1, ...")
    arguments = parser.parse_args()
    rows = digits_rows(run_saccade())
    if not arguments.quick:
        rows += cifar_rows([run_saccade("--data", str(arguments.data), seed=seed) for seed in range(arguments.seeds)])
    write(arguments.out, "main_job", rows)


def run_saccade(*options: str, seed: int = 0) -> dict[str, Any]:
    """Returns the run's result with `wall_s`, the seconds from the command's start to its end."""
    with tempfile.TemporaryDirectory(prefix="saccade-bench-") as out:
        command = [
            sys.executable,
            "-m",
            "saccade",
            "run",
            "--out",
            f"{out}/run",
            "--seed",
            str(seed),
            "--json",
            *options,
        ]
        started = time.monotonic()
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            peak = PeakMemory(process.pid)
            stdout, _ = process.communicate()
        if process.returncode:
            raise SystemExit(f"saccade run ended with {process.returncode}")
        wall_s = time.monotonic() - started
        return {**json.loads(stdout.splitlines()[-1]), "wall_s": wall_s, "peak_tree_bytes": peak.stop()}


class PeakMemory:
    """The most memory that a process and its descendants held together, looked at twice a second.

    Pages that several processes share are counted once (proportional set size).
    """

    def __init__(self, process_id: int) -> None:
        self.root = psutil.Process(process_id)
        self.peak_bytes = 0
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def stop(self) -> int:
        """Returns the peak in bytes."""
        self.stopped.set()
        self.thread.join()
        return self.peak_bytes

    def _watch(self) -> None:
        while not self.stopped.wait(0.5):
            with contextlib.suppress(psutil.NoSuchProcess):
                family = [self.root, *self.root.children(recursive=True)]
                self.peak_bytes = max(self.peak_bytes, sum(map(proportional_bytes, family)))


def proportional_bytes(process: psutil.Process) -> int:
    """Returns the proportional set size of a process, 0 when it is gone."""
    try:
        return int(process.memory_full_info().pss)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0


def digits_rows(run: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of the run that `make demo` starts."""
    return [
        figure("digits: saccade run, empty directory to summary", "s", [run["wall_s"]], 180),
        figure("digits: test accuracy", "fraction", [run["accuracy"]], 0.985),
        figure("digits: TorchServe from start to first right answer", "s", [run["seconds"]["serve"]], 15),
        figure("digits: wrong drift verdicts on a clean and a corrupted stream", "verdicts", [wrong_verdicts(run)], 0),
    ]


def cifar_rows(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows over the seeds."""
    seconds = [run["seconds"] for run in runs]
    return [
        figure("cifar10.zip: import and prepare", "s", [each["import"] + each["prepare"] for each in seconds], 12),
        figure("cifar10.zip: test accuracy", "fraction", [run["accuracy"] for run in runs], 0.905),
        figure("cifar10.zip: train", "s", [each["train"] for each in seconds], 720),
        figure(
            "cifar10.zip: TorchServe from start to first right answer", "s", [each["serve"] for each in seconds], 15
        ),
        figure("cifar10.zip: peak memory of all processes", "GB", [run["peak_tree_bytes"] / GB for run in runs], 6),
        figure("cifar10.zip: saccade run, empty directory to summary", "s", [run["wall_s"] for run in runs], None),
        figure("cifar10.zip: wrong drift verdicts", "verdicts", [wrong_verdicts(run) for run in runs], 0),
    ]


def wrong_verdicts(run: dict[str, Any]) -> int:
    """Returns how many of the two streams were judged wrongly."""
    return int(run["drift"]["clean"]) + int(not run["drift"]["corrupted"])


if __name__ == "__main__":
    main()
