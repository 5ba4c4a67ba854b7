"""The gRPC door: the Open Inference Protocol with kserve's own service definition.

Images come as `contents.bytes_contents` or as `raw_input_contents`; outputs go back in the form of the images.
Models cannot be loaded or unloaded over the network: those calls are answered with UNIMPLEMENTED.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from grpc_reflection.v1alpha import reflection
from kserve.protocol.grpc import grpc_predict_v2_pb2 as messages
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import (
    GRPCInferenceServiceServicer,
    add_GRPCInferenceServiceServicer_to_server,
)

from saccade import __version__
from saccade.serving.answers import given_request_id
from saccade.serving.kserve.grpc_bodies import Messages
from saccade.serving.kserve.http_bodies import Bodies
from saccade.serving.kserve.served_model import ServedModel
from saccade.serving.kserve.service import EXTENSIONS, Service
from saccade.serving.protocol import Request, check_count, check_tensor, v2_document
from saccade.serving.request_error import RequestError
from saccade.serving.request_log import Call
from saccade.serving.trace import TRACEPARENT, TRACESTATE, TraceContext, continued_trace
from saccade.serving.v2_binary import bytes_elements, tensor_bytes
from saccade.serving.v2_outputs import Wanted

STATUS = {
    HTTPStatus.BAD_REQUEST: grpc.StatusCode.INVALID_ARGUMENT,
    HTTPStatus.UNAUTHORIZED: grpc.StatusCode.UNAUTHENTICATED,
    HTTPStatus.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    HTTPStatus.REQUEST_TIMEOUT: grpc.StatusCode.DEADLINE_EXCEEDED,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: grpc.StatusCode.RESOURCE_EXHAUSTED,
    HTTPStatus.SERVICE_UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
}
SERVICE = messages.DESCRIPTOR.services_by_name["GRPCInferenceService"].full_name
NO_REMOTE_LOADING = "Models come from where the server was started; it looks there again at SIGHUP."
ERROR_CODE = "saccade-error-code"  # trailing metadata: the code that REST puts into its error body
CONTENTS = {"BYTES": "bytes_contents", "FP32": "fp32_contents", "BOOL": "bool_contents"}


def grpc_server(service: Service, bodies: Bodies, address: str, max_calls: int) -> tuple[grpc.aio.Server, int]:
    """Returns a server that is bound but not started, and its port.

    max_calls: under way at once; more are refused with RESOURCE_EXHAUSTED, as are messages that are too long.
    Raises RuntimeError when the address cannot be used.
    """
    received = Messages(bodies)
    options = [
        ("grpc.max_receive_message_length", received.max_bytes),
        ("grpc.max_send_message_length", received.max_bytes),
        ("grpc.max_concurrent_streams", max_calls),  # of one connection
        ("grpc.http2.bdp_probe", 0),  # or the buffer of a call that we do not read yet could grow to megabytes
        ("grpc.server_handshake_timeout_ms", 10_000),
        ("grpc.so_reuseport", 0),  # or a second server on this port would take half of the requests
    ]
    server = grpc.aio.server(options=options, maximum_concurrent_rpcs=max_calls)
    door = _Door(service, received)
    inference = {"ModelInfer": grpc.stream_unary_rpc_method_handler(door.infer, None, _serialized)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, inference),))
    add_GRPCInferenceServiceServicer_to_server(door, server)
    server.add_registered_method_handlers(SERVICE, inference)  # grpc asks those first, and the last one counts
    reflection.enable_server_reflection((SERVICE, reflection.SERVICE_NAME), server)  # what grpcurl asks first
    return server, server.add_insecure_port(address)


class _Door(GRPCInferenceServiceServicer):
    """Method names are those of the protocol. grpc's abort raises, so that nothing runs after it."""

    def __init__(self, service: Service, received: Messages) -> None:
        self._service, self._received = service, received

    async def ServerLive(self, request: Any, context: grpc.aio.ServicerContext) -> Any:  # noqa: N802
        return messages.ServerLiveResponse(live=True)

    async def ServerReady(self, request: Any, context: grpc.aio.ServicerContext) -> Any:  # noqa: N802
        return messages.ServerReadyResponse(ready=self._service.is_ready)

    async def ServerMetadata(self, request: Any, context: grpc.aio.ServicerContext) -> Any:  # noqa: N802
        return messages.ServerMetadataResponse(name="saccade", version=__version__, extensions=EXTENSIONS)

    async def ModelReady(self, request: Any, context: grpc.aio.ServicerContext) -> Any:  # noqa: N802
        document = await _about(request, context, self._service.readiness)
        return messages.ModelReadyResponse(ready=document["ready"])

    async def ModelMetadata(self, request: Any, context: grpc.aio.ServicerContext) -> Any:  # noqa: N802
        return messages.ModelMetadataResponse(**await _about(request, context, self._service.metadata))

    async def RepositoryModelLoad(self, request: Any, context: grpc.aio.ServicerContext) -> Any:  # noqa: N802
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, NO_REMOTE_LOADING)

    async def RepositoryModelUnload(self, request: Any, context: grpc.aio.ServicerContext) -> Any:  # noqa: N802
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, NO_REMOTE_LOADING)

    async def infer(self, requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext) -> Any:
        """ModelInfer."""
        service = self._service
        headers = [(name, value) for name, value in context.invocation_metadata() or () if isinstance(value, str)]
        trace = continued_trace(_values(headers, TRACEPARENT), _values(headers, TRACESTATE))
        given_ids = _values(headers, "x-request-id")
        call = Call.start("grpc", given_request_id(*given_ids), trace)
        model: ServedModel | None = None
        try:
            service.check_token("".join(_values(headers, "authorization")))
            async with self._received.read(requests) as content:
                request = _decoded(content)
                call = replace(call, request_id=given_request_id(*given_ids, request.id) or call.request_id)
                with service.model(request.model_name, request.model_version) as model:
                    documents = await model.answer(_parsed(request), call)
            wanted = Wanted({output.name: False for output in request.outputs} or None)
            response = _response(v2_document(documents, call.request_id), wanted, bool(request.raw_input_contents))
        except Exception as error:
            await _abort(service.refuse(error, call, model), context, trace)
        context.set_trailing_metadata(tuple(trace.headers.items()))
        return response


