"""The error of one request."""

from saccade.core.errors import ServingError


class RequestError(ServingError):
    """A request that is refused. It alone is answered with http_status and a code that programs may rely on."""

    def __init__(self, code: str, message: str, http_status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.http_status = http_status
