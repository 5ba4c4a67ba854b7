"""Saccade's two front doors beside other servers: requests a second, latency, processor time, start and memory.

    python benchmarks/serve.py --out FILE.json [--quick] [--data PHOTOS.zip]

Every server has the same weights and gets the same photographs; its answers are compared with torchvision's before the
clock starts. Servers run one at a time, the others paused, in interleaved rounds. Needs wrk and oha, and the packages
of benchmarks/requirements.txt.
"""

import contextlib
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from common import argument_parser, row, write
from preprocess import CAMERA_SIZES, PHOTOS, camera_jpeg, jpeg, made_photos, read_photos
from serving.comparison import Comparison, rounded
from serving.load import Bodies, Load, closed, constant, tool
from serving.networks import Network, fitted_network, open_picture, write_bundle
from serving.servers import (
    Server,
    agreement,
    await_answer,
    litserve,
    noop_torchserve,
    saccade,
    stock_torchserve,
)

import saccade_native
from saccade.core.artifacts import ENGINE_XML
from saccade.serving.protocol import Protocol, request_body

ROUNDS, ROUND_SECONDS, WARM_SECONDS = 5, 5, 1
MIN_AGREEMENT = 0.95
BATCH = 16  # of the limit
OPEN_SHARES = (0.5, 0.8)
RESNET = "ResNet-18, 224 px, raw JPEG, 16 connections"
Opened = AbstractContextManager[Server]


def main() -> None:
    """Starts, compares, measures, prints and writes."""
    parser = argument_parser(__doc__)
    parser.add_argument("--data", type=Path, default=PHOTOS, help="a zip of JPEG photographs")
    arguments = parser.parse_args()
    tool("wrk")
    tool("oha")
    photos = made_photos(16) if arguments.quick else read_photos(arguments.data)
    with tempfile.TemporaryDirectory(prefix="saccade-bench-") as scratch:
        bench = Bench(Path(scratch), photos, rounds=1 if arguments.quick else ROUNDS)
        rows = [*resnet_rows(bench), *mobilenet_rows(bench), *small_rows(bench), *protocol_rows(bench)]
        rows += [*extras_rows(bench), *memory_rows(bench)]
    write(arguments.out, "serve", rows)


class Bench:
    """Where files go, what is asked, and how often."""

    def __init__(self, scratch: Path, photos: list[bytes], rounds: int) -> None:
        self.scratch, self.photos, self.rounds = scratch, photos, rounds
        self.seconds = ROUND_SECONDS if rounds > 1 else 2
        self.raw = Bodies.write(scratch / "photos", photos, "image/jpeg")
        self._opened = 0

    @cached_property
    def resnet(self) -> Network:
        """ResNet-18, fitted once for all rows that serve it."""
        return fitted_network("resnet18", self.photos)

    @cached_property
    def resnet_bundle(self) -> Path:
        """Its bundle in bfloat16."""
        return write_bundle(self.resnet, self.scratch / "bf16", precision="bf16")

    def directory(self) -> Path:
        """A new one."""
        self._opened += 1
        made = self.scratch / f"{self._opened}"
        made.mkdir()
        return made

    def medians(self, servers: Mapping[str, Server], connections: int, bodies: Bodies) -> dict[str, Load]:
        """Returns each server's median load over the rounds, in which each has its turn while the others are paused."""
        loads: dict[str, list[Load]] = {name: [] for name in servers}
        for _ in range(self.rounds):
            for name, server in servers.items():
                with running(server):
                    closed(server, bodies, connections, min(WARM_SECONDS, self.seconds))
                    loads[name].append(closed(server, bodies, connections, self.seconds))
        return {name: median(own) for name, own in loads.items()}


@contextlib.contextmanager
def started(servers: Mapping[str, Opened], network: Network) -> Iterator[dict[str, Server]]:
    """Starts them one after the other, compares their answers with torchvision's, and pauses them."""
    with ExitStack() as stack:
        ready = {}
        for name, opened in servers.items():
            before = time.monotonic()
            server = stack.enter_context(opened)
            stack.callback(server.resume)
            await_answer(server, network.images[0], before)
            share = agreement(server, network)
            print(f"{network.name}: {server.name} agrees with torchvision on {share:.1%} of the pictures", flush=True)
            if share < MIN_AGREEMENT:
                raise SystemExit("Not the same: that is too few.")
            server.agreement = share
            server.pause()
            ready[name] = server
        yield ready


@contextlib.contextmanager
def running(server: Server) -> Iterator[None]:
    """Lets a paused server run."""
    server.resume()
    try:
        yield
    finally:
        server.pause()


def median(loads: Sequence[Load]) -> Load:
    """The median of every figure."""
    return Load(**{name: statistics.median(getattr(load, name) for load in loads) for name in asdict(loads[0])})


