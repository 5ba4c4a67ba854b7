"""V2 tensors as bytes, against byte strings written by hand and kserve's own reader and writer."""

import json

import numpy as np
import pytest
from kserve import InferInput, InferRequest

from saccade.serving.request_error import RequestError
from saccade.serving.v2_binary import binary_response, bytes_elements, parse_binary_request, tensor_bytes
from saccade.serving.v2_outputs import Wanted, parse_wanted

TWO = b"\x03\x00\x00\x00abc\x01\x00\x00\x00d"
LABEL = {"name": "label", "datatype": "BYTES", "shape": [2], "data": ["cät", "x"]}
SCORE = {"name": "score", "datatype": "FP32", "shape": [2], "data": [0.5, -2.0]}
IS_OOD = {"name": "is_ood", "datatype": "BOOL", "shape": [2], "data": [True, False]}
DOCUMENT = {"model_name": "m", "outputs": [LABEL, SCORE, IS_OOD]}


def tensor(size: object = len(TWO), **changes: object) -> dict:
    return {"name": "i", "datatype": "BYTES", "shape": [2], "parameters": {"binary_data_size": size}, **changes}


def body(*inputs: object, tail: bytes = TWO, **fields: object) -> tuple[bytes, int]:
    head = json.dumps({"inputs": list(inputs), **fields}).encode()
    return head + tail, len(head)


def test_elements_are_cut_at_their_lengths():
    assert bytes_elements(TWO, "i") == [b"abc", b"d"]
    assert bytes_elements(b"", "i") == []


@pytest.mark.parametrize("data", [b"\x03\x00\x00", b"\x03\x00\x00\x00ab", b"\xff\xff\xff\xffab", TWO + b"\x00"])
def test_element_that_points_past_the_end_is_refused(data):
    with pytest.raises(RequestError, match=r"i ends inside element [02]"):
        bytes_elements(data, "i")


def test_empty_element_is_refused():
    with pytest.raises(RequestError, match=r"Element 0 of i is empty"):
        bytes_elements(b"\x00\x00\x00\x00", "i")


def test_request_of_binary_and_json_tensors_keeps_their_order():
    in_json = {"name": "j", "datatype": "BYTES", "shape": [1], "data": ["eHl6"]}
    request = parse_binary_request(
        *body(tensor(), in_json, tensor(5, shape=[1]), tail=TWO + b"\x01\x00\x00\x00e", id="a")
    )
    assert request.images == (b"abc", b"d", b"xyz", b"e")
    assert (request.protocol, request.id) == ("v2", "a")


def test_request_that_kserve_writes_is_read():
    asked = InferInput("i", [2], "BYTES")
    asked.set_data_from_numpy(np.array([b"abc", b"d"], object), binary_data=True)
    written, json_bytes = InferRequest("m", [asked]).to_rest()
    assert parse_binary_request(written, json_bytes).images == (b"abc", b"d")


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (body(tensor(), tail=TWO + b"x"), "1 bytes follow the last tensor"),
        (body(tensor(), tail=TWO[:-1]), "binary_data_size 12; 11 bytes are left"),
        (body(tensor(-1)), "binary_data_size -1"),
        (body(tensor(True)), "binary_data_size True"),
        (body(tensor("12")), "binary_data_size '12'"),
        (body(tensor(shape=[3])), r"shape \[3\] but 2 elements"),
        (body(tensor(datatype="UINT8")), "datatype 'UINT8'"),
        (body(7, tail=b""), r"inputs\[0\] must be a tensor"),
        (body(tail=b""), "holds 0 images"),
        ((b'{"inputs": 1}', 13), "no list 'inputs'"),
        ((b"{}", 3), "has 2 bytes, of which 3 cannot be JSON"),
        ((b"{}", -1), "-1 cannot be JSON"),
        ((b"{}x", 3), "not"),
    ],
)
def test_request_that_cannot_be_read_is_refused_with_the_place(sent, message):
    with pytest.raises(RequestError, match=message):
        parse_binary_request(*sent)


def test_outputs_are_packed_as_the_extension_says():
    assert tensor_bytes("BYTES", ["cät", "x"]) == b"\x04\x00\x00\x00c\xc3\xa4t\x01\x00\x00\x00x"
    assert tensor_bytes("FP32", [0.5, -2.0]) == b"\x00\x00\x00\x3f\x00\x00\x00\xc0"
    assert tensor_bytes("BOOL", [True, False]) == b"\x01\x00"


@pytest.mark.parametrize(
    ("document", "wanted"),
    [
        ({}, Wanted()),
        ({"parameters": {"binary_data_output": True}}, Wanted(None, True)),
        ({"outputs": []}, Wanted()),
        (
            {"outputs": [{"name": "a"}, {"name": "b", "parameters": {"binary_data": True}}]},
            Wanted({"a": False, "b": True}),
        ),
        (
            {
                "parameters": {"binary_data_output": True},
                "outputs": [{"name": "a", "parameters": {"binary_data": False}}, {"name": "b"}],
            },
            Wanted({"a": False, "b": True}, True),
        ),
    ],
)
def test_wanted_outputs_may_say_themselves_whether_they_are_bytes(document, wanted):
    assert parse_wanted(document) == wanted


@pytest.mark.parametrize("outputs", [7, [7], [{}], [{"name": 7}]])
def test_outputs_without_names_are_refused(outputs):
    with pytest.raises(RequestError, match="'outputs' must be a list of objects with a name"):
        parse_wanted({"outputs": outputs})


def test_response_without_binary_outputs_is_json():
    answered, json_bytes = binary_response(DOCUMENT, Wanted({"score": False}))
    assert json_bytes is None
    assert json.loads(answered) == {"model_name": "m", "outputs": [SCORE]}


def test_response_holds_json_first_and_then_the_bytes_in_order():
    answered, json_bytes = binary_response(DOCUMENT, Wanted({"is_ood": True, "label": False, "score": True}))
    assert json_bytes is not None
    outputs = json.loads(answered[:json_bytes])["outputs"]
    assert [output.get("parameters") for output in outputs] == [{"binary_data_size": 2}, None, {"binary_data_size": 8}]
    assert outputs[1] == LABEL
    assert "data" not in outputs[0]
    assert answered[json_bytes:] == b"\x01\x00" + b"\x00\x00\x00\x3f\x00\x00\x00\xc0"


def test_unknown_output_is_refused_by_name():
    with pytest.raises(RequestError, match=r"no output 'other'.*label, score, is_ood") as caught:
        binary_response(DOCUMENT, Wanted({"other": False}))
    assert caught.value.code == "unknown_output"