async def _about(
    request: Any, context: grpc.aio.ServicerContext, answer: Callable[[str, str], dict[str, Any]]
) -> dict[str, Any]:
    try:
        document = answer(request.name, request.version)
    except RequestError as error:
        await _abort(error, context)
    return document


async def _abort(error: RequestError, context: grpc.aio.ServicerContext, trace: TraceContext | None = None) -> None:
    status = STATUS.get(HTTPStatus(error.http_status), grpc.StatusCode.INTERNAL)
    told = {ERROR_CODE: error.code} | (trace.headers if trace else {})
    await context.abort(status, str(error), tuple(told.items()))


def _values(headers: Sequence[tuple[str, str]], name: str) -> list[str]:
    return [value for key, value in headers if key == name]


def _decoded(content: bytes) -> Any:
    try:
        return messages.ModelInferRequest.FromString(content)
    except DecodeError as error:
        raise RequestError("invalid_request", "The message is no ModelInferRequest.") from error


def _serialized(response: Any) -> bytes:
    content: bytes = response.SerializeToString()
    return content


def _parsed(request: Any) -> Request:
    raw = request.raw_input_contents
    if raw and len(raw) != len(request.inputs):
        raise RequestError(
            "invalid_request", f"There are {len(request.inputs)} inputs but {len(raw)} raw_input_contents."
        )
    images: list[bytes] = []
    for number, tensor in enumerate(request.inputs):
        where = f"inputs[{number}]"
        elements = bytes_elements(raw[number], where) if raw else tensor.contents.bytes_contents
        check_tensor(tensor.datatype, list(tensor.shape), len(elements), where)
        images += elements
    check_count(len(images))
    return Request("v2", tuple(images))


def _response(document: dict[str, Any], wanted: Wanted, as_bytes: bool) -> Any:
    outputs = [output for output, _ in wanted.choose(document["outputs"])]
    raw = [tensor_bytes(output["datatype"], output["data"]) for output in outputs] if as_bytes else []
    return messages.ModelInferResponse(
        model_name=document["model_name"],
        model_version=document["model_version"],
        id=document["id"],
        parameters={name: _parameter(value) for name, value in document["parameters"].items()},
        outputs=[_output(output, as_bytes) for output in outputs],
        raw_output_contents=raw,
    )


def _output(output: dict[str, Any], as_bytes: bool) -> Any:
    described = {name: output[name] for name in ("name", "datatype", "shape")}
    if as_bytes:
        return messages.ModelInferResponse.InferOutputTensor(**described)
    data: Sequence[Any] = output["data"]
    if output["datatype"] == "BYTES":
        data = [text.encode() for text in data]
    contents = messages.InferTensorContents(**{CONTENTS[output["datatype"]]: data})
    return messages.ModelInferResponse.InferOutputTensor(**described, contents=contents)


def _parameter(value: Any) -> Any:
    """The protocol has no parameter of type float: a threshold travels as text."""
    return messages.InferParameter(string_param=value if isinstance(value, str) else repr(value))
