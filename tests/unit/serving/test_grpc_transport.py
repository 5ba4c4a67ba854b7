"""The client's gRPC against a real gRPC server that answers as it is told."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest

from saccade.client import Client
from saccade.core.errors import ServingError, UsageError

PHOTO = bytes(1 << 20)  # longer than the requests that gRPC sends again by default
METHOD = "/inference.GRPCInferenceService/ModelInfer"


@dataclass
class Server:
    """reply(context, call number) decides each answer, as bytes."""

    url: str
    reply: Callable[[grpc.ServicerContext, int], bytes] = lambda context, call: b""
    calls: list[dict[str, Any]] = field(default_factory=list)

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        return grpc.unary_unary_rpc_method_handler(self.infer) if details.method == METHOD else None

    def infer(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        self.calls.append(dict(context.invocation_metadata()))
        return self.reply(context, len(self.calls))


@pytest.fixture
def server() -> Iterator[Server]:
    with ThreadPoolExecutor(4) as pool:
        running = grpc.server(pool)
        told = Server(f"http://127.0.0.1:{running.add_insecure_port('127.0.0.1:0')}")
        running.add_generic_rpc_handlers((told,))
        running.start()
        yield told
        running.stop(None).wait()


def refuse(context: grpc.ServicerContext, status: grpc.StatusCode, code: str | None = None) -> None:
    context.set_trailing_metadata((("saccade-error-code", code),) if code else ())
    context.abort(status, "what happened")


def test_full_server_is_sent_a_whole_photograph_again(server):
    full, seen = (grpc.StatusCode.UNAVAILABLE, "overloaded"), (grpc.StatusCode.INVALID_ARGUMENT, "seen")
    server.reply = lambda context, call: refuse(context, *(full if call < 3 else seen))
    with Client(server.url, protocol="grpc") as client:
        answer = client.predict_one(PHOTO)
    assert answer == {"error": {"code": "seen", "message": "what happened", "status": 400}}
    assert len(server.calls) == 3


def test_server_that_stays_full_is_given_up(server):
    server.reply = lambda context, call: refuse(context, grpc.StatusCode.UNAVAILABLE, "overloaded")
    with Client(server.url, protocol="grpc") as client:
        answer = client.predict_one(PHOTO)
    assert answer == {"error": {"code": "overloaded", "message": "what happened", "status": 503}}


@pytest.mark.parametrize(
    ("status", "http_status"),
    [(grpc.StatusCode.RESOURCE_EXHAUSTED, 413), (grpc.StatusCode.INTERNAL, 500)],
)
def test_refusal_without_a_code_has_that_of_grpc(server, status, http_status):
    server.reply = lambda context, call: refuse(context, status)
    with Client(server.url, protocol="grpc") as client:
        error = client.predict_one(PHOTO)["error"]
    assert error == {"code": status.name.lower(), "message": "what happened", "status": http_status}


@pytest.mark.parametrize("status", ["UNAUTHENTICATED", "PERMISSION_DENIED", "NOT_FOUND"])
def test_refusal_that_every_image_would_meet_is_raised(server, status):
    server.reply = lambda context, call: refuse(context, grpc.StatusCode[status])
    with Client(server.url, protocol="grpc") as client, pytest.raises(UsageError, match="what happened"):
        client.predict([PHOTO] * 3)


def test_slow_server_is_given_up_in_time(server):
    done = threading.Event()
    server.reply = lambda context, call: bytes(done.wait(10))
    with (
        Client(server.url, protocol="grpc", timeout_s=0.2) as client,
        pytest.raises(ServingError, match=r"within 0\.2 s"),
    ):
        client.predict_one(PHOTO)
    done.set()


@pytest.mark.parametrize("content", [b"", b"\x0a\x01x"])
def test_foreign_server_is_told(server, content):
    server.reply = lambda context, call: content
    with Client(server.url, protocol="grpc") as client, pytest.raises(ServingError, match="not answer as a Saccade"):
        client.predict_one(PHOTO)


def test_server_of_another_service_is_told(server):
    with Client(server.url, protocol="grpc") as client, pytest.raises(ServingError, match="Open Inference Protocol"):
        client.metadata()


def test_token_is_sent_as_bearer(server):
    with Client(server.url, protocol="grpc", token="secret") as client, pytest.raises(ServingError):
        client.predict_one(PHOTO)
    assert server.calls[0]["authorization"] == "Bearer secret"
