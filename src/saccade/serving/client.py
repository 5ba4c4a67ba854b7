"""Asks a running server in any of its protocols: several requests at once, answers in order, errors in words."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from saccade.core.errors import UsageError
from saccade.serving.http_transport import HttpTransport
from saccade.serving.in_order import in_order
from saccade.serving.transport import (
    DEFAULT_MODEL,
    DEFAULT_TIMEOUT_S,
    PROTOCOLS,
    Answer,
    ClientProtocol,
    Transport,
)


class Client:
    """Classifies images through a server: with Client(url) as client: client.predict_one(path)["label"]

    An answer is the document that the server sends for a raw image, whatever the protocol: `label`, `probability`,
    `top_k`, `ood`, `model` and `request_id`. An image that is refused or cannot be read has `error` alone, with `code`,
    `message` and, unless the file could not be read, the HTTP `status`; the other images are not touched by it.

    Every method raises ServingError when the server cannot be reached, takes longer than timeout_s or does not speak
    the protocol, and UsageError when it knows no such model or wants another token: what no other image would change.
    A full server is asked again a few times, after the time that it names. Threads may share a client.
    """

    def __init__(
        self,
        url: str,
        model: str = DEFAULT_MODEL,
        *,
        protocol: ClientProtocol = "raw",
        token: str | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> None:
        """Sends nothing yet. Raises UsageError for a url or protocol that is none.

        url: such as http://127.0.0.1:8080; for protocol grpc that of the gRPC port. https encrypts, in gRPC too.
        token: the bearer token, where the server asks for one.   timeout_s: the longest silence of the server.
        """
        self._transport = _transport(url, model, protocol, token, timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._transport.close()

    def predict_one(self, image: Path | bytes) -> Answer:
        """Returns the answer to one encoded image."""
        try:
            encoded = image.read_bytes() if isinstance(image, Path) else image
        except OSError as error:
            return {"error": {"code": "unreadable", "message": f"The file cannot be read: {error.strerror}."}}
        return self._transport.ask(encoded)

    def predict(self, images: Iterable[Path | bytes], concurrency: int = 4) -> list[Answer]:
        """Returns one answer an image, in order. concurrency: requests under way at once."""
        return list(self.predict_each(images, concurrency))

    def predict_each(self, images: Iterable[Path | bytes], concurrency: int = 4) -> Iterator[Answer]:
        """Yields one answer an image, in order, as they come.

        However many images there are, at most `concurrency` files are in memory and twice as many answers wait.
        """
        if concurrency < 1:
            raise UsageError(f"concurrency is {concurrency}; at least one request must be under way.")
        return in_order(self.predict_one, images, concurrency)

    def is_ready(self) -> bool:
        """Whether the server answers and says that it is ready."""
        return self._transport.is_ready()

    def metadata(self) -> dict[str, Any]:
        """Returns the model as the server's V2 protocol describes it: name, versions, platform, inputs, outputs."""
        return self._transport.metadata()


def _transport(url: str, model: str, protocol: ClientProtocol, token: str | None, timeout_s: float) -> Transport:
    if not _is_address(url):
        raise UsageError(f"'{url}' is not a server's address such as http://127.0.0.1:8080.")
    if protocol not in PROTOCOLS:
        raise UsageError(f"There is no protocol '{protocol}'. Choose one of {', '.join(PROTOCOLS)}.")
    if token is not None and not (token.isascii() and token.isprintable()):
        raise UsageError("The token holds characters that no header can carry. Use printable ASCII.")
    if protocol != "grpc":
        return HttpTransport(url, model, protocol, token, timeout_s)
    try:
        from saccade.serving.grpc_transport import GrpcTransport
    except ImportError as error:
        raise UsageError(f"Protocol grpc needs gRPC ({error}): pip install 'saccade[grpc]'") from error
    return GrpcTransport(url, model, token, timeout_s)


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # what follows the colon is no port
        return False
