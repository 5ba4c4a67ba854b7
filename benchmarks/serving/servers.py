"""Servers as processes that can be started, paused, measured and stopped."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import torch

from saccade.core.artifacts import ENGINE_XML
from saccade.serving.torchserve.configuration import JAVA_OPTIONS, properties
from serving.networks import Network

HERE = Path(__file__).parent
START_TIMEOUT_S = 60
STOCK_BATCH, STOCK_DELAY_MS = 8, 5


@dataclass
class Server:
    """A running server. path: of the request.   label: reads the class out of its answer."""

    name: str
    process: psutil.Process
    port: int
    path: str
    label: Callable[[bytes], Any]
    start_seconds: float = 0.0
    agreement: float = 0.0

    def family(self) -> list[psutil.Process]:
        """The process and all below it."""
        return [self.process, *self.process.children(recursive=True)]

    def cpu_seconds(self) -> float:
        """User and system time of all its processes."""
        return sum(sum(process.cpu_times()[:2]) for process in self.family())

    def memory_bytes(self) -> int:
        """Resident memory; pages that its processes share count once."""
        return sum(process.memory_full_info().pss for process in self.family())

    def pause(self) -> None:
        """Stops its processes where they are, so that they take nothing from others."""
        for process in self.family():
            process.suspend()

    def resume(self) -> None:
        """Lets them go on."""
        for process in self.family():
            process.resume()

    def ask(self, body: bytes, content_type: str = "image/jpeg", path: str | None = None) -> tuple[int, bytes]:
        """Returns status and body of one answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=START_TIMEOUT_S)
        with contextlib.closing(connection):
            connection.request("POST", path or self.path, body, {"Content-Type": content_type})
            response = connection.getresponse()
            return response.status, response.read()


