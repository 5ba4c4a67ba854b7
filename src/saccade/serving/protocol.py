"""Three ways to ask: a raw image body, KServe V1 JSON, and the Open Inference Protocol (V2) JSON.

A request body becomes a list of encoded images; the answers to them become one response body in the same protocol.
An answer is the JSON object of the raw protocol: label, probability, top_k, ood, model and request_id.
"""

import binascii
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from saccade.serving.request_error import RequestError
from saccade.serving.v2_outputs import ALL_AS_JSON, Wanted, parse_wanted

Protocol = Literal["raw", "v1", "v2"]
JSON_CONTENT_TYPE = "application/json"
MAX_IMAGES_PER_REQUEST = 128
DETECTOR = "_detector_score"  # a V2 output of this ending holds one detector's scores
RAW_FORM_HINT = "Send the image itself as the body: curl -T IMAGE URL"


# The request id of questions that Saccade asks itself, such as the golden image at start; they are not captured.
PROBE_REQUEST_ID = "saccade-probe"


@dataclass(frozen=True)
class Request:
    """What one call asks. id: the one that the V2 body gives.   wanted: what a V2 body wants back."""

    protocol: Protocol
    images: tuple[bytes, ...]
    id: str | None = None
    wanted: Wanted = ALL_AS_JSON


def parse_request(body: bytes, content_type: str) -> Request:
    """Returns the encoded images of one request body. Raises RequestError that says what is wrong and where.

    content_type: the header's value. JSON with `instances` is V1, with `inputs` V2; all else is an image.
    """
    if not body:
        raise RequestError("empty_body", f"The request has no body. {RAW_FORM_HINT}")
    if content_type.partition(";")[0].strip().lower() != JSON_CONTENT_TYPE:
        return Request("raw", (body,))
    document = json_object(body)
    if "instances" in document:
        request = Request("v1", tuple(_v1_images(document["instances"])))
    elif "inputs" in document:
        request = _v2_request(document)
    else:
        raise RequestError(
            "invalid_request",
            "The JSON body has neither 'instances' (KServe V1) nor 'inputs' (Open Inference Protocol).",
        )
    check_count(len(request.images))
    return request


def response_body(protocol: Protocol, answers: Sequence[dict[str, Any]], request_id: str) -> bytes:
    """Returns the body that answers a request of this protocol. answers: one an image, in the request's order."""
    if protocol == "raw":
        return _encoded(answers[0])
    if protocol == "v1":
        return _encoded({"predictions": list(answers)})
    return _encoded(v2_document(answers, request_id))


def error_body(code: str, message: str) -> bytes:
    """Returns the body of a refused request of any protocol but V2."""
    return _encoded({"error": {"code": code, "message": message}})


def v2_error_body(code: str, message: str) -> bytes:
    """Returns the body of a refused V2 request: the protocol wants text in `error`, and its clients fail on more."""
    return _encoded({"error": message, "code": code})


def request_body(protocol: Protocol, image: bytes) -> tuple[bytes, str]:
    """Returns the body that asks about one encoded image, and its content type."""
    if protocol == "raw":
        return image, "application/octet-stream"
    text = binascii.b2a_base64(image, newline=False).decode("ascii")
    if protocol == "v1":
        return _encoded({"instances": [{"b64": text}]}), JSON_CONTENT_TYPE
    tensor = {"name": "image", "shape": [1], "datatype": "BYTES", "data": [text]}
    return _encoded({"inputs": [tensor]}), JSON_CONTENT_TYPE


def parse_response(protocol: Protocol, body: bytes) -> list[dict[str, Any]]:
    """Returns the answers of a response body: response_body backwards. Raises KeyError or ValueError."""
    document = json.loads(body)
    if protocol == "raw":
        return [document]
    if protocol == "v1":
        return list(document["predictions"])
    return v2_answers(document)


