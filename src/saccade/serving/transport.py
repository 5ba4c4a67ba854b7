"""What the client needs of a protocol, and what it gets back."""

from http import HTTPStatus
from typing import Any, Literal, Protocol, TypedDict, get_args

HttpProtocol = Literal["raw", "v1", "v2", "v2-binary"]
ClientProtocol = Literal[HttpProtocol, "grpc"]
PROTOCOLS: tuple[ClientProtocol, ...] = get_args(ClientProtocol)
DEFAULT_MODEL = "classifier"
DEFAULT_TIMEOUT_S = 60.0
RETRIES = 5  # of a request that is refused because the server is full
FIRST_DELAY_S = 0.05
EVERY_IMAGE = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)  # would be refused with these


class Candidate(TypedDict):
    """One of the most probable labels."""

    label: str
    probability: float


class Ood(TypedDict):
    """How unlike the training data an image is: larger is stranger; scores holds every detector's."""

    score: float
    threshold: float
    is_ood: bool
    detector: str
    scores: dict[str, float]


class Model(TypedDict):
    """Who answered."""

    name: str
    version: str


class Refusal(TypedDict, total=False):
    """Why there is no answer. status: HTTP's, and missing where no server was asked."""

    code: str
    message: str
    status: int


class Answer(TypedDict, total=False):
    """The document that the server sends for an image; or `error` alone."""

    label: str
    probability: float
    top_k: list[Candidate]
    ood: Ood
    model: Model
    request_id: str
    error: Refusal


ANSWERED = Answer.__optional_keys__ - {"error"}


class Transport(Protocol):
    """One protocol of one server. Threads may share it; saccade.serving.client.Client says what it raises."""

    def ask(self, image: bytes) -> Answer:
        """Returns the answer to one encoded image."""

    def is_ready(self) -> bool:
        """Whether the server says that it is ready; False when none answers."""

    def metadata(self) -> dict[str, Any]:
        """Returns the model as V2 describes it."""

    def close(self) -> None:
        """Closes the connections."""


def checked(document: Any) -> Answer:
    """Returns the document of an answer. Raises KeyError, TypeError or AttributeError when it is another server's."""
    if missing := ANSWERED - document.keys():
        raise KeyError(*sorted(missing))
    answer: Answer = document
    return answer
