"""The second front door: kserve's ModelServer around our predictor, with our REST and gRPC handlers.

Stock, it listens on every interface, is ready before its model is, and drops gRPC requests when it stops. What is kept
and what is replaced: docs/decisions/0006-kserve-door.md.
"""

import asyncio
import contextlib
import http.client
import json
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import prometheus_client
import uvloop
from grpc.aio import Server
from kserve import ModelServer
from kserve.protocol.rest.server import RESTServer
from starlette.applications import Starlette

from saccade.core.errors import ServingError, UsageError
from saccade.core.log import logger
from saccade.core.settings import Settings
from saccade.serving.batching import BatchLimits
from saccade.serving.configuration import MAX_BODY_BYTES
from saccade.serving.golden import surest_golden
from saccade.serving.grpc_door import grpc_server
from saccade.serving.http_bodies import Bodies
from saccade.serving.metrics import Metrics
from saccade.serving.predictor import Predictor
from saccade.serving.protocol import PROBE_REQUEST_ID
from saccade.serving.recording import Recorder, open_capture
from saccade.serving.rest_door import rest_app
from saccade.serving.service import Service

GRACE_S = 20  # for requests under way at a stop; an orderly end comes well within the 30 s that Kubernetes gives
KEEP_ALIVE_S = 65  # longer than the 60 s of usual proxies, which would else meet a connection closed in their hands


@dataclass(frozen=True)
class DoorOptions:
    """Where the server listens and how much it takes."""

    host: str = "127.0.0.1"
    port: int = 8080  # 0: a free one
    grpc_port: int = 8081
    batch: BatchLimits = field(default_factory=BatchLimits)
    max_body_bytes: int = MAX_BODY_BYTES
    max_held_bytes: int = 8 * MAX_BODY_BYTES  # of all requests under way
    drain_s: float = 0.0  # after SIGTERM requests are still taken for so long, while readiness is false
    token: bytes | None = None


