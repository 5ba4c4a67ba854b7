import base64
import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saccade.serving.protocol import (
    MAX_IMAGES_PER_REQUEST,
    Request,
    RequestError,
    error_body,
    parse_request,
    parse_response,
    request_body,
    response_body,
)

JSON = "application/json"
ANSWER = {
    "label": "cät",
    "probability": 0.75,
    "top_k": [{"label": "cät", "probability": 0.75}, {"label": "dog", "probability": 0.25}],
    "ood": {
        "score": -1.5,
        "threshold": 0.5,
        "is_ood": False,
        "detector": "energy",
        "scores": {"energy": -1.5, "isolation_forest": 0.25},
    },
    "model": {"name": "pets", "version": "3"},
    "request_id": "a",
}
OTHER = {**ANSWER, "label": "dog", "request_id": "b", "ood": {**ANSWER["ood"], "is_ood": True, "score": 2.0}}


def b64(image: bytes) -> str:
    return base64.b64encode(image).decode()


def body(document: object) -> bytes:
    return json.dumps(document).encode()


def v2(**changes: object) -> bytes:
    return body({"inputs": [{"name": "x", "shape": [1], "datatype": "BYTES", "data": [b64(b"one")], **changes}]})


@pytest.mark.parametrize("content_type", ["", "image/jpeg", "application/octet-stream", "text/plain"])
def test_body_of_any_type_but_json_is_one_image(content_type):
    assert parse_request(b'{"not": "json"}', content_type) == Request("raw", (b'{"not": "json"}',))


def test_v1_body_holds_images_in_both_spellings():
    document = {"instances": [{"b64": b64(b"one")}, {"image_bytes": {"b64": b64(b"two")}}]}
    assert parse_request(body(document), JSON) == Request("v1", (b"one", b"two"))


def test_content_type_may_have_parameters_and_capitals():
    request = parse_request(body({"instances": [{"b64": b64(b"one")}]}), "Application/JSON; charset=utf-8")
    assert request.protocol == "v1"


def test_v2_body_holds_the_images_of_all_tensors_and_its_id():
    document = {
        "id": "mine",
        "inputs": [
            {"name": "a", "shape": [2, 1], "datatype": "BYTES", "data": [b64(b"one"), b64(b"two")]},
            {"name": "b", "shape": [-1], "datatype": "BYTES", "data": [b64(b"three")]},
        ],
    }
    assert parse_request(body(document), JSON) == Request("v2", (b"one", b"two", b"three"), "mine")


@pytest.mark.parametrize(
    ("content", "code", "reason"),
    [
        (b"", "empty_body", "no body"),
        (b"{", "invalid_json", "is not"),
        (b"\xff\xfe", "invalid_json", "is not"),
        (b"[" * 100_000, "invalid_json", "is not"),
        (b"[]", "invalid_request", "must be an object, not list"),
        (b"{}", "invalid_request", "neither 'instances'"),
        (b'{"instances": 1}', "invalid_request", "'instances' must be a list, not int"),
        (b'{"instances": []}', "invalid_request", "holds 0 images"),
        (b'{"instances": ["aGk="]}', "invalid_request", r"instances\[0\] must be"),
        (b'{"instances": [{"b64": 7}]}', "invalid_request", r"instances\[0\] must be a base64 string, not int"),
        (b'{"instances": [{"b64": ""}]}', "invalid_request", r"instances\[0\] is empty"),
        (b'{"instances": [{"b64": "aGk"}]}', "invalid_base64", "Incorrect padding"),
        (b'{"instances": [{"b64": "a\\nGk="}]}', "invalid_base64", "Only base64 data"),
        ('{"instances": [{"b64": "é"}]}'.encode(), "invalid_base64", "ASCII"),
        (b'{"instances": [{"image_bytes": 3}]}', "invalid_request", r"instances\[0\] must be"),
        (b'{"inputs": {}}', "invalid_request", "'inputs' must be a list, not dict"),
        (b'{"inputs": [3]}', "invalid_request", r"inputs\[0\] must be a tensor"),
        (v2(data="aGk="), "invalid_request", "list 'data'"),
        (v2(datatype="FP32"), "invalid_request", "datatype 'FP32'; images are 'BYTES'"),
        (v2(shape=[2]), "invalid_request", r"shape \[2\] but 1 elements"),
        (v2(shape=[-1, -1]), "invalid_request", r"shape \[-1, -1\] but 1"),
        (v2(shape="1"), "invalid_request", "shape '1'"),
        (v2(shape=[True]), "invalid_request", r"shape \[True\]"),
        (v2(data=["!"]), "invalid_base64", r"inputs\[0\]\.data\[0\]"),
    ],
)
def test_malformed_body_is_refused_with_the_reason(content, code, reason):
    with pytest.raises(RequestError, match=reason) as caught:
        parse_request(content, JSON)
    assert caught.value.code == code
    assert caught.value.http_status == 400


