"""Asks a running server: keep-alive connections, several requests at once, and errors in words."""

import contextlib
import http.client
import json
import queue
import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from saccade.core.errors import ServingError, UsageError
from saccade.serving.protocol import Protocol, parse_response, request_body

PATHS: dict[str, str] = {
    "raw": "/predictions/{model}",
    "v1": "/v1/models/{model}:predict",
    "v2": "/v2/models/{model}/infer",
}
RETRIES = 5  # of a request that is refused because the server's queue is full
FIRST_DELAY_S = 0.05


class Client:
    """Classifies images through a server at url. Threads may share one."""

    def __init__(self, url: str, model: str, *, protocol: Protocol = "raw", timeout_s: float = 60.0) -> None:
        """Raises UsageError for a url or protocol that is none. Nothing is sent yet."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"'{url}' is not a server's address such as http://127.0.0.1:8080.")
        if protocol not in PATHS:
            raise UsageError(f"There is no protocol '{protocol}'. Choose one of {', '.join(PATHS)}.")
        self._url, self._parts = url, parts
        self._path = parts.path.rstrip("/") + PATHS[protocol].format(model=model)
        self._protocol = protocol
        self._timeout_s = timeout_s
        self._idle: queue.SimpleQueue[http.client.HTTPConnection] = queue.SimpleQueue()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections that wait for another request."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._idle.get_nowait().close()

    def predict(self, images: Sequence[Path | bytes], concurrency: int = 4) -> list[dict[str, Any]]:
        """Returns one answer an image, in order; {"error": {"code", "message"}} where the server refused an image.

        concurrency: requests under way at once.
        Raises ServingError when the server cannot be reached or is too slow, OSError for an unreadable file.
        """
        with ThreadPoolExecutor(concurrency) as pool:
            asked = [pool.submit(self.predict_one, image) for image in images]
            try:
                return [answer.result() for answer in asked]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def predict_one(self, image: Path | bytes) -> dict[str, Any]:
        """Returns the answer to one image, as predict does."""
        body, content_type = request_body(self._protocol, image.read_bytes() if isinstance(image, Path) else image)
        status, answer = self._post(body, content_type)
        for attempt in range(RETRIES):
            if status != HTTPStatus.SERVICE_UNAVAILABLE:
                break
            time.sleep(FIRST_DELAY_S * 2**attempt * random.uniform(0.5, 1.5))  # together they would only collide again
            status, answer = self._post(body, content_type)
        if status != HTTPStatus.OK:
            return {"error": _error(status, answer)}
        try:
            return parse_response(self._protocol, answer)[0]
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise ServingError(f"{self._url} does not answer as a Saccade server: {answer[:200]!r}") from error

    def _post(self, body: bytes, content_type: str) -> tuple[int, bytes]:
        try:
            return self._exchange(body, content_type)
        except (http.client.HTTPException, ConnectionResetError, BrokenPipeError):
            self.close()  # the server closed a connection that was idle for long, so perhaps all of them
        except OSError as error:
            raise self._unreachable(error) from error
        try:
            return self._exchange(body, content_type)
        except (http.client.HTTPException, OSError) as error:
            raise self._unreachable(error) from error

    def _exchange(self, body: bytes, content_type: str) -> tuple[int, bytes]:
        try:
            connection = self._idle.get_nowait()
        except queue.Empty:
            kind = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
            connection = kind(str(self._parts.hostname), self._parts.port, timeout=self._timeout_s)
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused before all was sent: read why
                connection.request("POST", self._path, body, {"Content-Type": content_type})
            response = connection.getresponse()
            answer = response.read()
        except BaseException:
            connection.close()
            raise
        self._idle.put(connection)  # http.client opens it again if the server has closed it
        return response.status, answer

    def _unreachable(self, error: Exception) -> ServingError:
        if isinstance(error, TimeoutError):
            return ServingError(f"{self._url} did not answer within {self._timeout_s:.0f} s.")
        return ServingError(
            f"No server answers at {self._url} ({error}). Start one with 'saccade serve BUNDLE' or give another --url."
        )


def _error(status: int, body: bytes) -> dict[str, str]:
    """The reason of a refusal: ours, or TorchServe's own in our form, or the bare status."""
    try:
        document = json.loads(body)
        if isinstance(document.get("error"), dict):
            return dict(document["error"])
        if isinstance(document.get("error"), str):  # V2, ours or any other server's
            return {"code": str(document.get("code", f"http_{status}")), "message": document["error"]}
        return {"code": str(document["type"]), "message": str(document["message"])}
    except (ValueError, KeyError, AttributeError):
        reason = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "unknown status"
        return {"code": f"http_{status}", "message": f"The server answered {status} ({reason})."}
