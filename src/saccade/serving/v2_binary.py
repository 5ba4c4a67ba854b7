"""V2 tensors as bytes: the binary tensor data extension of REST, and gRPC's raw contents.

An element of a BYTES tensor is its length as four bytes, little end first, and then its bytes.
Source: https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

import json
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from saccade.serving.protocol import Request, check_count, check_tensor, json_object, v2_id, v2_tensor
from saccade.serving.request_error import RequestError
from saccade.serving.v2_outputs import Wanted, parameter, parse_wanted

LENGTH = struct.Struct("<I")
DTYPES = {"FP32": "<f4", "BOOL": "?"}  # of the outputs that have a fixed size


def parse_binary_request(body: bytes, json_bytes: int) -> Request:
    """Returns the images of a V2 body of which the first json_bytes are JSON and the rest its tensors.

    Raises RequestError that says what is wrong and where.
    """
    if not 0 <= json_bytes <= len(body):
        raise RequestError("invalid_request", f"The body has {len(body)} bytes, of which {json_bytes} cannot be JSON.")
    document, rest = json_object(body[:json_bytes]), memoryview(body)[json_bytes:]
    inputs = document.get("inputs")
    if not isinstance(inputs, list):
        raise RequestError("invalid_request", "The JSON part has no list 'inputs' (Open Inference Protocol).")
    images: list[bytes] = []
    for number, tensor in enumerate(inputs):
        where = f"inputs[{number}]"
        size = _binary_size(tensor, len(rest), where)
        if size is None:
            images += v2_tensor(tensor, where)
            continue
        elements = bytes_elements(rest[:size], where)
        check_tensor(tensor.get("datatype"), tensor.get("shape"), len(elements), where)
        images, rest = images + elements, rest[size:]
    if rest:
        raise RequestError("invalid_request", f"{len(rest)} bytes follow the last tensor.")
    check_count(len(images))
    return Request("v2", tuple(images), v2_id(document), parse_wanted(document))


def bytes_elements(data: bytes | memoryview, where: str) -> list[bytes]:
    """Returns the elements of a BYTES tensor. Raises RequestError where a length points past the end."""
    elements: list[bytes] = []
    position = 0
    while position < len(data):
        start = position + LENGTH.size
        position = start + LENGTH.unpack_from(data, position)[0] if start <= len(data) else start
        if position > len(data):
            raise RequestError("invalid_request", f"{where} ends inside element {len(elements)}.")
        if position == start:
            raise RequestError("invalid_request", f"Element {len(elements)} of {where} is empty.")
        elements.append(bytes(data[start:position]))
    return elements


def tensor_bytes(datatype: str, data: Sequence[Any]) -> bytes:
    """Returns the flat data of an output as bytes."""
    if datatype in DTYPES:
        return np.array(data, DTYPES[datatype]).tobytes()
    encoded = [element.encode() for element in data]
    return b"".join(LENGTH.pack(len(element)) + element for element in encoded)


def binary_response(document: dict[str, Any], wanted: Wanted) -> tuple[bytes, int | None]:
    """Returns the body that answers a V2 request, and how many bytes of it are JSON; None when all are.

    document: of saccade.serving.protocol.v2_document.
    """
    outputs, tail = [], []
    for output, as_bytes in wanted.choose(document["outputs"]):
        if not as_bytes:
            outputs.append(output)
            continue
        tail.append(tensor_bytes(output["datatype"], output["data"]))
        described = {name: value for name, value in output.items() if name != "data"}
        outputs.append({**described, "parameters": {"binary_data_size": len(tail[-1])}})
    head = json.dumps({**document, "outputs": outputs}, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    encoded = head.encode()
    return (b"".join([encoded, *tail]), len(encoded)) if tail else (encoded, None)


def _binary_size(tensor: Any, available: int, where: str) -> int | None:
    size = parameter(tensor, "binary_data_size") if isinstance(tensor, dict) else None
    if size is None:
        return None
    if type(size) is not int or not 0 <= size <= available:
        raise RequestError("invalid_request", f"{where} has binary_data_size {size!r}; {available} bytes are left.")
    return size