@contextlib.contextmanager
def saccade(
    door: str, bundle: Path, scratch: Path, *, title: str = "", environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Ours. door: torchserve or kserve."""
    port = free_port()
    other_port = {"torchserve": "--metrics-port", "kserve": "--grpc-port"}[door]
    command = [sys.executable, "-m", "saccade", "serve", str(bundle), "--server", door]
    command += ["--port", str(port), other_port, "0"]
    info = json.loads((bundle / "bundle.json").read_text())
    path = f"/predictions/{info['name']}" if door == "torchserve" else f"/v2/models/{info['name']}/infer"

    def label(body: bytes) -> int:
        return info["classes"].index(json.loads(body)["label"])

    with _running(command, scratch / f"ours-{door}.log", environment or {}) as process:
        yield Server(title or f"Saccade, {door} door", process, port, path, label)


@contextlib.contextmanager
def stock_torchserve(network: Network, scratch: Path, workers: int = 1) -> Iterator[Server]:
    """TorchServe's own image_classifier with TorchScript, as its documentation starts it, batches and workers set."""
    path = scratch / f"{network.name}.pt"
    sample = torch.zeros(2, 3, network.size, network.size)
    with torch.inference_mode():
        torch.jit.trace(network.plain(), sample).save(str(path))
    store = _archive(network.name, scratch / "stock", "--serialized-file", str(path), "--handler", "image_classifier")
    options = {"batchSize": STOCK_BATCH, "maxBatchDelay": STOCK_DELAY_MS, "minWorkers": workers, "maxWorkers": workers}
    with _torchserve("stock TorchServe image_classifier", network.name, store, options) as server:
        server.label = lambda body: int(next(iter(json.loads(body))))
        yield server


@contextlib.contextmanager
def noop_torchserve(scratch: Path) -> Iterator[Server]:
    """TorchServe with a handler that does nothing, with our batches, Java options and logging."""
    (scratch / "empty").touch()
    store = _archive(
        "noop", scratch / "noop", "--extra-files", str(scratch / "empty"), "--handler", str(HERE / "noop_handler.py")
    )
    options = {"batchSize": 32, "maxBatchDelay": 1, "minWorkers": 1, "maxWorkers": 1}
    with _torchserve("TorchServe with a handler that does nothing", "noop", store, options) as server:
        yield server


@contextlib.contextmanager
def litserve(bundle: Path, scratch: Path) -> Iterator[Server]:
    """LitServe with OpenCV and OpenVINO, batch 8, on the very network file that we serve."""
    port = free_port()
    command = [sys.executable, str(HERE / "litserve_app.py"), str(bundle / ENGINE_XML), str(port)]
    with _running(command, scratch / "litserve.log", {}) as process:
        yield Server(
            "LitServe with OpenCV and OpenVINO, batch 8",
            process,
            port,
            "/predict",
            lambda body: json.loads(body)["label"],
        )


def await_answer(server: Server, image: bytes, started: float) -> None:
    """Waits for the first answer of status 200 and notes how long that took."""
    while time.monotonic() - started < START_TIMEOUT_S:
        with contextlib.suppress(OSError, http.client.HTTPException):
            status, _ = server.ask(image)
            if status == 200:
                server.start_seconds = time.monotonic() - started
                return
        time.sleep(0.02)
    raise SystemExit(f"{server.name} gives no answer within {START_TIMEOUT_S} s.")


def agreement(server: Server, network: Network) -> float:
    """Returns the share of pictures to which the server answers as torchvision does."""
    answers = [server.ask(image) for image in network.images]
    wrong = [body for status, body in answers if status != 200]
    if wrong:
        raise SystemExit(f"{server.name} refuses {len(wrong)} pictures: {wrong[0][:200]!r}")
    labels = [server.label(body) for _, body in answers]
    return sum(label == expected for label, expected in zip(labels, network.expected, strict=True)) / len(labels)


def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _archive(name: str, store: Path, *arguments: str) -> Path:
    store.mkdir()
    archiver = Path(sys.executable).with_name("torch-model-archiver")
    subprocess.run(
        [archiver, "--model-name", name, "--version", "1", "--export-path", store, *arguments],
        check=True,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
    )
    return store


@contextlib.contextmanager
def _torchserve(title: str, model: str, store: Path, options: dict[str, int]) -> Iterator[Server]:
    """Starts TorchServe's Java server alone, as its command does, on ports of its own."""
    ports = [free_port() for _ in range(5)]
    inference, management, metrics, *grpc = ports
    config = store / "config.properties"
    config.write_text(
        properties(
            {
                "inference_address": f"http://127.0.0.1:{inference}",
                "management_address": f"http://127.0.0.1:{management}",
                "metrics_address": f"http://127.0.0.1:{metrics}",
                "grpc_inference_port": str(grpc[0]),
                "grpc_management_port": str(grpc[1]),
                "disable_token_authorization": "true",
                "disable_system_metrics": "true",
                "load_models": f"{model}.mar",
                "models": json.dumps({model: {"1": {"defaultVersion": True, "marName": f"{model}.mar", **options}}}),
            }
        )
    )
    scratch = store / "tmp"
    scratch.mkdir()
    command = [
        str(shutil.which("java")), *JAVA_OPTIONS[3:], f"-Djava.io.tmpdir={scratch}", f"-Dmodel_server_home={_home()}",
        f"-DLOG_LOCATION={store}", f"-DMETRICS_LOCATION={store}", "-cp", f".:{_home()}/ts/frontend/*",
        "org.pytorch.serve.ModelServer", "--python", sys.executable, "-f", str(config), "-s", str(store), "-ncs",
    ]  # fmt: skip
    with _running(command, store / "log.txt", {}) as process:
        yield Server(title, process, inference, f"/predictions/{model}", json.loads)


def _home() -> Path:
    import ts

    return Path(str(ts.__file__)).parent.parent


@contextlib.contextmanager
def _running(command: Sequence[str], log: Path, environment: Mapping[str, str]) -> Iterator[psutil.Process]:
    """Runs the command in a session of its own and ends every process of it at the end."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, stdout=file, stderr=file, start_new_session=True, env={**os.environ, **environment}
        )
    try:
        yield psutil.Process(process.pid)
    finally:
        family = [process.pid, *(child.pid for child in psutil.Process(process.pid).children(recursive=True))]
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()