def _encoded(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def json_object(body: bytes) -> dict[str, Any]:
    """Returns a body that must be a JSON object. Raises RequestError."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RequestError("invalid_json", f"The body is announced as JSON but is not: {error}") from error
    if not isinstance(document, dict):
        raise RequestError("invalid_request", f"The JSON body must be an object, not {type(document).__name__}.")
    return document


def _v1_images(instances: Any) -> list[bytes]:
    if not isinstance(instances, list):
        raise RequestError("invalid_request", f"'instances' must be a list, not {type(instances).__name__}.")
    return [_v1_image(instance, f"instances[{number}]") for number, instance in enumerate(instances)]


def _v1_image(instance: Any, where: str) -> bytes:
    fields = instance.get("image_bytes", instance) if isinstance(instance, dict) else None
    if not isinstance(fields, dict) or "b64" not in fields:
        raise RequestError(
            "invalid_request", f'{where} must be {{"b64": "..."}} or {{"image_bytes": {{"b64": "..."}}}}.'
        )
    return _from_base64(fields["b64"], where)


def _v2_request(document: dict[str, Any]) -> Request:
    try:
        images = tuple(_v2_images(document["inputs"]))
        check_count(len(images))
        return Request("v2", images, v2_id(document), parse_wanted(document))
    except RequestError as error:
        error.is_v2 = True
        raise


def _v2_images(inputs: Any) -> list[bytes]:
    if not isinstance(inputs, list):
        raise RequestError("invalid_request", f"'inputs' must be a list, not {type(inputs).__name__}.")
    return [image for number, tensor in enumerate(inputs) for image in v2_tensor(tensor, f"inputs[{number}]")]


def v2_tensor(tensor: Any, where: str) -> list[bytes]:
    """Returns the images of one V2 input in JSON. where: its place in the body, for the error."""
    if not isinstance(tensor, dict) or not isinstance(tensor.get("data"), list):
        raise RequestError("invalid_request", f"{where} must be a tensor with a list 'data' of base64 images.")
    data = tensor["data"]
    check_tensor(tensor.get("datatype"), tensor.get("shape"), len(data), where)
    return [_from_base64(text, f"{where}.data[{number}]") for number, text in enumerate(data)]


def check_tensor(datatype: Any, shape: Any, elements: int, where: str) -> None:
    """Raises RequestError unless a V2 input can hold that many images."""
    if datatype != "BYTES":
        raise RequestError("invalid_request", f"{where} has datatype {datatype!r}; images are 'BYTES'.")
    if not _holds(shape, elements):
        raise RequestError("invalid_request", f"{where} has shape {shape!r} but {elements} elements of data.")


def check_count(images: int) -> None:
    """Raises RequestError for no image or too many of them."""
    if not 1 <= images <= MAX_IMAGES_PER_REQUEST:
        raise RequestError(
            "invalid_request", f"The request holds {images} images; send 1 to {MAX_IMAGES_PER_REQUEST} at once."
        )


def _holds(shape: Any, elements: int) -> bool:
    """Whether shape is a tensor of that many elements. TorchServe's own V2 examples send [-1] for any number."""
    if not isinstance(shape, list) or not all(type(size) is int for size in shape):
        return False
    return shape == [-1] or (min(shape, default=1) >= 0 and math.prod(shape) == elements)


def v2_id(document: dict[str, Any]) -> str | None:
    """Returns the id that a V2 request gives itself, if any."""
    request_id = document.get("id")
    if request_id is not None and not isinstance(request_id, str):
        raise RequestError("invalid_request", f"'id' must be a string, not {type(request_id).__name__}.")
    return request_id


def _from_base64(text: Any, where: str) -> bytes:
    if not isinstance(text, str):
        raise RequestError("invalid_request", f"{where} must be a base64 string, not {type(text).__name__}.")
    try:
        image = binascii.a2b_base64(text, strict_mode=True)
    except ValueError as error:
        raise RequestError("invalid_base64", f"{where} is not base64 (without line breaks): {error}.") from error
    if not image:
        raise RequestError("invalid_request", f"{where} is empty.")
    return image


def v2_document(answers: Sequence[dict[str, Any]], request_id: str) -> dict[str, Any]:
    """Returns the JSON object that answers a V2 request; the data of every output is a flat list."""
    model, oods, best = (
        answers[0]["model"],
        [answer["ood"] for answer in answers],
        [answer["top_k"] for answer in answers],
    )
    outputs = [
        _tensor("label", "BYTES", [answer["label"] for answer in answers]),
        _tensor("probability", "FP32", [answer["probability"] for answer in answers]),
        _tensor("top_k_label", "BYTES", [[entry["label"] for entry in row] for row in best]),
        _tensor("top_k_probability", "FP32", [[entry["probability"] for entry in row] for row in best]),
        _tensor("ood_score", "FP32", [ood["score"] for ood in oods]),
        _tensor("is_ood", "BOOL", [ood["is_ood"] for ood in oods]),
        *(_tensor(f"{name}{DETECTOR}", "FP32", [ood["scores"][name] for ood in oods]) for name in oods[0]["scores"]),
        _tensor("request_id", "BYTES", [answer["request_id"] for answer in answers]),
    ]
    return {
        "model_name": model["name"],
        "model_version": model["version"],
        "id": request_id,
        "parameters": {"ood_threshold": oods[0]["threshold"], "ood_detector": oods[0]["detector"]},
        "outputs": outputs,
    }


def _tensor(name: str, datatype: str, rows: list[Any]) -> dict[str, Any]:
    """One output: rows is (N,) or (N, top k); the data of a tensor is flat, in row order."""
    if isinstance(rows[0], list):
        flat = [element for row in rows for element in row]
        return {"name": name, "datatype": datatype, "shape": [len(rows), len(rows[0])], "data": flat}
    return {"name": name, "datatype": datatype, "shape": [len(rows)], "data": rows}


def v2_answers(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns the answers that a V2 JSON object holds: v2_document backwards. Raises KeyError or ValueError."""
    columns = {output["name"]: _rows(output) for output in document["outputs"]}
    return [_v2_answer(document, columns, row) for row in range(len(columns["label"]))]


def _v2_answer(document: dict[str, Any], columns: dict[str, list[Any]], row: int) -> dict[str, Any]:
    best = zip(columns["top_k_label"][row], columns["top_k_probability"][row], strict=True)
    detectors = [name.removesuffix(DETECTOR) for name in columns if name.endswith(DETECTOR)]
    return {
        "label": columns["label"][row],
        "probability": columns["probability"][row],
        "top_k": [{"label": label, "probability": probability} for label, probability in best],
        "ood": {
            "score": columns["ood_score"][row],
            "threshold": document["parameters"]["ood_threshold"],
            "is_ood": columns["is_ood"][row],
            "detector": document["parameters"]["ood_detector"],
            "scores": {name: columns[f"{name}{DETECTOR}"][row] for name in detectors},
        },
        "model": {"name": document["model_name"], "version": document["model_version"]},
        "request_id": columns["request_id"][row],
    }


def _rows(tensor: dict[str, Any]) -> list[Any]:
    if len(tensor["shape"]) == 1:
        return list(tensor["data"])
    rows, width = tensor["shape"]
    return [tensor["data"][row * width : (row + 1) * width] for row in range(rows)]
