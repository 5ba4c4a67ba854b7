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
from collections.abc import Callable, Coroutine, Iterator, Sequence
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
from saccade.serving.kserve.batching import BatchLimits
from saccade.serving.kserve.grpc_door import grpc_server
from saccade.serving.kserve.guarded_http import IDLE_S, GuardedHttp
from saccade.serving.kserve.http_bodies import Bodies
from saccade.serving.kserve.repository import Repository
from saccade.serving.kserve.rest_door import rest_app
from saccade.serving.kserve.served_model import ServedModel
from saccade.serving.kserve.service import Service
from saccade.serving.kserve.telemetry import Telemetry
from saccade.serving.protocol import PROBE_REQUEST_ID
from saccade.serving.torchserve.configuration import MAX_BODY_BYTES

GRACE_S = 20  # for requests under way at a stop; an orderly end comes well within the 30 s that Kubernetes gives


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
    """Serves bundles and model stores over REST and gRPC until SIGTERM or Ctrl-C. Reads them again at SIGHUP."""

    def __init__(self, paths: Sequence[Path], options: DoorOptions, settings: Settings) -> None:
        """Binds the REST port. Raises UsageError for one that cannot be used."""
        logging.getLogger("kserve").addHandler(logging.NullHandler())  # or kserve would configure logging for us
        super().__init__(http_port=options.port, grpc_port=options.grpc_port, grace_period=GRACE_S)
        self._paths, self._options, self._settings = paths, options, settings
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
        """Loads, verifies and serves, and returns after an orderly stop.

        on_ready: called when the golden image of every model is answered right.
        Raises UsageError for a gRPC port that cannot be used, BundleError for a model that must not be served,
        ServingError when a golden image is answered otherwise.
        """
        prometheus_client.disable_created_metrics()  # one more series for each of ours, which nobody asks for
        with self._socket, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._run(on_ready))

    async def _run(self, on_ready: Callable[[], None]) -> None:
        telemetry = Telemetry(self._settings)
        repository = Repository(self._paths, self._options.batch, self._settings, telemetry)
        service = Service(repository.models, telemetry, self._options.token)
        try:
            with _signals(signal.SIGTERM, signal.SIGINT) as stop, _signals(signal.SIGHUP) as reload:
                await repository.load()
                with _running(_reload_for_ever(reload, repository)):
                    await self._serve(service, stop, on_ready)
        finally:
            await repository.close()
            telemetry.close()

    async def _serve(self, service: Service, stop: asyncio.Event, on_ready: Callable[[], None]) -> None:
        options = self._options
        bodies = Bodies(options.max_body_bytes, options.max_held_bytes)
        rest = _Rest(self, rest_app(service, bodies), self._socket)
        grpc, self.grpc_port = self._bound_grpc(service, bodies)
        self._socket.listen()  # so that our own question waits for uvicorn and is not refused
        await grpc.start()
        serving = asyncio.create_task(rest.start())
        try:
            for model in service.models:
                await asyncio.to_thread(self._check_golden, model)
            service.models.is_ready = True
            on_ready()
            await stop.wait()
            await self._drain(stop, service)
        finally:
            rest.stop()
            await asyncio.gather(serving, grpc.stop(GRACE_S))

    async def _drain(self, signalled: asyncio.Event, service: Service) -> None:
        """Lets load balancers notice that readiness is false; a second signal ends the wait."""
        service.drain()
        logger.info(f"Stopping: requests are taken for {self._options.drain_s:g} s more, then those under way end.")
        signalled.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._options.drain_s):
                await signalled.wait()

    def _bound_grpc(self, service: Service, bodies: Bodies) -> tuple[Server, int]:
        options = self._options
        address = f"{options.host}:{options.grpc_port}"
        try:
            return grpc_server(service, bodies, address, options.batch.queue_images)
        except RuntimeError as error:
            raise UsageError(
                f"gRPC cannot listen on {address}. Choose another --grpc-port, or 0 for a free one."
            ) from error

    def _check_golden(self, model: ServedModel) -> None:
        """Asks through our own REST door, as a client would. Raises ServingError for a wrong answer or none."""
        host = "127.0.0.1" if self._options.host in ("0.0.0.0", "") else self._options.host
        headers = {"Content-Type": "application/octet-stream", "X-Request-Id": PROBE_REQUEST_ID}
        if self._options.token is not None:
            headers["Authorization"] = f"Bearer {self._options.token.decode()}"
        connection = http.client.HTTPConnection(host, self.http_port, timeout=60)
        path = f"/predictions/{model.info.name}/{model.info.version}"
        connection.request("POST", path, model.golden, headers)
        body = connection.getresponse().read()
        connection.close()
        if json.loads(body).get("label") != model.golden_label:
            raise ServingError(f"The server answers a golden image with {body[:200]!r}, not '{model.golden_label}'.")


class _Rest(RESTServer):
    """kserve's uvicorn on our socket, with our application, leaving signals to us."""

    def __init__(self, server: KserveServer, app: Starlette, listener: socket.socket) -> None:
        super().__init__(
            app,
            server.dataplane,
            server.model_repository_extension,
            server.http_port,
            grace_period=GRACE_S,
            timeout_keep_alive=IDLE_S,
        )
        self._listener = listener
        self.config.lifespan, self.config.ws, self.config.http = "off", "none", GuardedHttp
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # or every request that is no HTTP wrote a line
        self.config.access_log = self.config.server_header = False
        self._server.capture_signals = contextlib.nullcontext

    async def start(self) -> None:
        """Serves until stop is called and the requests under way are answered."""
        await self._server.serve(sockets=[self._listener])

    def stop(self) -> None:
        """Takes no more requests."""
        self._server.should_exit = True


async def _reload_for_ever(asked: asyncio.Event, repository: Repository) -> None:
    while await asked.wait():
        asked.clear()
        await repository.reload()


@contextlib.contextmanager
def _running(work: Coroutine[None, None, None]) -> Iterator[None]:
    """Has work done beside the block, at whose end it is given up."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()


@contextlib.contextmanager
def _signals(*kinds: signal.Signals) -> Iterator[asyncio.Event]:
    """An event that these signals set."""
    signalled = asyncio.Event()
    loop = asyncio.get_running_loop()
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
