"""saccade.client against real processes of the kserve door."""

from pathlib import Path
from typing import Any

import pytest
from google.protobuf import descriptor_pb2
from grpc_tools import protoc
from kserve.protocol.grpc import grpc_predict_v2_pb2 as kserve_messages

from saccade.client import Client
from saccade.core.errors import ServingError, UsageError
from saccade.serving import open_inference_pb2 as own_messages

pytestmark = pytest.mark.integration
LABELS = ("blue", "green", "red")
PROTOCOLS = ("raw", "v1", "v2", "v2-binary", "grpc")
SOURCE = Path(__file__).parents[2] / "src"


def url_of(door, protocol: str) -> str:
    return door.grpc_url if protocol == "grpc" else door.url


@pytest.fixture(scope="module")
def images(colour_image) -> list[bytes]:
    """30 photographs larger than gRPC's own buffer for requests that may be sent again."""
    return [colour_image(LABELS[n % 3], n, (500 + n, 400), "PNG") for n in range(30)]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_answers_of_every_protocol_come_in_order(door, images, protocol):
    sent = [*images[:10], images[10][:100], *images[11:]]
    with Client(url_of(door, protocol), protocol=protocol) as client:
        answers = client.predict(sent, concurrency=8)
    right = [LABELS[n % 3] for n in range(30)]
    assert [answer["label"] for n, answer in enumerate(answers) if n != 10] == right[:10] + right[11:]
    assert set(answers[10]) == {"error"}
    assert answers[10]["error"]["status"] == 400


def test_protocols_agree_on_every_field_of_an_answer(door, images):
    answers = []
    for protocol in PROTOCOLS:
        with Client(url_of(door, protocol), protocol=protocol) as client:
            answers.append(client.predict_one(images[0]) | {"request_id": ""})
    assert [answer for answer in answers if answer != answers[0]] == []


@pytest.mark.parametrize("protocol", ["raw", "grpc"])
def test_server_is_ready_and_describes_its_model(door, protocol):
    with Client(url_of(door, protocol), protocol=protocol) as client:
        assert client.is_ready()
        described = client.metadata()
    assert (described["name"], described["versions"]) == ("classifier", ["7"])
    assert described["inputs"] == [{"name": "image", "datatype": "BYTES", "shape": [-1]}]
    assert {output["name"] for output in described["outputs"]} >= {"label", "probability", "is_ood"}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_unknown_model_is_told_by_its_name(door, images, protocol):
    with Client(url_of(door, protocol), "nobody", protocol=protocol) as client:
        with pytest.raises(UsageError, match="nobody"):
            client.predict(images)
        with pytest.raises(UsageError, match="nobody"):
            client.metadata()


@pytest.mark.parametrize("protocol", ["raw", "grpc"])
def test_dead_server_is_not_ready_and_named(protocol):
    with Client("http://127.0.0.1:9", protocol=protocol) as client:
        assert not client.is_ready()
        with pytest.raises(ServingError, match=r"http://127\.0\.0\.1:9 .*saccade serve"):
            client.predict_one(b"x")


@pytest.mark.parametrize(("port", "protocol"), [("url", "grpc"), ("grpc_url", "raw")])
def test_port_of_the_other_protocol_is_told(door, images, port, protocol):
    with (
        Client(getattr(door, port), protocol=protocol) as client,
        pytest.raises(ServingError, match=getattr(door, port)),
    ):
        client.predict_one(images[0])


def test_grpc_url_without_a_port_is_refused():
    with pytest.raises(UsageError, match="gRPC port"):
        Client("http://127.0.0.1", protocol="grpc")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_server_with_a_token_and_a_limit_is_obeyed(guarded_door, images, protocol):
    url, token = url_of(guarded_door, protocol), guarded_door.token_file.read_text().strip()
    with Client(url, protocol=protocol) as client, pytest.raises(UsageError, match="token"):
        client.predict_one(images[0])
    with Client(url, protocol=protocol, token=token) as client:
        assert client.predict_one(images[0])["label"] == "blue"
        assert client.predict_one(bytes(2_000_000))["error"]["status"] == 413


def test_grpc_messages_are_those_of_the_protocol():
    ours, theirs = fields_of(own_messages.DESCRIPTOR), fields_of(kserve_messages.DESCRIPTOR)
    assert ours.items() <= theirs.items()


def fields_of(file: Any) -> dict[str, tuple[int, ...]]:
    """Message.field -> number, type and label of every field of a protocol."""
    messages = list(descriptor_pb2.FileDescriptorProto.FromString(file.serialized_pb).message_type)
    messages += [nested for message in messages for nested in message.nested_type]
    return {
        f"{message.name}.{field.name}": (field.number, field.type, field.label)
        for message in messages
        for field in message.field
    }


def test_generated_messages_are_those_of_the_proto_file(tmp_path):
    name = own_messages.DESCRIPTOR.name
    assert protoc.main(["protoc", f"-I{SOURCE}", f"--python_out={tmp_path}", name]) == 0
    fresh, kept = (folder / name.replace(".proto", "_pb2.py") for folder in (tmp_path, SOURCE))
    assert descriptor_line(fresh) == descriptor_line(kept)


def descriptor_line(generated: Path) -> str:
    """All that a .proto file decides; the rest of a generated module tells the compiler's version."""
    (line,) = (line for line in generated.read_text().splitlines() if line.startswith("DESCRIPTOR"))
    return line