def resnet_rows(bench: Bench) -> list[dict[str, Any]]:
    """ResNet-18 at 224 px: against stock TorchServe, LitServe and the machine's limit."""
    network, bf16 = bench.resnet, bench.resnet_bundle
    int8 = write_bundle(network, bench.scratch / "int8", precision="int8")
    servers = {
        "torchserve": saccade("torchserve", bf16, bench.directory()),
        "kserve": saccade("kserve", bf16, bench.directory()),
        "int8": saccade("torchserve", int8, bench.directory(), title="Saccade, torchserve door, int8"),
        "litserve": litserve(bf16, bench.directory()),
        "stock": stock_torchserve(network, bench.directory()),
    }
    with started(servers, network) as ready:
        loads = bench.medians(ready, 16, bench.raw)
        details = {name: more_loads(server, loads[name], bench) for name, server in ready.items()}
        pair = Comparison(RESNET, ready, loads, bench.rounds, details)
        rows = [
            *pair.rows("torchserve", "stock", rate=4.3, p99=5),
            *pair.rows("kserve", "stock", rate=4.3, p99=5),
            *pair.rows("int8", "stock", rate=5.5),
            *pair.rows("torchserve", "litserve", rate=1.15, p99=1.5),
            *pair.rows("kserve", "litserve", rate=1.15, p99=1.5),
            *limit_rows(network, bf16, loads, bench),
        ]
        return [*rows, *start_rows(ready)]