def test_v2_id_that_is_no_string_is_refused():
    document = json.loads(v2()) | {"id": 5}
    with pytest.raises(RequestError, match="'id' must be a string"):
        parse_request(body(document), JSON)


def test_request_with_one_image_too_many_is_refused():
    instances = [{"b64": b64(b"x")}] * (MAX_IMAGES_PER_REQUEST + 1)
    with pytest.raises(RequestError, match=f"holds {MAX_IMAGES_PER_REQUEST + 1} images"):
        parse_request(body({"instances": instances}), JSON)


@given(content=st.binary(min_size=1, max_size=200))
def test_any_bytes_as_json_are_parsed_or_refused(content):
    with contextlib.suppress(RequestError):
        assert parse_request(content, JSON).images


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["b64", "image_bytes", "shape", "data", "datatype"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(field=st.sampled_from(["instances", "inputs"]), value=JSON_VALUES)
def test_any_json_of_either_protocol_is_parsed_or_refused(field, value):
    with contextlib.suppress(RequestError):
        assert parse_request(body({field: value}), JSON).images


@given(image=st.binary(min_size=1, max_size=300), protocol=st.sampled_from(["raw", "v1", "v2"]))
def test_image_survives_the_way_to_the_server(image, protocol):
    assert parse_request(*request_body(protocol, image)) == Request(protocol, (image,))


@pytest.mark.parametrize("protocol", ["v1", "v2"])
def test_answers_survive_the_way_to_the_client(protocol):
    assert parse_response(protocol, response_body(protocol, [ANSWER, OTHER], "mine")) == [ANSWER, OTHER]


def test_raw_response_is_the_answer_itself():
    assert json.loads(response_body("raw", [ANSWER], "a")) == ANSWER


def test_v1_response_is_a_list_of_predictions():
    assert json.loads(response_body("v1", [ANSWER, OTHER], "mine")) == {"predictions": [ANSWER, OTHER]}


def test_v2_response_is_made_of_tensors_with_one_row_an_image():
    document = json.loads(response_body("v2", [ANSWER, OTHER], "mine"))
    tensors = {tensor["name"]: tensor for tensor in document["outputs"]}
    assert (document["model_name"], document["model_version"], document["id"]) == ("pets", "3", "mine")
    assert tensors["label"] == {"name": "label", "datatype": "BYTES", "shape": [2], "data": ["cät", "dog"]}
    assert tensors["top_k_probability"]["shape"] == [2, 2]
    assert tensors["top_k_probability"]["data"] == [0.75, 0.25, 0.75, 0.25]
    assert tensors["is_ood"] == {"name": "is_ood", "datatype": "BOOL", "shape": [2], "data": [False, True]}


def test_error_body_has_code_and_message():
    assert json.loads(error_body("truncated", "stops early")) == {
        "error": {"code": "truncated", "message": "stops early"}
    }
