"""Several models and versions behind one kserve door, and their change while it serves."""

import base64
import io
import json
import re
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest
from kserve.protocol.grpc import grpc_predict_v2_pb2 as messages
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub
from PIL import Image

from saccade.core.artifacts import BUNDLE_JSON, BundleInfo, file_digests
from saccade.serving.signing import sign
from saccade.steps.publish import publish

pytestmark = pytest.mark.integration
REQUESTS_PER_SECOND = 50


@pytest.fixture(scope="module")
def several(kserve_door, colour_bundle, tmp_path_factory) -> Iterator[Any]:
    """A door of two versions of one model, and of another model."""
    directory = tmp_path_factory.mktemp("several")
    paths = [
        changed(colour_bundle, directory / word, **{key: word}) for key, word in (("version", "8"), ("name", "paints"))
    ]
    door = kserve_door([colour_bundle, *paths])
    yield door
    assert door.stop() == 0


@pytest.fixture(scope="module")
def from_store(kserve_door, colour_bundle, tmp_path_factory) -> Iterator[tuple[Any, Path]]:
    """A door and the model store that it serves."""
    store = tmp_path_factory.mktemp("served") / "store"
    publish(colour_bundle, store)
    door = kserve_door([store])
    yield door, store
    assert door.stop() == 0


@pytest.fixture
def stored(from_store, colour_bundle) -> tuple[Any, Path]:
    """A door and its store, which holds colours 7 alone."""
    door, store = from_store
    shutil.rmtree(store, ignore_errors=True)
    publish(colour_bundle, store)
    reload(door)
    return door, store


def changed(bundle: Path, copy: Path, **changes: str) -> Path:
    """A copy of a bundle under another name or version. Its digests are those of its files, whatever these hold."""
    if not copy.exists():
        shutil.copytree(bundle, copy)
    info = BundleInfo.load(copy / BUNDLE_JSON)
    replace(info, **changes, files=file_digests(copy)).save(copy / BUNDLE_JSON)
    return copy


@pytest.fixture
def large_red() -> str:
    """A PNG of few bytes that takes some 5 ms to decode, in base64."""
    buffer = io.BytesIO()
    Image.new("RGB", (1000, 1000), (230, 40, 40)).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def reload(door: Any) -> str:
    """Has the door read its models again, and returns the lines of the log that tell how it went."""
    before = len(door.lines)
    door.process.send_signal(signal.SIGHUP)
    while not any(word in "".join(door.lines[before:]) for word in ("Serving ", "Nothing is reloaded")):
        assert door.process.poll() is None
        time.sleep(0.02)
    return "".join(door.lines[before:])


class Load:
    """Constant requests from a thread, each over a connection of its own, which must all be answered."""

    def __init__(self, door: Any, image: bytes) -> None:
        self._door, self._image = door, image
        self.answers: list[tuple[int, str]] = []  # status, version
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(5)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def go_on(self, answers: int) -> None:
        """Returns after so many more answers."""
        before = len(self.answers)
        while len(self.answers) < before + answers:
            time.sleep(0.01)

    def _run(self, number: int) -> None:
        period_s = len(self._threads) / REQUESTS_PER_SECOND
        while not self._over.wait(period_s):
            status, _, body = self._door.ask("POST", "/predictions/colours", self._image)
            self.answers.append((status, json.loads(body).get("model", {}).get("version", body.decode())))


def test_two_versions_and_two_models_stand_side_by_side(several, colour_image):
    red = colour_image("red", 1)
    paths = {
        "/predictions/colours": ("colours", "7"),
        "/predictions/colours/8": ("colours", "8"),
        "/v1/models/colours:predict": ("colours", "7"),
        "/v2/models/colours/versions/8/infer": ("colours", "8"),
        "/v2/models/paints/infer": ("paints", "7"),
    }
    answers = {path: several.json("POST", path, red)[1] for path in paths}
    assert {path: (answer["model"]["name"], answer["model"]["version"]) for path, answer in answers.items()} == paths
    assert {answer["label"] for answer in answers.values()} == {"red"}
    assert several.json("GET", "/v2/models/colours")[1]["versions"] == ["7", "8"]
    assert several.json("GET", "/v1/models")[1] == {"models": ["colours", "paints"]}
    assert several.json("GET", "/v2/models/colours/versions/8/ready") == (200, {"name": "colours", "ready": True})


def test_unknown_names_are_answered_with_those_that_exist(several):
    status, answer = several.json("POST", "/v2/models/colours/versions/9/infer", b"x")
    assert (status, answer["error"]) == (404, "Model 'colours' has no version '9' here, only '7', '8'.")
    status, answer = several.json("GET", "/v2/models/nobody")
    assert (status, answer["error"]) == (404, "There is no model 'nobody' here, only 'colours', 'paints'.")


def test_grpc_asks_for_a_version(several, colour_image):
    with grpc.insecure_channel(several.grpc_address) as channel:
        stub = GRPCInferenceServiceStub(channel)
        for asked, answered in (("", "7"), ("7", "7"), ("8", "8")):
            request = messages.ModelInferRequest(model_name="colours", model_version=asked)
            tensor = request.inputs.add(name="image", datatype="BYTES", shape=[1])
            tensor.contents.bytes_contents.append(colour_image("blue", 2))
            assert stub.ModelInfer(request).model_version == answered
        assert list(stub.ModelMetadata(messages.ModelMetadataRequest(name="colours")).versions) == ["7", "8"]
        with pytest.raises(grpc.RpcError) as caught:
            stub.ModelReady(messages.ModelReadyRequest(name="colours", version="9"))
        assert caught.value.code() == grpc.StatusCode.NOT_FOUND


