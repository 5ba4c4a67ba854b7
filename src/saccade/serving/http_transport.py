"""The client's HTTP: a raw image, V1 and V2 JSON, and V2 with binary tensors, over connections that are kept."""

import json
from http import HTTPStatus
from types import TracebackType
from typing import Any, NoReturn, Self
from urllib.parse import quote

import urllib3
from urllib3.exceptions import HTTPError, MaxRetryError, NewConnectionError, ReadTimeoutError
from urllib3.exceptions import TimeoutError as HttpTimeoutError

from saccade.core.errors import ServingError, UsageError
from saccade.serving.protocol import parse_response, request_body
from saccade.serving.transport import EVERY_IMAGE, FIRST_DELAY_S, RETRIES, Answer, HttpProtocol, Refusal, checked

PATHS: dict[HttpProtocol, str] = {
    "raw": "/predictions/{model}",
    "v1": "/v1/models/{model}:predict",
    "v2": "/v2/models/{model}/infer",
    "v2-binary": "/v2/models/{model}/infer",
}
CONNECTIONS = 256  # that may be kept
LONGEST_WAIT_S = 30  # that a server may name in Retry-After


class HttpTransport:
    """Asks one model of one server with POST requests."""

    def __init__(self, url: str, model: str, protocol: HttpProtocol, token: str | None, timeout_s: float) -> None:
        self._url, self._base = url, url.rstrip("/")
        self._model, self._protocol, self._timeout_s = quote(model, safe=""), protocol, timeout_s
        self._path = PATHS[protocol].format(model=self._model)
        self._retry = _Retry(
            total=None,
            connect=0,
            read=1,  # the server closed a connection that was idle for long
            other=0,
            status=RETRIES,
            status_forcelist={HTTPStatus.SERVICE_UNAVAILABLE},
            allowed_methods=None,
            raise_on_status=False,
            backoff_factor=FIRST_DELAY_S,
            backoff_jitter=FIRST_DELAY_S,  # together they would only collide again
            retry_after_max=LONGEST_WAIT_S,
        )
        self._pool = urllib3.PoolManager(
            maxsize=CONNECTIONS,
            headers={"Authorization": f"Bearer {token}"} if token else None,
            timeout=urllib3.Timeout(timeout_s),
            retries=self._retry,
        )

    def ask(self, image: bytes) -> Answer:
        """Returns the answer to one encoded image."""
        body, headers = _question(self._protocol, image)
        status, content = self._request("POST", self._path, body, headers)
        if status != HTTPStatus.OK:
            return {"error": _refusal(status, content)}
        try:
            return checked(parse_response("v2" if self._protocol == "v2-binary" else self._protocol, content)[0])
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            self._foreign(content, error)

    def is_ready(self) -> bool:
        """Whether the server says that it is ready; False when none answers."""
        try:
            response = self._pool.request("GET", f"{self._base}/v2/health/ready", retries=self._retry.new(status=0))
        except HTTPError:
            return False
        return response.status == HTTPStatus.OK

    def metadata(self) -> dict[str, Any]:
        """Returns the model as V2 describes it."""
        status, content = self._request("GET", f"/v2/models/{self._model}")
        if status != HTTPStatus.OK:
            raise ServingError(f"{self._url} does not describe the model: {_refusal(status, content)['message']}")
        try:
            return dict(json.loads(content))
        except (ValueError, TypeError) as error:
            self._foreign(content, error)

    def close(self) -> None:
        """Closes the connections."""
        self._pool.clear()

    def _request(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        headers = {**self._pool.headers, **(headers or {})}
        try:
            response = self._pool.request(method, self._base + path, body=body, headers=headers, redirect=False)
        except HTTPError as error:
            raise self._unreachable(error) from error
        if response.status in EVERY_IMAGE:
            raise UsageError(f"{self._url} answers no request: {_refusal(response.status, response.data)['message']}")
        return response.status, response.data

    def _unreachable(self, error: HTTPError) -> ServingError:
        reason = error.reason if isinstance(error, MaxRetryError) and error.reason else error
        if isinstance(reason, HttpTimeoutError) and not isinstance(reason, NewConnectionError):
            return ServingError(f"{self._url} did not answer within {self._timeout_s:g} s.")
        return ServingError(
            f"No server answers at {self._url} ({reason.__cause__ or reason}). "
            "Start one with 'saccade serve BUNDLE' or give another --url."
        )

    def _foreign(self, content: bytes, error: Exception) -> NoReturn:
        raise ServingError(f"{self._url} does not answer as a Saccade server: {content[:200]!r}") from error


class _Retry(urllib3.Retry):
    """As its parent, but a server that is too slow is not asked again."""

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: urllib3.BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: urllib3.connectionpool.ConnectionPool | None = None,
        _stacktrace: TracebackType | None = None,
    ) -> Self:
        if isinstance(error, ReadTimeoutError):
            raise error
        return super().increment(method, url, response, error, _pool, _stacktrace)


def _question(protocol: HttpProtocol, image: bytes) -> tuple[bytes, dict[str, str]]:
    """The body that asks about one encoded image, and its headers."""
    if protocol != "v2-binary":
        body, content_type = request_body(protocol, image)
        return body, {"Content-Type": content_type}
    tensor = len(image).to_bytes(4, "little") + image
    described = {"name": "image", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": len(tensor)}}
    head = json.dumps({"inputs": [described]}).encode()
    return head + tensor, {
        "Content-Type": "application/octet-stream",
        "Inference-Header-Content-Length": str(len(head)),
    }


def _refusal(status: int, body: bytes) -> Refusal:
    """The reason of a refusal: ours, or TorchServe's own in our form, or the bare status."""
    try:
        document = json.loads(body)
        if isinstance(document.get("error"), dict):
            return {"code": document["error"]["code"], "message": document["error"]["message"], "status": status}
        if isinstance(document.get("error"), str):  # V2, ours or any other server's
            return {"code": str(document.get("code", f"http_{status}")), "message": document["error"], "status": status}
        return {"code": str(document["type"]), "message": str(document["message"]), "status": status}
    except (ValueError, KeyError, AttributeError):
        reason = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "unknown status"
        return {"code": f"http_{status}", "message": f"The server answered {status} ({reason}).", "status": status}
