"""The models behind every protocol: who may ask, which model is meant, what is told of it, and what a refusal says."""

import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from saccade.core.log import logger
from saccade.serving.kserve.models import Models
from saccade.serving.kserve.served_model import ServedModel
from saccade.serving.kserve.telemetry import Telemetry
from saccade.serving.request_error import RequestError
from saccade.serving.request_log import Call

EXTENSIONS = ["binary_tensor_data"]


class Service:
    """What the doors share."""

    def __init__(self, models: Models, telemetry: Telemetry, token: bytes | None) -> None:
        """token: what `Authorization: Bearer` must hold to get an answer; None asks for none."""
        self.models, self.metrics = models, telemetry.metrics
        self.draining = False
        self._token, self._log = token, telemetry.log

    @property
    def is_ready(self) -> bool:
        """Whether a load balancer should send requests."""
        return self.models.is_ready

    def drain(self) -> None:
        """From now on requests should go to another server; those that come are still answered."""
        self.draining, self.models.is_ready = True, False

    def check_token(self, authorization: str) -> None:
        """Raises RequestError 401 unless the header of that value holds the token."""
        given = authorization.removeprefix("Bearer ").encode()
        if self._token is not None and not hmac.compare_digest(given, self._token):
            raise RequestError(
                "unauthorized",
                "Inference needs the header 'Authorization: Bearer TOKEN' with the server's token.",
                HTTPStatus.UNAUTHORIZED,
            )

    @contextmanager
    def model(self, name: str, version: str) -> Iterator[ServedModel]:
        """Yields a model that stays alive for the block. version: empty for the default. Raises RequestError 404."""
        with self.models.find(name, version).used() as model:
            yield model

    def readiness(self, name: str, version: str) -> dict[str, Any]:
        """What V1 and V2 tell of one model. Raises RequestError 404 for one that nobody published."""
        reason = self.models.refused(name, version)
        if reason is not None and version not in self.models.versions(name):
            return {"name": name, "ready": False, "reason": reason}
        self.models.find(name, version)
        return {"name": name, "ready": self.is_ready}

    def metadata(self, name: str, version: str) -> dict[str, Any]:
        """The model as V2 describes it. Raises RequestError 404."""
        return self.models.find(name, version).metadata() | {"versions": self.models.versions(name)}

    def refuse(self, error: Exception, call: Call, model: ServedModel | None) -> RequestError:
        """Counts an error and returns what the client is told of it. What the client must not see is in the log.

        model: the one that was asked, once it is known.
        """
        if not isinstance(error, RequestError):
            fields = {"request_id": call.request_id, "trace_id": call.trace.trace_id}
            logger.error(f"Request {call.request_id} failed.", exc_info=error, extra=fields)
            error = RequestError("internal", "The server failed. Its log says why.", HTTPStatus.INTERNAL_SERVER_ERROR)
        self.metrics.request_rejected(error.code)
        self._log.refused(call, error, None if model is None else model.info)
        return error
