"""The client's gRPC: the Open Inference Protocol, images as `contents`, over one connection."""

import json
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import grpc

from saccade.core.errors import ServingError, UsageError
from saccade.serving import open_inference_pb2 as messages
from saccade.serving.protocol import v2_answers
from saccade.serving.transport import EVERY_IMAGE, FIRST_DELAY_S, RETRIES, Answer, checked

SERVICE = "inference.GRPCInferenceService"
ERROR_CODE = "saccade-error-code"  # trailing metadata: the code that REST puts into its error body
LONGEST_DELAY_S = 1.0
RETRY_BUFFER_BYTES = (
    64 << 20
)  # gRPC sends a longer request only once; its own default is 256 KiB, less than a photograph
STATUS = {
    grpc.StatusCode.INVALID_ARGUMENT: HTTPStatus.BAD_REQUEST,
    grpc.StatusCode.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    grpc.StatusCode.PERMISSION_DENIED: HTTPStatus.FORBIDDEN,
    grpc.StatusCode.NOT_FOUND: HTTPStatus.NOT_FOUND,
    grpc.StatusCode.RESOURCE_EXHAUSTED: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    grpc.StatusCode.INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
}


class GrpcTransport:
    """Asks one model of one server with unary calls."""

    def __init__(self, url: str, model: str, token: str | None, timeout_s: float) -> None:
        """url: of the gRPC port; https encrypts."""
        self._url, self._model, self._timeout_s = url, model, timeout_s
        self._metadata = [("authorization", f"Bearer {token}")] if token else []
        self._channel = _channel(url)
        self._infer = self._call("ModelInfer", messages.ModelInferRequest, messages.ModelInferResponse)
        self._describe = self._call("ModelMetadata", messages.ModelMetadataRequest, messages.ModelMetadataResponse)
        self._ready = self._call("ServerReady", messages.ServerReadyRequest, messages.ServerReadyResponse)

    def ask(self, image: bytes) -> Answer:
        """Returns the answer to one encoded image."""
        tensor = messages.ModelInferRequest.InferInputTensor(
            name="image", datatype="BYTES", shape=[1], contents=messages.InferTensorContents(bytes_contents=[image])
        )
        request = messages.ModelInferRequest(model_name=self._model, inputs=[tensor])
        try:
            response = self._infer(request, timeout=self._timeout_s, metadata=self._metadata)
        except grpc.RpcError as error:
            return self._refused(error)
        try:
            return checked(v2_answers(_document(response))[0])
        except (ValueError, LookupError) as error:
            raise ServingError(f"{self._url} does not answer as a Saccade server: {str(response)[:200]}") from error

    def is_ready(self) -> bool:
        """Whether the server says that it is ready; False when none answers."""
        try:
            return bool(self._ready(messages.ServerReadyRequest(), timeout=self._timeout_s).ready)
        except grpc.RpcError:
            return False

    def metadata(self) -> dict[str, Any]:
        """Returns the model as V2 describes it."""
        try:
            found = self._describe(messages.ModelMetadataRequest(name=self._model), timeout=self._timeout_s)
        except grpc.RpcError as error:
            refusal = self._refused(error)["error"]
            raise ServingError(f"{self._url} does not describe the model: {refusal['message']}") from error
        return {
            "name": found.name,
            "versions": list(found.versions),
            "platform": found.platform,
            "inputs": [_described(tensor) for tensor in found.inputs],
            "outputs": [_described(tensor) for tensor in found.outputs],
        }

    def close(self) -> None:
        """Closes the connection and ends the calls under way."""
        self._channel.close()

    def _call(self, name: str, request: Any, response: Any) -> Any:
        return self._channel.unary_unary(
            f"/{SERVICE}/{name}",
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString,
        )

    def _refused(self, error: Any) -> Answer:
        """The answer that a failed call stands for. Raises what saccade.serving.client.Client says."""
        code, message = error.code(), error.details()
        reason = dict(error.trailing_metadata() or ()).get(ERROR_CODE)
        if code == grpc.StatusCode.DEADLINE_EXCEEDED:
            raise ServingError(f"{self._url} did not answer within {self._timeout_s:g} s.") from error
        if reason is None and code not in STATUS:  # gRPC itself says so
            raise ServingError(
                f"No gRPC server of the Open Inference Protocol answers at {self._url} ({message}). Start one with "
                "'saccade serve BUNDLE --server kserve', or give the URL of its gRPC port."
            ) from error
        status = STATUS.get(code, HTTPStatus.SERVICE_UNAVAILABLE)
        if status in EVERY_IMAGE:
            raise UsageError(f"{self._url} answers no request: {message}") from error
        return {"error": {"code": str(reason or code.name.lower()), "message": str(message), "status": int(status)}}


def _channel(url: str) -> grpc.Channel:
    parts = urlsplit(url)
    if not parts.port or parts.path.strip("/"):
        raise UsageError(f"'{url}' is not the address of a gRPC port such as http://127.0.0.1:8081.")
    policy = {
        "maxAttempts": RETRIES,
        "initialBackoff": f"{2 * FIRST_DELAY_S}s",  # gRPC takes a random part of it
        "maxBackoff": f"{LONGEST_DELAY_S}s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"],
    }
    options = [
        (
            "grpc.service_config",
            json.dumps({"methodConfig": [{"name": [{"service": SERVICE}], "retryPolicy": policy}]}),
        ),
        ("grpc.per_rpc_retry_buffer_size", RETRY_BUFFER_BYTES),
        ("grpc.enable_http_proxy", 0),
    ]
    if parts.scheme == "https":
        return grpc.secure_channel(parts.netloc, grpc.ssl_channel_credentials(), options)
    return grpc.insecure_channel(parts.netloc, options)


def _document(response: Any) -> dict[str, Any]:
    """The V2 JSON object of a response."""
    parameters = {name: value.string_param for name, value in response.parameters.items()}
    return {
        "model_name": response.model_name,
        "model_version": response.model_version,
        "parameters": {**parameters, "ood_threshold": float(parameters["ood_threshold"])},  # as text: see grpc_door
        "outputs": [{**_described(tensor), "data": _data(tensor)} for tensor in response.outputs],
    }


def _data(tensor: Any) -> list[Any]:
    contents = tensor.contents
    if tensor.datatype == "BYTES":
        return [text.decode() for text in contents.bytes_contents]
    return list(contents.bool_contents if tensor.datatype == "BOOL" else contents.fp32_contents)


def _described(tensor: Any) -> dict[str, Any]:
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}
