"""Asks a server through its own port, as a client would, and looks after it while the answer is awaited."""

import http.client
import select
import time
from collections.abc import Callable

from saccade.core.errors import ServingError
from saccade.serving.protocol import PROBE_REQUEST_ID

LOOK_EVERY_S = 0.1


def ask(address: tuple[str, int], path: str, image: bytes, check: Callable[[], None]) -> tuple[int, bytes]:
    """Returns status and body of the answer to one image, which is not captured.

    A server that does not listen yet, or refuses with 503, is asked again.
    check: called while there is no answer; it raises to give up.   Raises ServingError when the server hangs up.
    """
    while True:
        check()
        try:
            status, body = _exchange(address, path, image, check)
        except ConnectionRefusedError:
            time.sleep(LOOK_EVERY_S / 5)
            continue
        except (http.client.HTTPException, ConnectionError) as error:
            check()
            raise ServingError(f"The server at port {address[1]} broke the connection ({error}).") from error
        if status != http.HTTPStatus.SERVICE_UNAVAILABLE:
            return status, body
        time.sleep(LOOK_EVERY_S)


def _exchange(address: tuple[str, int], path: str, image: bytes, check: Callable[[], None]) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(*address)
    try:
        headers = {"Content-Type": "application/octet-stream", "X-Request-Id": PROBE_REQUEST_ID}
        connection.request("POST", path, image, headers)
        while not select.select([connection.sock], [], [], LOOK_EVERY_S)[0]:
            check()
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()