class KserveServer(ModelServer):
    """Serves one bundle over REST and gRPC until SIGTERM or Ctrl-C."""

    def __init__(self, bundle: Path, options: DoorOptions, settings: Settings) -> None:
        """Loads and verifies the bundle, and binds the REST port.

        Raises UsageError for a port that cannot be used, BundleError for a bundle that must not be served.
        """
        logging.getLogger("kserve").addHandler(logging.NullHandler())  # or kserve would configure logging for us
        super().__init__(http_port=options.port, grpc_port=options.grpc_port, grace_period=GRACE_S)
        self._options, self._settings = options, settings
        self._predictor = Predictor(bundle, threads=settings.threads)
        self._golden, self._golden_label = surest_golden(bundle)
        self._socket = _bound(options.host, options.port)
        self.http_port = self._socket.getsockname()[1]

    @property
    def url(self) -> str:
        """Where REST is answered."""
        return f"http://{self._options.host}:{self.http_port}"

    @property
    def grpc_address(self) -> str:
        """Where gRPC is answered; known once the server is ready."""
        return f"{self._options.host}:{self.grpc_port}"

    def start(self, on_ready: Callable[[], None]) -> None:
        """Serves, and returns after an orderly stop. on_ready is called when the golden image is answered right.

        Raises UsageError for a gRPC port that cannot be used, ServingError when the golden image is answered otherwise.
        """
        prometheus_client.disable_created_metrics()  # one more series for each of ours, which nobody asks for
        with self._socket, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._run(on_ready))

    async def _run(self, on_ready: Callable[[], None]) -> None:
        options = self._options
        metrics = Metrics()
        capture = open_capture(self._settings, metrics)
        recorder = Recorder(self._predictor.info, self._settings, capture)
        service = Service(self._predictor, options.batch, recorder, metrics, options.token)
        rest = _Rest(self, rest_app(service, Bodies(options.max_body_bytes, options.max_held_bytes)), self._socket)
        try:
            with _signals() as signalled:
                await self._serve_until(signalled, service, rest, on_ready)
        finally:
            await service.close()
            if capture is not None:
                capture.close()

    async def _serve_until(
        self, signalled: asyncio.Event, service: Service, rest: "_Rest", on_ready: Callable[[], None]
    ) -> None:
        grpc, self.grpc_port = self._bound_grpc(service)
        self._socket.listen()  # so that our own question waits for uvicorn and is not refused
        await grpc.start()
        serving = asyncio.create_task(rest.start())
        try:
            await asyncio.to_thread(self._check_golden)
            service.verified = True
            on_ready()
            await signalled.wait()
            await self._drain(signalled, service)
        finally:
            rest.stop()
            await asyncio.gather(serving, grpc.stop(GRACE_S))

    async def _drain(self, signalled: asyncio.Event, service: Service) -> None:
        """Lets load balancers notice that readiness is false; a second signal ends the wait."""
        service.draining = True
        logger.info(f"Stopping: requests are taken for {self._options.drain_s:g} s more, then those under way end.")
        signalled.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._options.drain_s):
                await signalled.wait()

    def _bound_grpc(self, service: Service) -> tuple[Server, int]:
        options = self._options
        address = f"{options.host}:{options.grpc_port}"
        try:
            return grpc_server(service, address, options.max_body_bytes, options.batch.queue_images)
        except RuntimeError as error:
            raise UsageError(
                f"gRPC cannot listen on {address}. Choose another --grpc-port, or 0 for a free one."
            ) from error

    def _check_golden(self) -> None:
        """Asks through our own REST door, as a client would. Raises ServingError for a wrong answer or none."""
        host = "127.0.0.1" if self._options.host in ("0.0.0.0", "") else self._options.host
        headers = {"Content-Type": "application/octet-stream", "X-Request-Id": PROBE_REQUEST_ID}
        if self._options.token is not None:
            headers["Authorization"] = f"Bearer {self._options.token.decode()}"
        connection = http.client.HTTPConnection(host, self.http_port, timeout=60)
        connection.request("POST", f"/predictions/{self._predictor.info.name}", self._golden, headers)
        body = connection.getresponse().read()
        connection.close()
        if json.loads(body).get("label") != self._golden_label:
            raise ServingError(f"The server answers its golden image with {body[:200]!r}, not '{self._golden_label}'.")


class _Rest(RESTServer):
    """kserve's uvicorn on our socket, with our application, leaving signals to us."""

    def __init__(self, server: KserveServer, app: Starlette, listener: socket.socket) -> None:
        super().__init__(
            app,
            server.dataplane,
            server.model_repository_extension,
            server.http_port,
            grace_period=GRACE_S,
            timeout_keep_alive=KEEP_ALIVE_S,
        )
        self._listener = listener
        self.config.lifespan, self.config.ws = "off", "none"
        self.config.access_log = self.config.server_header = False
        self._server.capture_signals = contextlib.nullcontext

    async def start(self) -> None:
        """Serves until stop is called and the requests under way are answered."""
        await self._server.serve(sockets=[self._listener])

    def stop(self) -> None:
        """Takes no more requests."""
        self._server.should_exit = True


@contextlib.contextmanager
def _signals() -> Iterator[asyncio.Event]:
    """An event that SIGTERM and Ctrl-C set."""
    signalled = asyncio.Event()
    loop = asyncio.get_running_loop()
    kinds = (signal.SIGTERM, signal.SIGINT)
    for kind in kinds:
        loop.add_signal_handler(kind, signalled.set)
    try:
        yield signalled
    finally:
        for kind in kinds:
            loop.remove_signal_handler(kind)


def _bound(host: str, port: int) -> socket.socket:
    """Returns a socket that holds host:port but does not listen yet. Raises UsageError when it cannot."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise UsageError(
            f"Port {port} on {host} cannot be used: {error.strerror}. Choose another with --port, or 0 for a free one."
        ) from error
    return listener