def more_loads(server: Server, busy: Load, bench: Bench) -> dict[str, Any]:
    """Returns other numbers of connections, and constant rates at shares of the peak; too long for --quick."""
    if bench.rounds == 1:
        return {}
    photo = sorted(bench.photos, key=len)[len(bench.photos) // 2]
    body = bench.scratch / "photo.jpg"
    body.write_bytes(photo)
    found = {}
    with running(server):
        for connections in (1, 8, 32):
            found[f"{connections} connections"] = rounded(closed(server, bench.raw, connections, bench.seconds))
        for share in OPEN_SHARES:
            load = constant(server, body, bench.raw.content_type, share * busy.rate, bench.seconds)
            found[f"constant rate, {share:.0%} of the peak"] = rounded(load)
    return found


def limit_rows(network: Network, bundle: Path, loads: Mapping[str, Load], bench: Bench) -> list[dict[str, Any]]:
    """Against 1 / (decode + engine): both alone, on every core, nothing served."""
    limit = statistics.median(limit_rate(network, bundle) for _ in range(bench.rounds))
    return [
        row(
            f"{RESNET}: Saccade, {name} door",
            "requests/s",
            round(loads[name].rate, 1),
            against="the limit: 1 / (preparation + engine), in one process",
            theirs=round(limit, 1),
            target_ratio=0.93,
            rounds=bench.rounds,
        )
        for name in ("torchserve", "kserve")
    ]


def limit_rate(network: Network, bundle: Path) -> float:
    """Returns images a second of our preparation and OpenVINO's engine, one after the other, with every core."""
    import openvino

    pixels = np.empty((len(network.images), 3, network.size, network.size), np.float32)
    before = time.perf_counter()
    saccade_native.prepare(network.images, network.spec.native, pixels)
    prepared = (time.perf_counter() - before) / len(pixels)
    engine = openvino.Core().compile_model(bundle / ENGINE_XML, "CPU", {"PERFORMANCE_HINT": "THROUGHPUT"})
    queue = openvino.AsyncInferQueue(engine)
    batches = [pixels[first : first + BATCH] for first in range(0, len(pixels), BATCH)]
    for _ in range(2):  # the first pass makes the engine's memory
        before = time.perf_counter()
        for batch in batches:
            queue.start_async(batch)
        queue.wait_all()
        inferred = (time.perf_counter() - before) / len(pixels)
    return 1 / (prepared + inferred)


def start_rows(servers: Mapping[str, Server]) -> list[dict[str, Any]]:
    """From the command to the first answer. How other servers of the run differ does not matter: they are paused."""
    return [
        row(
            f"ResNet-18: {servers[name].name}, from its command to the first right answer",
            "s",
            round(servers[name].start_seconds, 2),
            against=servers["stock"].name,
            theirs=round(servers["stock"].start_seconds, 2),
            target_ratio=2,
            rounds=1,
            higher_is_better=False,
        )
        for name in ("torchserve", "kserve")
    ]


def mobilenet_rows(bench: Bench) -> list[dict[str, Any]]:
    """MobileNetV3-large at 224 px against stock TorchServe."""
    network = fitted_network("mobilenet_v3_large", bench.photos)
    bundle = write_bundle(network, bench.scratch / "mobilenet", precision="bf16")
    servers = {
        "torchserve": saccade("torchserve", bundle, bench.directory()),
        "kserve": saccade("kserve", bundle, bench.directory()),
        "stock": stock_torchserve(network, bench.directory()),
    }
    with started(servers, network) as ready:
        loads = bench.medians(ready, 16, bench.raw)
        pair = Comparison("MobileNetV3-large, 224 px, raw JPEG, 16 connections", ready, loads, bench.rounds)
        return [*pair.rows("torchserve", "stock", rate=5), *pair.rows("kserve", "stock", rate=5)]


def small_rows(bench: Bench) -> list[dict[str, Any]]:
    """custom_cnn at 32 px against TorchServe with a handler that does nothing."""
    pictures = [jpeg(open_picture(photo).resize((32, 32))) for photo in bench.photos]
    network = fitted_network("custom_cnn", pictures)
    bundle = write_bundle(network, bench.scratch / "small", precision="bf16")
    bodies = Bodies.write(bench.scratch / "pictures", pictures, "image/jpeg")
    servers = {
        "torchserve": saccade("torchserve", bundle, bench.directory()),
        "kserve": saccade("kserve", bundle, bench.directory()),
    }
    with started(servers, network) as ready, noop_torchserve(bench.directory()) as noop:
        await_answer(noop, pictures[0], time.monotonic())
        noop.pause()
        ready["noop"] = noop
        loads = bench.medians(ready, 32, bodies)
        noop.resume()
        pair = Comparison("custom_cnn, 32 px JPEG, 32 connections", ready, loads, bench.rounds)
        return [*pair.rows("torchserve", "noop", rate=0.6), *pair.rows("kserve", "noop", rate=0.6)]


def protocol_rows(bench: Bench) -> list[dict[str, Any]]:
    """base64 in V1 and V2 JSON against the raw body, on both doors."""
    network = bench.resnet
    rows = []
    for door in ("torchserve", "kserve"):
        with started({door: saccade(door, bench.resnet_bundle, bench.directory())}, network) as ready:
            server = ready[door]
            paths: dict[Protocol, str] = {
                "v1": f"/v1/models/{network.name}:predict",
                "v2": f"/v2/models/{network.name}/infer",
            }
            kinds = {"raw": bench.raw} | {
                kind: json_bodies(bench, kind, path, bench.directory() / kind) for kind, path in paths.items()
            }
            loads: dict[str, list[Load]] = {kind: [] for kind in kinds}
            with running(server):
                for _ in range(bench.rounds):
                    for kind, bodies in kinds.items():
                        closed(server, bodies, 16, min(WARM_SECONDS, bench.seconds))
                        loads[kind].append(closed(server, bodies, 16, bench.seconds))
            raw = median(loads["raw"]).rate
            rows += [
                row(
                    f"ResNet-18, 16 connections, {kind.upper()} JSON with base64: {server.name}",
                    "requests/s",
                    round(median(loads[kind]).rate, 1),
                    against="the raw body",
                    theirs=round(raw, 1),
                    target_ratio=0.8,
                    rounds=bench.rounds,
                )
                for kind in paths
            ]
    return rows


def json_bodies(bench: Bench, kind: Protocol, path: str, directory: Path) -> Bodies:
    """The photographs as one protocol wraps them."""
    wrapped = [request_body(kind, photo) for photo in bench.photos]
    return Bodies.write(directory, [body for body, _ in wrapped], wrapped[0][1], path)


def extras_rows(bench: Bench) -> list[dict[str, Any]]:
    """Calibration, isolation forest and capture with images against none of them. Metrics cannot be switched off."""
    network = bench.resnet
    plain = write_bundle(network, bench.scratch / "plain", precision="bf16", extras=False)
    capture = {"SACCADE_CAPTURE_DIR": str(bench.directory()), "SACCADE_CAPTURE_IMAGES": "1"}
    servers = {
        "on": saccade("kserve", bench.resnet_bundle, bench.directory(), environment=capture),
        "off": saccade("kserve", plain, bench.directory()),
    }
    with started(servers, network) as ready:
        loads = bench.medians(ready, 16, bench.raw)
    return [
        row(
            "ResNet-18, 16 connections, with calibration, out-of-distribution score, capture with images, and metrics",
            "requests/s",
            round(loads["on"].rate, 1),
            against="metrics only",
            theirs=round(loads["off"].rate, 1),
            target_ratio=0.97,
            rounds=bench.rounds,
        )
    ]


def memory_rows(bench: Bench) -> list[dict[str, Any]]:
    """Memory of both doors, idle and while 16 connections send 12 MP photographs."""
    network = bench.resnet
    large = [camera_jpeg(photo, CAMERA_SIZES["12 MP"]) for photo in bench.photos[:4]]
    bodies = Bodies.write(bench.scratch / "large", large, "image/jpeg")
    rows = []
    for door in ("torchserve", "kserve"):
        with started({door: saccade(door, bench.resnet_bundle, bench.directory())}, network) as ready:
            server = ready[door]
            with running(server):
                idle = server.memory_bytes()
                busy = peak_memory(server, bodies, bench.seconds)
            name = f"ResNet-18: {server.name}, memory of all its processes"
            figures = {"idle": (idle, 0.9), "under 16 connections of 12 MP photographs": (busy, None)}
            rows += [
                row(f"{name}, {when}", "GB", round(size / 1e9, 3), against="the issue's figure", theirs=None,
                    target=target, rounds=1)
                for when, (size, target) in figures.items()
            ]  # fmt: skip
    return rows


def peak_memory(server: Server, bodies: Bodies, seconds: int) -> int:
    """Returns the most that was seen, looking every fifth of a second."""
    seen = [server.memory_bytes()]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.2):
            seen.append(server.memory_bytes())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        closed(server, bodies, 16, seconds)
    finally:
        done.set()
        thread.join()
    return max(seen)


if __name__ == "__main__":
    main()
