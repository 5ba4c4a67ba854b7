"""What TorchServe's worker calls. This file lies in the archive; all else comes from the installed package.

TorchServe collects the requests of several clients into one call. The images of all of them go through the native
predictor together; then every request gets its own answer, or its own error.
"""

import atexit
import signal
import sys
import time
from http import HTTPStatus
from pathlib import Path
from types import FrameType
from typing import Any

from saccade.core.log import configure_server_logging, logger
from saccade.core.settings import read_settings
from saccade.serving.answers import answer_documents, given_request_id
from saccade.serving.metrics import Metrics
from saccade.serving.predictor import Predictor
from saccade.serving.protocol import (
    JSON_CONTENT_TYPE,
    PROBE_REQUEST_ID,
    Request,
    error_body,
    parse_request,
    response_body,
    v2_error_body,
)
from saccade.serving.recording import Recorder, open_capture
from saccade.serving.request_error import RequestError
from saccade.serving.request_log import Call, RequestLog
from saccade.serving.trace import TRACEPARENT, TRACESTATE, continued_trace

BUNDLE = "bundle"  # beside this file in the unpacked archive
FORM_PARTS = ("body", "data")  # an unnamed body arrives as `body`; `curl -F data=@IMAGE` is TorchServe's own example


class SaccadeHandler:
    """One worker's model. TorchServe takes the only class of this module, initialises it once and calls handle."""

    def initialize(self, context: Any) -> None:
        """Loads and verifies the bundle. An exception here ends the worker, and the log says why."""
        started = time.monotonic()
        settings = read_settings()
        if settings.log_format == "json":
            configure_server_logging(sys.stdout, as_json=True)  # which TorchServe reads, a line at a time
        model_dir = Path(context.system_properties["model_dir"])
        self._predictor = Predictor(model_dir / BUNDLE, threads=settings.threads)
        self._metrics = Metrics()
        self._model_metrics = self._metrics.model(self._predictor.info, self._predictor.precision)
        self._model_metrics.serve()
        self._capture = open_capture(settings, self._metrics)
        self._log = RequestLog()
        self._recorder = Recorder(self._predictor.info, settings, self._capture)
        atexit.register(self.close)
        signal.signal(signal.SIGTERM, self._end)
        info = self._predictor.info
        logger.info(f"Model {info.name} {info.version} loaded in {time.monotonic() - started:.2f} s")

    def handle(self, rows: list[dict[str, Any]], context: Any) -> list[bytes]:
        """Returns one body a request. Sets each request's status and content type in context.

        rows: what TorchServe made of each request's body: {"body": bytes}, or the parts of a form.
        """
        started = time.monotonic()
        requests = [_parsed(row, context.get_all_request_header(number)) for number, row in enumerate(rows)]
        images = [image for request in requests if isinstance(request, Request) for image in request.images]
        answers = iter(self._predicted(images) if images else [])
        bodies = []
        for number, request in enumerate(requests):
            context.set_response_content_type(number, JSON_CONTENT_TYPE)
            call = _call(request, number, context, started)
            for name, value in call.trace.headers.items():
                context.set_response_header(number, name, value)
            try:
                if isinstance(request, RequestError):
                    raise request
                mine = [next(answers) for _ in request.images]
                bodies.append(self._answered(request, mine, call))
            except RequestError as error:
                self._metrics.request_rejected(error.code)
                self._log.refused(call, error, self._predictor.info)
                context.set_response_status(error.http_status, HTTPStatus(error.http_status).phrase, idx=number)
                is_v2 = error.is_v2 or (isinstance(request, Request) and request.protocol == "v2")
                bodies.append((v2_error_body if is_v2 else error_body)(error.code, str(error)))
        return bodies

    def close(self) -> None:
        """Writes the records that wait. Python calls it when the worker ends in order."""
        if self._capture is not None:
            self._capture.close()

    def _end(self, _signal: int, _frame: FrameType | None) -> None:
        """Closes while the connection to TorchServe is open: it kills a worker that has hung up."""
        atexit.unregister(self.close)
        self.close()
        sys.exit(0)

    def _predicted(self, images: list[bytes]) -> list[Any]:
        started = time.monotonic()
        answers = self._predictor.predict(images)
        self._model_metrics.batch_predicted(len(images), time.monotonic() - started)
        return answers

    def _answered(self, request: Request, answers: list[Any], call: Call) -> bytes:
        documents = answer_documents(answers, self._predictor.info, call.request_id)
        self._recorder.record(request.images, answers, call.request_id)
        body = response_body(request.protocol, documents, call.request_id)
        if call.request_id != PROBE_REQUEST_ID:
            seconds = time.monotonic() - call.started
            self._model_metrics.request_answered(request.protocol, seconds, answers)
            self._log.answered(call, seconds, self._predictor.info)
        return body


def _parsed(row: dict[str, Any], headers: dict[str, Any]) -> Request | RequestError:
    try:
        part = next((name for name in FORM_PARTS if name in row), None)
        if part is None:
            raise RequestError(
                "no_image",
                "The body was sent as a form without a part named 'data'. Send the image itself: curl -T IMAGE URL",
            )
        return parse_request(bytes(row[part]), _content_type(part, headers))
    except RequestError as error:
        return error


def _content_type(part: str, headers: dict[str, Any]) -> str:
    """The type of a body or form part. TorchServe puts it among the headers, where a header of that name hides it."""
    own = headers.get(part)
    if isinstance(own, dict):
        return str(own["content-type"])
    return next((value for name, value in headers.items() if name.lower() == "content-type"), "")


def _call(request: Request | RequestError, number: int, context: Any, started: float) -> Call:
    """What the log tells. The id is the client's, in a header or a V2 body, or else the one that TorchServe made."""
    headers = {name.lower(): [value] for name, value in context.get_all_request_header(number).items()}
    own_id, protocol = (None, "rest") if isinstance(request, RequestError) else (request.id, request.protocol)
    request_id = given_request_id(*headers.get("x-request-id", []), own_id) or str(context.get_request_id(number))
    trace = continued_trace(headers.get(TRACEPARENT, []), headers.get(TRACESTATE, []))
    return Call(protocol, request_id, started, trace)
