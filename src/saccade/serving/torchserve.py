"""Starts TorchServe on loopback, waits until it truly answers, and stops it without leaving a process."""

import contextlib
import http.client
import importlib.util
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from saccade.core.artifacts import CONFIG_PROPERTIES, MODEL_STORE_DIR
from saccade.core.errors import BundleError, ServingError, UsageError
from saccade.core.log import logger
from saccade.serving.configuration import JAVA_OPTIONS, LOG4J_PROPERTIES, properties
from saccade.serving.java import Java, find_java
from saccade.serving.metrics_door import MetricsDoor
from saccade.serving.model_store import read_golden, read_index, store_properties, take_archives
from saccade.serving.protocol import PROBE_REQUEST_ID

LOG_FILE = "torchserve.log"
METRICS_SOCKET, WORKER_METRICS_DIR = "metrics.sock", "worker-metrics"
ORDERLY_STOP_S = 20.0
# The first line of a worker's log that names an exception is the reason why it does not load.
WORKER_ERROR = re.compile(r"MODEL_LOG - (?P<kind>[A-Za-z_][\w.]*(?:Error|Exception)): (?P<message>.*)")


class TorchServe:
    """A running server of a model store: with TorchServe(model_store, log_dir=logs) as server: ... server.url

    Inference listens on host:port. The management and metrics APIs are sockets in a private directory; TorchServe's
    gRPC, which cannot be switched off, gets free ports on loopback. The server is a session of its own: Ctrl-C reaches
    only the process that started it, which then stops the server. It also stops when that process is killed, or when
    the thread that entered the block ends.
    """

    def __init__(
        self,
        model_store: Path,
        *,
        log_dir: Path,
        port: int = 0,
        host: str = "127.0.0.1",
        capture_dir: Path | None = None,
        metrics_port: int | None = None,
        trusted_key: Path | None = None,
        start_timeout_s: float = 120.0,
    ) -> None:
        """port: 0 takes a free one.   log_dir: gets torchserve.log.   capture_dir: where the workers write records.

        metrics_port: where Prometheus reads workers and frontend, on host; 0 takes a free one, None opens none.
        trusted_key: whose signature the store must have. Its config.properties, which is not signed, is then not read.
        """
        self.model_store = model_store.resolve()
        self._trusted_key = trusted_key
        self.host, self.port = host, port
        self.log = log_dir.resolve() / LOG_FILE
        self.start_seconds = 0.0
        self._capture_dir = capture_dir
        self._metrics_port = metrics_port
        self._metrics_door: MetricsDoor | None = None
        self._start_timeout_s = start_timeout_s
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where the server answers."""
        return f"http://{self.host}:{self.port}"

    @property
    def metrics_url(self) -> str | None:
        """Where Prometheus reads, or None when no port was asked for."""
        return f"http://{self.host}:{self._metrics_door.port}/metrics" if self._metrics_door else None

    def __enter__(self) -> Self:
        """Starts the server and returns when every model has answered a golden image right.

        Raises UsageError for no Java, no TorchServe, no model store or a taken port; BundleError when a worker refuses
        its bundle; ServingError with the log's reason for all else, and after start_timeout_s.
        """
        started = time.monotonic()
        models = read_index(self.model_store, self._trusted_key)
        java, home = find_java(), _torchserve_home()
        self.port = _free_port(self.host, self.port)
        try:
            self._start(java, home, models)
            for model in models:
                self._await_right_answer(model, started + self._start_timeout_s)
        except BaseException:
            self.stop()
            raise
        self.start_seconds = round(time.monotonic() - started, 2)
        logger.info(f"TorchServe answers at {self.url} after {self.start_seconds:.1f} s; its log is '{self.log}'.")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def wait(self) -> None:
        """Returns only by an exception: of the caller's signals, or ServingError when the server ends by itself."""
        assert self._process is not None, "the server is not started"
        self._process.wait()
        raise ServingError(f"TorchServe ended by itself. {self._log_tail()}")

    def stop(self) -> None:
        """Lets requests under way finish, then ends the server and all its workers. Safe to call again."""
        process, self._process = self._process, None
        door, self._metrics_door = self._metrics_door, None
        scratch, self._scratch = self._scratch, None
        if door is not None:
            door.close()
        try:
            if process is not None:
                _end_session(process)
        finally:
            if scratch is not None:
                scratch.cleanup()

    def _start(self, java: Java, home: Path, models: list[dict[str, Any]]) -> None:
        # Also Java's temporary directory: TorchServe names its workers' sockets there alike in every instance.
        self._scratch = tempfile.TemporaryDirectory(prefix="saccade-torchserve-", ignore_cleanup_errors=True)
        scratch = Path(self._scratch.name)
        self._open_metrics(scratch)
        take_archives(self.model_store, models, scratch)
        log4j, config = scratch / "log4j2.properties", scratch / "config.properties"
        log4j.write_text(LOG4J_PROPERTIES)
        config.write_bytes(self._published_config(models) + self._overrides(scratch).encode("ascii"))
        command = [
            *(sys.executable, "-I", str(Path(__file__).with_name("tether.py")), str(os.getpid())),
            *(str(java.path), *JAVA_OPTIONS),
            *(f"-Djava.io.tmpdir={scratch}", f"-Dlog4j2.configurationFile={log4j.as_uri()}"),
            f"-Dsaccade.model_store={self.model_store}",  # for whoever looks at the list of processes
            *(f"-Dmodel_server_home={home}", "-cp", f"{home}/ts/frontend/*", "org.pytorch.serve.ModelServer"),
            *("--python", sys.executable, "-f", str(config), "-s", str(scratch / MODEL_STORE_DIR), "-ncs"),
        ]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=scratch,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _open_metrics(self, scratch: Path) -> None:
        directory = scratch / WORKER_METRICS_DIR
        directory.mkdir()
        if self._metrics_port is not None:
            self._metrics_door = MetricsDoor(
                self.host, self._metrics_port, worker_dir=directory, frontend_socket=scratch / METRICS_SOCKET
            )

    def _published_config(self, models: list[dict[str, Any]]) -> bytes:
        """What the store says, unless only what is signed counts: an option of Java may run any code."""
        if self._trusted_key is not None:
            return store_properties(models).encode("ascii")
        return (self.model_store / CONFIG_PROPERTIES).read_bytes()

    def _overrides(self, scratch: Path) -> str:
        return "\n" + properties(
            {
                "inference_address": self.url,
                "management_address": f"unix:{scratch}/management.sock",
                "metrics_address": f"unix:{scratch}/{METRICS_SOCKET}",
                "grpc_inference_port": "0",
                "grpc_management_port": "0",
                "enable_envvars_config": "false",
            }
        )

    def _environment(self) -> dict[str, str]:
        """This process's environment for the child, without the variables by which TorchServe overrides its config."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("TS_")}
        assert self._scratch is not None
        inherited["PROMETHEUS_MULTIPROC_DIR"] = str(Path(self._scratch.name, WORKER_METRICS_DIR))
        if self._capture_dir is None:
            return inherited
        return {**inherited, "SACCADE_CAPTURE_DIR": str(self._capture_dir.resolve())}

    def _await_right_answer(self, model: dict[str, Any], deadline: float) -> None:
        image, label = read_golden(self.model_store, model)
        while True:
            status, body = self._ask(model["name"], image, deadline)
            if status != http.HTTPStatus.SERVICE_UNAVAILABLE:
                break
            time.sleep(0.05)
        if status != http.HTTPStatus.OK or json.loads(body)["label"] != label:
            raise ServingError(f"{model['name']} answers its golden image with {body[:200]!r}, not with '{label}'.")

    def _ask(self, name: str, image: bytes, deadline: float) -> tuple[int, bytes]:
        """Sends one image. The server takes it before its worker is ready, so the answer tells when that is."""
        connection = http.client.HTTPConnection(self.host, self.port)
        try:
            while True:
                try:
                    connection.connect()
                    break
                except ConnectionRefusedError:
                    self._check_start(deadline)
                    time.sleep(0.02)
            headers = {"Content-Type": "application/octet-stream", "X-Request-Id": PROBE_REQUEST_ID}
            connection.request("POST", f"/predictions/{name}", image, headers)
            while not select.select([connection.sock], [], [], 0.1)[0]:
                self._check_start(deadline)
            response = connection.getresponse()
            return response.status, response.read()
        except (http.client.HTTPException, ConnectionError) as error:
            self._check_start(deadline)
            raise ServingError(f"TorchServe broke the connection ({error}). {self._log_tail()}") from error
        finally:
            connection.close()

    def _check_start(self, deadline: float) -> None:
        """Raises when there is no use in waiting for the first answer any longer."""
        assert self._process is not None
        if failure := WORKER_ERROR.search(self.log.read_text(errors="replace")):
            kind = BundleError if failure["kind"].endswith("BundleError") else ServingError
            raise kind(
                f"A worker of TorchServe could not load its model: {failure['message']} The log is '{self.log}'."
            )
        if self._process.poll() is not None:
            raise ServingError(f"TorchServe ended with exit code {self._process.returncode}. {self._log_tail()}")
        if time.monotonic() > deadline:
            raise ServingError(f"TorchServe did not answer within {self._start_timeout_s:.0f} s. {self._log_tail()}")

    def _log_tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-5:]
        return f"Its log '{self.log}' ends with:\n" + "\n".join(lines)


def _torchserve_home() -> Path:
    spec = importlib.util.find_spec("ts")
    if spec is None or spec.origin is None:
        raise UsageError("TorchServe is not installed in this environment: pip install 'saccade[serve]'")
    return Path(spec.origin).parent.parent


def _free_port(host: str, port: int) -> int:
    """Returns port, or a free one for 0. Raises UsageError when something listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # or a server stopped a moment ago is in the way
        try:
            probe.bind((host, port))
        except OSError as error:
            raise UsageError(
                f"Port {port} on {host} cannot be used: {error.strerror}. "
                "Choose another with --port, or 0 for a free one."
            ) from error
        free: int = probe.getsockname()[1]
        return free


def _end_session(process: subprocess.Popen[bytes]) -> None:
    try:
        process.terminate()
        process.wait(ORDERLY_STOP_S)
    except subprocess.TimeoutExpired:
        logger.warning(f"TorchServe did not stop within {ORDERLY_STOP_S:.0f} s and is killed.")
    finally:
        _kill_session(process)


def _kill_session(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
