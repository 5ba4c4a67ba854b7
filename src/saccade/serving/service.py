"""One model behind every protocol: who may ask, what is answered, counted and captured, and whether it is ready."""

import hmac
import time
import uuid
from http import HTTPStatus
from typing import Any

from saccade.core.log import logger
from saccade.serving.answers import answer_documents
from saccade.serving.batching import Batcher, BatchLimits
from saccade.serving.metrics import Metrics
from saccade.serving.predictor import Predictor
from saccade.serving.protocol import PROBE_REQUEST_ID, Request, v2_document
from saccade.serving.recording import Recorder
from saccade.serving.request_error import RequestError
from saccade.serving.request_log import Call, RequestLog
from saccade.serving.trace import TraceContext

INPUTS = [{"name": "image", "datatype": "BYTES", "shape": [-1]}]
EXTENSIONS = ["binary_tensor_data"]


class Service:
    """Answers requests of one model. Lives in one event loop; close it when its doors are closed.

    It is ready from when `verified` is set, by whoever saw a golden image answered right through a door, until
    `draining` is.
    """

    def __init__(
        self, predictor: Predictor, limits: BatchLimits, recorder: Recorder, metrics: Metrics, token: bytes | None
    ) -> None:
        """token: what `Authorization: Bearer` must hold to get an answer; None asks for none."""
        self.info = predictor.info
        self.verified = self.draining = False
        self.outputs: list[dict[str, Any]] = []  # as V2 describes them; known with the first answer
        self._token, self._recorder, self.metrics = token, recorder, metrics
        self._log = RequestLog(self.info)
        self._model_metrics = metrics.model(self.info, predictor.precision)
        self._batcher = Batcher(predictor.predict, limits, self._model_metrics)
        self._model_metrics.watch(lambda: self._batcher.queued_images, lambda: self.is_ready)

    @property
    def is_ready(self) -> bool:
        """Whether a load balancer should send requests."""
        return self.verified and not self.draining

    def call(self, protocol: str, request_id: str | None, trace: TraceContext) -> Call:
        """Starts the clock of a request. request_id: the client's, if it gave a usable one."""
        return Call(protocol, request_id or uuid.uuid4().hex, time.monotonic(), trace)

    def check_token(self, authorization: str) -> None:
        """Raises RequestError 401 unless the header of that value holds the token."""
        given = authorization.removeprefix("Bearer ").encode()
        if self._token is not None and not hmac.compare_digest(given, self._token):
            raise RequestError(
                "unauthorized",
                "Inference needs the header 'Authorization: Bearer TOKEN' with the server's token.",
                HTTPStatus.UNAUTHORIZED,
            )

    def check_model(self, name: str, version: str) -> None:
        """Raises RequestError 404 unless this is the served model. version: empty for any."""
        if name != self.info.name:
            raise RequestError("unknown_model", f"There is no model '{name[:100]}' here.", HTTPStatus.NOT_FOUND)
        if version not in ("", self.info.version):
            raise RequestError(
                "unknown_version",
                f"Model '{name}' has version {self.info.version} here, not '{version[:100]}'.",
                HTTPStatus.NOT_FOUND,
            )

    async def answer(self, request: Request, call: Call) -> list[dict[str, Any]]:
        """Returns a document an image. Raises RequestError when an image is bad or there is no room."""
        answers = await self._batcher.predict(request.images)
        documents = answer_documents(answers, self.info, call.request_id)
        self._recorder.record(request.images, answers, call.request_id)
        if call.request_id != PROBE_REQUEST_ID:
            seconds = time.monotonic() - call.started
            self._model_metrics.request_answered(call.protocol, seconds, answers)
            self._log.answered(call, seconds)
        if not self.outputs:
            self.outputs = _described(v2_document(documents, call.request_id)["outputs"])
        return documents

    def refuse(self, error: Exception, call: Call) -> RequestError:
        """Counts an error and returns what the client is told of it. What the client must not see is in the log."""
        if not isinstance(error, RequestError):
            fields = {"request_id": call.request_id, "trace_id": call.trace.trace_id}
            logger.error(f"Request {call.request_id} failed.", exc_info=error, extra=fields)
            error = RequestError("internal", "The server failed. Its log says why.", HTTPStatus.INTERNAL_SERVER_ERROR)
        self.metrics.request_rejected(error.code)
        self._log.refused(call, error)
        return error

    def metadata(self) -> dict[str, Any]:
        """The model as V2 describes it."""
        return {
            "name": self.info.name,
            "versions": [self.info.version],
            "platform": f"saccade_{self.info.engine['kind']}",
            "inputs": INPUTS,
            "outputs": self.outputs,
        }

    async def close(self) -> None:
        """Ends the predictor's thread."""
        await self._batcher.close()


def _described(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Outputs of one answer as they are for any number of images."""
    return [
        {"name": output["name"], "datatype": output["datatype"], "shape": [-1, *output["shape"][1:]]}
        for output in outputs
    ]