def test_new_versions_replace_old_ones_and_no_request_fails(stored, colour_bundle, tmp_path, colour_image):
    door, store = stored
    resident = []
    with Load(door, colour_image("red", 3)) as load:
        load.go_on(5)
        for version in ("8", "9", "10"):
            publish(changed(colour_bundle, tmp_path / version, version=version), store)
            reload(door)
            load.go_on(25)
            resident.append(psutil.Process(door.process.pid).memory_info().rss)
    assert {status for status, _ in load.answers} == {200}
    assert {version for _, version in load.answers} == {"7", "8", "9", "10"}
    assert door.json("GET", "/v2/models/colours")[1]["versions"] == ["10"]
    assert door.ask("POST", "/predictions/colours/7", colour_image("red", 3))[0] == 404
    assert b"saccade_model_info{dataset_id" in door.ask("GET", "/metrics")[2]
    assert b'saccade_ready{model="colours",version="7"}' not in door.ask("GET", "/metrics")[2]
    assert resident[2] - resident[0] < 50e6  # a small network, but its engine and threads would be more


def test_wrong_version_is_refused_with_the_reason_and_the_old_answers(stored, colour_bundle, tmp_path, colour_image):
    door, store = stored
    wrong = changed(colour_bundle, tmp_path / "8", version="8")
    golden = json.loads((wrong / "golden" / "answers.json").read_text())
    for entry in golden:
        entry["probabilities"].reverse()
    (wrong / "golden" / "answers.json").write_text(json.dumps(golden))
    publish(changed(colour_bundle, wrong), store)
    with Load(door, colour_image("red", 3)) as load:
        load.go_on(1)
        log = reload(door)
        load.go_on(25)
    assert set(load.answers) == {(200, "7")}
    assert "colours 8 is refused" in log
    _, index = door.json("POST", "/v2/repository/index")
    assert [(entry["version"], entry["state"]) for entry in index] == [("7", "READY"), ("8", "UNAVAILABLE")]
    assert index[1]["reason"].startswith("The golden images of 'colours 8' are answered with probabilities")
    status, ready = door.json("GET", "/v2/models/colours/versions/8/ready")
    assert (status, ready) == (503, {"name": "colours", "ready": False, "reason": index[1]["reason"]})
    assert door.json("GET", "/v2/health/ready") == (200, {"ready": True})


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lambda store: (store / "index.json").write_text("{"), "Nothing is reloaded: .* is not a model store"),
        (shutil.rmtree, "Nothing is reloaded: .* has no bundle.json"),
        (lambda store: (store / "model-store" / "colours@8.mar").write_bytes(b"PK"), "8 is refused.*has the sha256"),
    ],
)
def test_broken_store_changes_nothing(stored, colour_bundle, tmp_path, colour_image, harm, reason):
    door, store = stored
    publish(changed(colour_bundle, tmp_path / "8", version="8"), store)
    harm(store)
    assert re.search(reason, reload(door))
    status, answer = door.json("POST", "/predictions/colours", colour_image("green", 4))
    assert (status, answer["label"], answer["model"]["version"]) == (200, "green", "7")


def test_same_version_with_other_content_replaces_the_old(stored, colour_bundle, tmp_path):
    door, store = stored
    before = door.ask("GET", "/metrics")[2]
    publish(changed(colour_bundle, tmp_path / "other", dataset_id="other"), store)
    reload(door)
    after = door.ask("GET", "/metrics")[2]
    assert (b'dataset_id="other"' in before, b'dataset_id="other"' in after) == (False, True)
    assert b'saccade_ready{model="colours",version="7"} 1.0' in after


def test_requests_of_a_removed_version_are_answered(stored, colour_bundle, tmp_path, large_red):
    door, store = stored
    body = json.dumps({"instances": [{"b64": large_red}] * 128}).encode()
    answers: list[tuple[int, Any]] = []
    path, headers = "/v2/models/colours/versions/7/infer", {"Content-Type": "application/json"}
    publish(changed(colour_bundle, tmp_path / "8", version="8"), store)
    asking = [threading.Thread(target=lambda: answers.append(door.json("POST", path, body, headers))) for _ in range(3)]
    for thread in asking:
        thread.start()
    while b'queued_images{model="colours",version="7"} 0' in door.ask("GET", "/metrics")[2]:
        time.sleep(0.002)
    assert "Serving colours 8." in reload(door)
    assert door.ask("POST", path, body, headers)[0] == 404
    for thread in asking:
        thread.join()
    assert {status for status, _ in answers} == {200}
    assert {entry["model"]["version"] for _, answer in answers for entry in answer["predictions"]} == {"7"}


def test_signed_store_is_served_and_an_unsigned_change_is_not(kserve_door, colour_bundle, tmp_path, keys, colour_image):
    store = tmp_path / "store"
    publish(colour_bundle, store, sign_key=keys.private)
    door = kserve_door([store], "--trusted-key", str(keys.public))
    publish(changed(colour_bundle, tmp_path / "8", version="8"), store)
    assert "is not signed" in reload(door)
    assert door.json("POST", "/predictions/colours", colour_image("red", 1))[1]["model"]["version"] == "7"
    sign(store, keys.private)
    assert "Serving colours 8." in reload(door)
    assert door.stop() == 0
