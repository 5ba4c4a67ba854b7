"""The REST door: raw images, KServe V1 and V2 (JSON and binary), health, metadata and metrics.

The paths are those of kserve's own REST server, and TorchServe's /predictions. The handlers are plain Starlette; why
kserve's own do not do is in docs/decisions/0006-kserve-door.md.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from saccade import __version__
from saccade.serving.answers import given_request_id
from saccade.serving.kserve.http_bodies import Bodies
from saccade.serving.kserve.served_model import ServedModel
from saccade.serving.kserve.service import EXTENSIONS, Service
from saccade.serving.protocol import (
    JSON_CONTENT_TYPE,
    error_body,
    parse_request,
    response_body,
    v2_document,
    v2_error_body,
)
from saccade.serving.protocol import (
    Request as ImageRequest,
)
from saccade.serving.request_error import RequestError
from saccade.serving.request_log import Call
from saccade.serving.trace import TRACEPARENT, TRACESTATE, continued_trace
from saccade.serving.v2_binary import binary_response, parse_binary_request

JSON_LENGTH = "Inference-Header-Content-Length"
RETRY_AFTER_S = "1"
OPENAPI = Path(__file__).with_name("openapi.json")
FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")

Handler = Callable[[Request], Awaitable[Response]]


def rest_app(service: Service, bodies: Bodies) -> Starlette:
    """Returns the ASGI application of a service."""
    door = _Door(service, bodies)
    models = ("/v2/models/{model}", "/v2/models/{model}/versions/{version}")
    questions = [
        ("/", door.live),
        ("/metrics", door.metrics),
        ("/openapi.json", door.openapi),
        ("/v2", door.server_metadata),
        ("/v2/health/live", door.live),
        ("/v2/health/ready", door.ready),
        ("/v1/models", door.models),
        ("/v2/models", door.models),
        ("/v1/models/{model}", door.model_ready),
        *((path, door.model_metadata) for path in models),
        *((f"{path}/ready", door.model_ready) for path in models),
    ]
    inferences = [
        "/predictions/{model}",
        "/predictions/{model}/{version}",
        "/v1/models/{model}:predict",
        *(f"{path}/infer" for path in models),
    ]
    # Starlette tries routes in order: the busy ones come first.
    routes = [Route(path, door.infer, methods=["POST", "PUT"]) for path in inferences]  # curl -T sends PUT
    routes += [Route(path, handler, methods=["GET"]) for path, handler in questions]
    routes.append(Route("/v2/repository/index", door.repository_index, methods=["POST"]))
    return Starlette(routes=routes, exception_handlers={HTTPException: _no_such_route})


class _Door:
    def __init__(self, service: Service, bodies: Bodies) -> None:
        self._service, self._bodies = service, bodies

    async def live(self, request: Request) -> Response:
        return JSONResponse({"live": True, "status": "alive"})  # as V2 and as kserve's / say it

    async def ready(self, request: Request) -> Response:
        is_ready = self._service.is_ready
        return JSONResponse({"ready": is_ready}, HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE)

    async def server_metadata(self, request: Request) -> Response:
        return JSONResponse({"name": "saccade", "version": __version__, "extensions": EXTENSIONS})

    async def models(self, request: Request) -> Response:
        return JSONResponse({"models": self._service.models.names})

    async def repository_index(self, request: Request) -> Response:
        return JSONResponse(self._service.models.index())

    async def model_metadata(self, request: Request) -> Response:
        return _about(request, self._service.metadata)

    async def model_ready(self, request: Request) -> Response:
        return _about(request, self._service.readiness)

    async def openapi(self, request: Request) -> Response:
        return Response(OPENAPI.read_bytes(), headers={"content-type": JSON_CONTENT_TYPE})

    async def metrics(self, request: Request) -> Response:
        content, content_type = self._service.metrics.scrape(request.headers.get("accept", ""))
        return Response(content, headers={"content-type": content_type})

    async def infer(self, request: Request) -> Response:
        service = self._service
        trace = continued_trace(request.headers.getlist(TRACEPARENT), request.headers.getlist(TRACESTATE))
        call = Call.start("rest", given_request_id(request.headers.get("x-request-id")), trace)
        model: ServedModel | None = None
        try:
            service.check_token(request.headers.get("authorization", ""))
            with service.model(*_model_of(request)) as model:
                async with self._bodies.read(request) as body:
                    response = await _answered(model, _parsed(body, request), call, request)
        except ClientDisconnect:
            return Response(status_code=HTTPStatus.BAD_REQUEST)  # nobody reads it
        except Exception as error:
            response = _refusal(service.refuse(error, call, model), call, request)
        response.headers.update(trace.headers)
        if service.draining:
            response.headers["connection"] = "close"  # so that the client's next request goes to another server
        return response


async def _answered(model: ServedModel, asked: ImageRequest, call: Call, request: Request) -> Response:
    request_id = given_request_id(request.headers.get("x-request-id"), asked.id) or call.request_id
    call = replace(call, protocol=asked.protocol, request_id=request_id)
    documents = await model.answer(asked, call)
    headers = {"x-request-id": call.request_id, "content-type": JSON_CONTENT_TYPE}
    if asked.protocol != "v2":
        return Response(response_body(asked.protocol, documents, call.request_id), headers=headers)
    content, json_bytes = binary_response(v2_document(documents, call.request_id), asked.wanted)
    if json_bytes is not None:
        headers |= {JSON_LENGTH: str(json_bytes), "content-type": "application/octet-stream"}
    return Response(content, headers=headers)


def _model_of(request: Request) -> tuple[str, str]:
    return request.path_params["model"], request.path_params.get("version", "")


def _about(request: Request, answer: Callable[[str, str], dict[str, Any]]) -> Response:
    try:
        document = answer(*_model_of(request))
    except RequestError as error:
        return _error(error, request)
    is_ready = document.get("ready", True)
    return JSONResponse(document, HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE)


def _parsed(body: bytes, request: Request) -> ImageRequest:
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() in FORMS:
        raise RequestError(
            "unsupported_media_type",
            "The body is a form. Send the image itself: curl -T IMAGE URL",
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        )
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise RequestError("unsupported_encoding", "Compressed bodies are not read.", HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    json_length = request.headers.get(JSON_LENGTH)
    if json_length is None:
        return parse_request(body, content_type)
    if not json_length.isascii() or not json_length.isdigit() or len(json_length) > 12:
        raise RequestError("invalid_request", f"{JSON_LENGTH} must be a number of bytes.")
    return parse_binary_request(body, int(json_length))


def _refusal(error: RequestError, call: Call, request: Request) -> Response:
    response = _error(error, request)
    response.headers["x-request-id"] = call.request_id
    return response


def _error(error: RequestError, request: Request) -> Response:
    headers = {"content-type": JSON_CONTENT_TYPE}
    if error.http_status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["retry-after"] = RETRY_AFTER_S
    if error.http_status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = "Bearer"
    body = v2_error_body if request.scope["path"].startswith("/v2") else error_body
    return Response(body(error.code, str(error)), error.http_status, headers)


async def _no_such_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = (error.headers or {}).get("Allow", "")
        refused = RequestError("method_not_allowed", f"Use {allowed} here.", error.status_code)
        response = _error(refused, request)
        response.headers["allow"] = allowed
        return response
    return _error(RequestError("not_found", "There is nothing at this path.", error.status_code), request)
