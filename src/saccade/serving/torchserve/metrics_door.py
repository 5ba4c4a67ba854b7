"""One address where Prometheus reads all of a TorchServe: its workers' metrics and its frontend's.

Why TorchServe's own metrics cannot carry ours: docs/decisions/0009-torchserve-metrics.md.
"""

import contextlib
import http.client
import re
import socket
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from saccade.core.errors import UsageError
from saccade.core.log import logger

FRONTEND_TIMEOUT_S = 5.0  # Prometheus gives up after 10 s


class MetricsDoor:
    """Answers GET /metrics, in the format that the scraper asks for, in threads of this process until it is closed."""

    def __init__(self, host: str, port: int, *, worker_dir: Path, frontend_socket: Path) -> None:
        """port: 0 takes a free one.   worker_dir: PROMETHEUS_MULTIPROC_DIR of the workers.

        Raises UsageError for a port that cannot be used.
        """
        registry = CollectorRegistry()
        registry.register(_Workers(worker_dir))
        registry.register(_Frontend(frontend_socket))
        try:
            self._server, self._thread = start_http_server(port, host, registry)
        except OSError as error:
            raise UsageError(
                f"Metrics cannot be read at port {port} of {host}: {error.strerror}. Choose another --metrics-port."
            ) from error
        self.port = self._server.server_port

    def close(self) -> None:
        """Ends the threads."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Workers(Collector):
    """What the workers count, in files. Counters and histograms include workers that have ended."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._collector = MultiProcessCollector(None, str(directory))

    def collect(self) -> Iterator[Metric]:
        for file in self._directory.glob("gauge_live*.db"):
            process_id = re.sub(r"\D", "", file.stem)
            if not Path("/proc", process_id).exists():
                mark_process_dead(process_id, str(self._directory))
        yield from self._collector.collect()


class _Frontend(Collector):
    """TorchServe's own metrics; none while it does not answer, as before its start."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def collect(self) -> Iterator[Metric]:
        try:
            text = self._read()
        except (OSError, http.client.HTTPException) as error:
            logger.debug(f"TorchServe's metrics cannot be read: {error}")
            return
        yield from text_string_to_metric_families(text)

    def _read(self) -> str:
        with contextlib.closing(_UnixConnection(self._path)) as connection:
            connection.request("GET", "/metrics")
            return connection.getresponse().read().decode()


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=FRONTEND_TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
