"""Full load on a server whose capture directory works, then on the same server while it hangs for five minutes.

    python benchmarks/capture_stall.py --out FILE.json [--quick] [--seconds 300]

What hangs is a write that never returns: where the first capture file should go is a pipe that nobody reads. Memory and
local disk for waiting records are small enough to be full within seconds. Every answer is checked.
"""

import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pyarrow.parquet as pq
from common import argument_parser, row, write
from prometheus_client.parser import text_string_to_metric_families
from serve_start import make_bundle

from saccade.core.artifacts import BUNDLE_JSON, CAPTURE_GLOB, CAPTURE_SCHEMA, BundleInfo

SECONDS, QUICK_SECONDS = 300.0, 5.0
CONNECTIONS = 16
IMAGE_PX = 160  # 77 kB an image, which no compression makes smaller
LIMIT_BYTES = 32 << 20  # of memory, and of local disk
WARM_SHARE = 0.3  # of the time, until memory is looked at
TARGET_RATIO = 0.97
MOST_GAINED_MB = 50.0
DROPPED, WRITTEN = "saccade_capture_dropped_records_total", "saccade_capture_written_records_total"


def main() -> None:
    """Loads both servers for the same time, prints and writes."""
    parser = argument_parser(__doc__)
    parser.add_argument("--seconds", type=float, help=f"of each load; {SECONDS:.0f}, quick {QUICK_SECONDS:.0f}")
    parser.add_argument("--bundle", type=Path, help="the model bundle to serve; default: one is trained on digits")
    arguments = parser.parse_args()
    seconds = arguments.seconds or (QUICK_SECONDS if arguments.quick else SECONDS)
    with tempfile.TemporaryDirectory(prefix="saccade-bench-") as scratch:
        bundle = arguments.bundle or make_bundle(Path(scratch))
        works, hangs = (measure(bundle, Path(scratch, name), seconds, name == "hangs") for name in ("works", "hangs"))
    write(arguments.out, "capture_stall", rows(works, hangs, seconds))


def measure(bundle: Path, directory: Path, seconds: float, hangs: bool) -> dict[str, float]:
    """Returns answers a second, CPU ms of an answer, MB gained under load, and the share of records dropped."""
    sink, spool = directory / "sink", directory / "spool"
    for each in (sink, spool):
        each.mkdir(parents=True)
    server, port = start(bundle, sink, spool)
    try:
        if hangs:
            os.mkfifo(sink / f".{CAPTURE_GLOB.replace('*', '0')}.{server.pid}.tmp")
            pq.write_table(CAPTURE_SCHEMA.empty_table(), spool / CAPTURE_GLOB.replace("*", "0"))
        process = psutil.Process(server.pid)
        warm = load(bundle, port, seconds * WARM_SHARE)
        while hangs and not sample(port, DROPPED):
            warm += load(bundle, port, 1.0)
        memory, cpu_s = process.memory_info().rss, cpu_seconds(process)
        answered = load(bundle, port, seconds * (1 - WARM_SHARE))
        gained_mb = (process.memory_info().rss - memory) / 1e6
        cpu_ms = 1000 * (cpu_seconds(process) - cpu_s) / answered
        dropped = sample(port, DROPPED)
        assert (sample(port, WRITTEN) == 0) == hangs
    finally:
        server.terminate()
        assert server.wait(30) == 0, "the server did not stop in order"
    rate = answered / (seconds * (1 - WARM_SHARE))
    return {"rate": rate, "cpu_ms": cpu_ms, "gained_mb": gained_mb, "dropped": dropped / (warm + answered)}


def cpu_seconds(process: psutil.Process) -> float:
    """Returns what a process has used so far."""
    times = process.cpu_times()
    return times.user + times.system


def start(bundle: Path, sink: Path, spool: Path) -> tuple[subprocess.Popen[str], int]:
    """Returns a server that is ready, and its port."""
    environment = {
        "SACCADE_CAPTURE_DIR": str(sink),
        "SACCADE_CAPTURE_IMAGES": "1",
        "SACCADE_CAPTURE_QUEUE_BYTES": str(LIMIT_BYTES),
        "SACCADE_CAPTURE_SPOOL_DIR": str(spool),
        "SACCADE_CAPTURE_SPOOL_BYTES": str(LIMIT_BYTES),
    }
    command = [sys.executable, "-m", "saccade", "serve", str(bundle), "--server", "kserve", "--port", "0"]
    with (sink.parent / "log").open("w+") as log:
        server = subprocess.Popen(command, env=os.environ | environment, stderr=log, text=True)
        while not (found := re.search(r"http://127\.0\.0\.1:(\d+)", (sink.parent / "log").read_text())):
            assert server.poll() is None, (sink.parent / "log").read_text()
            time.sleep(0.1)
    return server, int(found[1])


def load(bundle: Path, port: int, seconds: float) -> int:
    """Asks from every connection, one request after the other, for so long. Returns how many were answered."""
    name = BundleInfo.load(bundle / BUNDLE_JSON).name
    end = time.monotonic() + seconds

    def ask(seed: int) -> int:
        pixels = np.random.default_rng(seed).integers(0, 256, (IMAGE_PX, IMAGE_PX, 3), np.uint8)
        image = cv2.imencode(".png", pixels)[1].tobytes()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        answered, labels = 0, set()
        while time.monotonic() < end:
            connection.request("POST", f"/predictions/{name}", image)
            labels.add(json.loads(connection.getresponse().read())["label"])
            answered += 1
        connection.close()
        assert len(labels) == 1, f"one image was answered as {labels}"
        return answered

    with ThreadPoolExecutor(CONNECTIONS) as clients:
        return sum(clients.map(ask, range(CONNECTIONS)))


def sample(port: int, name: str) -> float:
    """Returns one value that the server's metrics tell."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/metrics")
    families = text_string_to_metric_families(connection.getresponse().read().decode())
    connection.close()
    return next(each.value for family in families for each in family.samples if each.name == name)


def rows(works: dict[str, float], hangs: dict[str, float], seconds: float) -> list[dict[str, Any]]:
    """Returns both loads as result rows."""
    what, against = f"while capture hangs for {seconds:.0f} s", "the same load while capture works"

    def peer(work: str, unit: str, name: str, digits: int, **options: Any) -> dict[str, Any]:
        ours, theirs = round(hangs[name], digits), round(works[name], digits)
        return row(f"{work} {what}", unit, ours, against=against, theirs=theirs, rounds=1, **options)

    def alone(work: str, unit: str, name: str, target: float | None) -> dict[str, Any]:
        return row(f"{work} {what}", unit, round(hangs[name], 3), against="", theirs=None, rounds=1, target=target)

    return [
        peer("answers", "1/s", "rate", 1, target_ratio=TARGET_RATIO),
        peer("CPU of an answer", "ms", "cpu_ms", 3, higher_is_better=False),
        alone("memory gained once drops began", "MB", "gained_mb", MOST_GAINED_MB),
        alone("share of records dropped", "", "dropped", None),
    ]


if __name__ == "__main__":
    main()
