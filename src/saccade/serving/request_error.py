"""The error of one request."""

from saccade.core.errors import ServingError


class RequestError(ServingError):
    """A request that is refused. It alone is answered with http_status and a code that programs may rely on."""

    def __init__(self, code: str, message: str, http_status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.http_status = http_status
        self.is_v2 = False  # of a request that is V2 whatever its path: it is answered with v2_error_body
