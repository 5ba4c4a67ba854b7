"""TorchServe's management API on its unix socket, as far as changing models needs it.

Never ask it to wait for a worker: it answers on the threads that also read the requests of clients.
"""

import http.client
import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from saccade.core.errors import ServingError

ANSWER_S = 30.0  # an archive is unpacked before the answer


class Management:
    """The management API behind a socket. Every method raises ServingError with TorchServe's reason."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def register(
        self, url: str, *, workers: int, name: str | None = None, options: Mapping[str, int] | None = None
    ) -> None:
        """Adds a version of a model; the first one is its default. Workers are started but not waited for.

        url: the file name of an archive in the model store, or a directory that holds what one does.
        name: instead of the one in the archive.   options: those of POST /models.
        """
        named = {} if name is None else {"model_name": name}
        query = {"url": url, "initial_workers": workers, "synchronous": "false", **named, **(options or {})}
        self._call("POST", f"/models?{urlencode(query)}")

    def set_default(self, name: str, version: str) -> None:
        """Sends the requests that name no version to this one from now on."""
        self._call("PUT", f"{_path(name, version)}/set-default")

    def unregister(self, name: str, version: str) -> None:
        """Removes a version and kills its workers. What waits in its queue is never answered."""
        self._call("DELETE", _path(name, version))

    def _call(self, method: str, target: str) -> Any:
        connection = _UnixConnection("localhost", timeout=ANSWER_S)
        connection.path = str(self._path)
        try:
            connection.request(method, target)
            response = connection.getresponse()
            answer = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ServingError(f"TorchServe's management does not answer {method} {target}: {error}") from error
        finally:
            connection.close()
        if response.status >= http.HTTPStatus.BAD_REQUEST:
            raise ServingError(f"TorchServe refuses {method} {target}: {answer.get('message', answer)}")
        return answer


class _UnixConnection(http.client.HTTPConnection):
    path = ""

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def _path(name: str, version: str) -> str:
    return f"/models/{quote(name, safe='')}/{quote(version, safe='')}"
