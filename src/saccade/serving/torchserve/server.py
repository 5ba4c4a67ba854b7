"""Starts TorchServe, waits until it truly answers, changes its models under load, and stops it without a loss."""

import os
import signal
import socket
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from saccade.core.artifacts import CONFIG_PROPERTIES
from saccade.core.errors import SaccadeError, UsageError
from saccade.core.log import logger
from saccade.core.settings import read_settings
from saccade.serving.model_store import read_index, store_properties, take_archives
from saccade.serving.torchserve.configuration import METRICS_SOCKET, private_properties
from saccade.serving.torchserve.java import find_java, find_torchserve
from saccade.serving.torchserve.metrics_door import MetricsDoor
from saccade.serving.torchserve.model_versions import ModelVersions
from saccade.serving.torchserve.process import TorchServeProcess

LOG_FILE, WORKER_METRICS_DIR = "torchserve.log", "worker-metrics"
LOOK_EVERY_S = 0.5  # for a SIGHUP
CAPTURE_WRITTEN_S = 5.0


class TorchServe:
    """A running server of a model store: with TorchServe(model_store, log_dir=logs) as server: ... server.url

    Inference listens on host:port. The management and metrics APIs are sockets in a private directory; TorchServe's
    gRPC, which cannot be switched off, gets a free port on loopback for inference and for management an address that
    nobody can reach. The server is a session of its own: Ctrl-C reaches only the process that started it, which then
    stops the server. It also stops when that process is killed, or when the thread that entered the block ends.
    """

    def __init__(
        self,
        model_store: Path,
        *,
        log_dir: Path,
        port: int = 0,
        host: str = "127.0.0.1",
        capture_dir: Path | None = None,
        trusted_key: Path | None = None,
        metrics_port: int | None = None,
        start_timeout_s: float = 120.0,
        drain_s: float = 0.0,
    ) -> None:
        """port: 0 takes a free one.   log_dir: gets torchserve.log.   capture_dir: where the workers write records.

        trusted_key: whose signature the store must have. Its config.properties, which is not signed, is then not read.
        metrics_port: where Prometheus reads workers and frontend, on host; 0 takes a free one, None opens none.
        start_timeout_s: for a model's first right answer.   drain_s: how long a server that stops still takes requests.
        """
        self.model_store = model_store.resolve()
        self.host, self.port = host, port
        self.log = log_dir.resolve() / LOG_FILE
        self.start_seconds = 0.0
        self._trusted_key = trusted_key
        self._capture_dir = capture_dir or read_settings().capture_dir
        self._start_timeout_s = start_timeout_s
        self._drain_s = drain_s
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._process: TorchServeProcess | None = None
        self._versions: ModelVersions | None = None
        self._metrics_port = metrics_port
        self._metrics_door: MetricsDoor | None = None

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
        java, home = find_java(), find_torchserve()
        self.port = _free_port(self.host, self.port)
        try:
            scratch = self._prepare(models)
            self._process = TorchServeProcess(
                java, home, scratch, log=self.log, title=self.model_store, environment=self._environment()
            )
            versions = ModelVersions(
                self._process,
                (self.host, self.port),
                self.model_store,
                timeout_s=self._start_timeout_s,
                linger_s=0.0 if self._capture_dir is None else CAPTURE_WRITTEN_S,
            )
            versions.await_start(models)
            self._versions = versions
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

    def wait(self, timeout_s: float | None = None) -> None:
        """Returns after timeout_s, or never. Raises ServingError when the server ends by itself."""
        assert self._process is not None, "the server is not started"
        self._process.wait(timeout_s)

    def serve(self) -> None:
        """Returns when it is interrupted (KeyboardInterrupt). SIGHUP makes it reload. For the main thread only.

        Raises ServingError when the server ends by itself.
        """
        hangups: list[int] = []
        before = signal.signal(signal.SIGHUP, lambda number, _: hangups.append(number))
        try:
            while True:
                self.wait(LOOK_EVERY_S)
                if hangups:
                    hangups.clear()
                    self._try_to_reload()
        except KeyboardInterrupt:
            logger.info("The server stops.")
        finally:
            signal.signal(signal.SIGHUP, before)

    def reload(self) -> None:
        """Serves what the model store holds now, without a failed request.

        A new version answers a golden image before it becomes the default; a version that the store no longer holds
        answers what it has accepted before it is removed.
        Raises BundleError or ServingError for what is wrong; that model is served as before, all others are changed.
        """
        assert self._versions is not None, "the server is not started"
        self._versions.change(read_index(self.model_store, self._trusted_key))

    def stop(self) -> None:
        """Ends the server and all its workers. Safe to call again.

        A server that has started is drained before: readiness (`/ping`) turns false, requests are taken for drain_s
        more and then refused with 503, and those that were accepted are answered.
        """
        versions, self._versions = self._versions, None
        process, self._process = self._process, None
        scratch, self._scratch = self._scratch, None
        door, self._metrics_door = self._metrics_door, None
        try:
            if versions is not None:
                versions.drain(self._drain_s)
        except SaccadeError as error:
            logger.warning(f"Some requests may have got no answer. {error}")
        finally:
            if door is not None:
                door.close()
            if process is not None:
                process.end()
            if scratch is not None:
                scratch.cleanup()

    def _try_to_reload(self) -> None:
        try:
            self.reload()
        except SaccadeError as error:
            logger.warning(f"'{self.model_store}' is not served as it is. {error}")

    def _prepare(self, models: list[dict[str, Any]]) -> Path:
        """Makes the private directory with what TorchServe reads, and returns it."""
        self._scratch = tempfile.TemporaryDirectory(prefix="saccade-torchserve-", ignore_cleanup_errors=True)
        scratch = Path(self._scratch.name)
        self._open_metrics(scratch)
        take_archives(self.model_store, models, scratch)
        overrides = private_properties(self.url, scratch).encode("ascii")
        (scratch / "config.properties").write_bytes(self._published_config(models) + overrides)
        return scratch

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

    def _environment(self) -> dict[str, str]:
        """This process's environment for the child, without the variables by which TorchServe overrides its config."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("TS_")}
        assert self._scratch is not None
        inherited["PROMETHEUS_MULTIPROC_DIR"] = str(Path(self._scratch.name, WORKER_METRICS_DIR))
        if self._capture_dir is None:
            return inherited
        return {**inherited, "SACCADE_CAPTURE_DIR": str(self._capture_dir.resolve())}


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
