"""A real TorchServe on loopback with a small real model."""

import base64
import http.client
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest

from saccade.client import Client
from saccade.core.artifacts import CAPTURE_GLOB
from saccade.core.errors import BundleError, ServingError, UsageError
from saccade.core.files import sha256_of
from saccade.serving.model_store import read_index
from saccade.serving.torchserve.configuration import MAX_BODY_BYTES, UNREACHABLE
from saccade.serving.torchserve.server import TorchServe
from saccade.steps.publish import publish

pytestmark = pytest.mark.integration
LABELS = ("blue", "green", "red")
JSON = {"Content-Type": "application/json"}
SERVE_UNTIL_SIGNAL = """
import sys, pathlib
from saccade.serving.torchserve.server import TorchServe
with TorchServe(pathlib.Path(sys.argv[1]), log_dir=pathlib.Path(sys.argv[2])) as server:
    print(server.url, flush=True)
    server.wait()
"""

Ask = Callable[..., tuple[int, dict[str, str], Any]]


@pytest.fixture(scope="module")
def store(colour_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("store") / "model_store"
    publish(colour_bundle, directory)
    return directory


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("capture")


@pytest.fixture(scope="module")
def server(store: Path, captures: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TorchServe]:
    with TorchServe(store, log_dir=tmp_path_factory.mktemp("logs"), capture_dir=captures) as running:
        yield running


@pytest.fixture
def ask(server: TorchServe) -> Ask:
    """ask(path, body, headers): status, headers and JSON of one POST."""
    return partial(asked, server)


def asked(
    server: TorchServe, path: str, body: bytes, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], Any]:
    connection = http.client.HTTPConnection(server.host, server.port, timeout=30)
    connection.request("POST", path, body, headers or {})
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, dict(response.getheaders()), json.loads(content) if content else None


@pytest.fixture
def images(colour_image) -> list[tuple[str, bytes]]:
    """96 (label, encoded image), PNG and JPEG of several sizes."""
    kinds, sizes = ("PNG", "JPEG"), ((16, 16), (40, 30), (9, 64))
    return [
        (LABELS[n % 3], colour_image(LABELS[n % 3], 5000 + n, sizes[n % len(sizes)], kinds[n % 2])) for n in range(96)
    ]


def b64(image: bytes) -> str:
    return base64.b64encode(image).decode()


def captured(directory: Path) -> list[dict]:
    return [row for file in directory.glob(CAPTURE_GLOB) for row in pq.read_table(file).to_pylist()]


def processes_of(store: Path) -> list[psutil.Process]:
    """Every process of the servers of a model store: Java by its command line, workers by their parent."""
    return [
        found
        for process in psutil.process_iter(["cmdline"])
        if f"-Dsaccade.model_store={store}" in (process.info["cmdline"] or [])
        for found in (process, *process.children(recursive=True))
    ]


@pytest.mark.parametrize("protocol", ["raw", "v1", "v2"])
def test_each_protocol_gets_the_right_answers(server, images, protocol):
    with Client(server.url, "colours", protocol=protocol) as client:
        answers = client.predict([image for _, image in images[:12]])
    assert [answer["label"] for answer in answers] == [label for label, _ in images[:12]]
    for answer in answers:
        assert answer["model"] == {"name": "colours", "version": "7"}
        assert answer["probability"] == answer["top_k"][0]["probability"]
        assert sum(entry["probability"] for entry in answer["top_k"]) == pytest.approx(1, abs=1e-5)
        assert answer["ood"]["is_ood"] == (answer["ood"]["score"] > answer["ood"]["threshold"])
        assert answer["ood"]["score"] == answer["ood"]["scores"][answer["ood"]["detector"]]


def test_protocols_agree_on_every_number(server, images):
    answers = []
    for protocol in ("raw", "v1", "v2"):
        with Client(server.url, "colours", protocol=protocol) as client:
            answers.append(client.predict_one(images[0][1]) | {"request_id": ""})
    assert answers[0] == answers[1] == answers[2]


def test_mixed_concurrent_requests_are_never_confused(server, images):
    clients = [Client(server.url, "colours", protocol=protocol) for protocol in ("raw", "v1", "v2")]
    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda n: clients[n % 3].predict_one(images[n][1]), range(len(images))))
    for client in clients:
        client.close()
    assert [answer["label"] for answer in answers] == [label for label, _ in images]


def test_corrupt_images_harm_no_neighbour(server, images):
    sent = [(label, image[:60] if n % 4 == 3 else image) for n, (label, image) in enumerate(images[:32])]
    with Client(server.url, "colours") as client:
        answers = client.predict([image for _, image in sent], concurrency=32)
    errors = [answer["error"] for answer in answers[3::4]]
    right = [answer.get("label") for n, answer in enumerate(answers) if n % 4 != 3]
    assert right == [label for n, (label, _) in enumerate(sent) if n % 4 != 3]
    assert len(errors) == 8
    assert {error["code"] for error in errors} <= {"truncated", "format"}


def test_v1_request_of_several_images_gets_an_answer_each(ask, images):
    instances = [{"b64": b64(images[0][1])}, {"image_bytes": {"b64": b64(images[1][1])}}]
    headers = {**JSON, "X-Request-Id": "two"}
    status, _, document = ask("/v1/models/colours:predict", json.dumps({"instances": instances}).encode(), headers)
    assert status == 200
    assert [answer["label"] for answer in document["predictions"]] == ["blue", "green"]
    assert [answer["request_id"] for answer in document["predictions"]] == ["two.0", "two.1"]


def test_v2_request_of_several_images_gets_tensors(ask, images):
    data = [b64(image) for _, image in images[:3]]
    tensor = {"name": "images", "shape": [3], "datatype": "BYTES", "data": data}
    body = json.dumps({"id": "mine", "inputs": [tensor]}).encode()
    status, _, document = ask("/v2/models/colours/infer", body, JSON)
    outputs = {output["name"]: output for output in document["outputs"]}
    assert (status, document["id"], document["model_name"]) == (200, "mine", "colours")
    assert outputs["label"]["data"] == list(LABELS)
    assert outputs["top_k_probability"]["shape"] == [3, 3]


def test_one_bad_image_refuses_its_whole_request_by_number(ask, images):
    instances = [{"b64": b64(images[0][1])}, {"b64": b64(b"no image")}]
    status, _, document = ask("/v1/models/colours:predict", json.dumps({"instances": instances}).encode(), JSON)
    assert (status, document["error"]["code"]) == (400, "unknown_format")
    assert document["error"]["message"].startswith("Image 1: ")


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        (b"", {}, "empty_body"),
        (b"no image", {}, "unknown_format"),
        (b"{", JSON, "invalid_json"),
        (b"{}", JSON, "invalid_request"),
        (b'{"instances": [{"b64": "?"}]}', JSON, "invalid_base64"),
        (b"a=1", {"Content-Type": "application/x-www-form-urlencoded"}, "no_image"),
        (b"no image", {"body": "x", "data": "y", "Content-Type": "image/png"}, "unknown_format"),
    ],
)
def test_request_without_an_image_is_refused_with_a_code(ask, body, headers, code):
    status, answered, document = ask("/predictions/colours", body, headers)
    assert (status, document["error"]["code"]) == (400, code)
    assert answered["content-type"] == "application/json"
    assert document["error"]["message"]


def test_form_part_named_data_is_an_image_too(ask, images):
    body = b"--b\r\nContent-Disposition: form-data; name=data; filename=x\r\n\r\n" + images[2][1] + b"\r\n--b--\r\n"
    status, _, document = ask("/predictions/colours", body, {"Content-Type": "multipart/form-data; boundary=b"})
    assert (status, document["label"]) == (200, "red")


def test_request_id_of_the_client_is_kept(ask, images):
    _, _, document = ask("/predictions/colours", images[0][1], {"x-request-ID": "order-17:3"})
    assert document["request_id"] == "order-17:3"


@pytest.mark.parametrize("given", ["", "a b", "é", "x" * 129, "../up", "<script>"])
def test_request_id_that_is_none_gives_way_to_that_of_the_server(ask, images, given):
    headers = {"X-Request-Id": given.encode("latin-1").decode("latin-1")}
    _, answered, document = ask("/predictions/colours", images[0][1], headers)
    assert document["request_id"] == answered["x-request-id"]


def test_body_above_the_limit_is_refused(server):
    with Client(server.url, "colours") as client:
        assert client.predict_one(bytes(MAX_BODY_BYTES + 1))["error"]["code"] == "http_413"


def test_unknown_model_is_refused_by_name(server, images):
    with Client(server.url, "nobody") as client, pytest.raises(UsageError, match="nobody"):
        client.predict_one(images[0][1])


def test_capture_holds_one_record_an_answered_image(ask, captures, images, wait_until):
    sent = {f"capture-{n}": label for n, (label, _) in enumerate(images[:20])}
    for n, (_, image) in enumerate(images[:20]):
        ask("/predictions/colours", image, {"X-Request-Id": f"capture-{n}"})
    ask("/predictions/colours", b"no image", {"X-Request-Id": "capture-bad"})

    def records() -> list[dict]:
        return [row for row in captured(captures) if row["request_id"].startswith("capture-")]

    wait_until(lambda: len(records()) >= 20)
    assert {row["request_id"]: row["label"] for row in records()} == sent
    assert len(records()) == 20
    assert all(len(row["embedding"]) == 27 and row["image"] is None for row in records())


def test_only_loopback_is_listened_on(server, store):
    ours = {process.pid for process in processes_of(store)}
    sockets = [
        connection.laddr
        for connection in psutil.net_connections("inet")
        if connection.pid in ours and connection.status == psutil.CONN_LISTEN
    ]
    assert {address.ip.removeprefix("::ffff:") for address in sockets} == {"127.0.0.1", UNREACHABLE}
    assert server.port in {address.port for address in sockets}


def test_model_cannot_be_added_over_the_network(ask):
    assert ask("/models?url=http://127.0.0.1/evil.mar", b"")[0] in (404, 405)


def test_killed_worker_is_replaced(server, store, images, wait_until):
    (worker,) = [p for p in processes_of(store) if any("worker" in word for word in p.cmdline())]
    worker.kill()
    worker.wait(10)
    with Client(server.url, "colours") as client:
        answer = wait_until(lambda: (found := client.predict_one(images[2][1])) and "label" in found and found)
    assert answer["label"] == "red"


def test_stop_leaves_no_process_and_loses_no_record(store, tmp_path, images):
    store = shutil.copytree(store, tmp_path / "store")
    with TorchServe(store, log_dir=tmp_path / "logs", capture_dir=tmp_path / "capture") as server:
        started = processes_of(store)
        with Client(server.url, "colours") as client:
            answers = client.predict([image for _, image in images], concurrency=16)
    ids = sorted(row["request_id"] for row in captured(tmp_path / "capture"))
    assert ids == sorted(answer["request_id"] for answer in answers)
    assert len(started) >= 2
    _, alive = psutil.wait_procs(started, timeout=15)
    assert alive == []


def test_records_that_cannot_be_written_do_not_harm_answers(store, tmp_path, images, monkeypatch, wait_until):
    (tmp_path / "file").write_text("no directory can be here")
    monkeypatch.setenv("SACCADE_CAPTURE_QUEUE_BYTES", "20000")
    with TorchServe(store, log_dir=tmp_path, capture_dir=tmp_path / "file" / "capture") as server:
        with Client(server.url, "colours") as client:
            answers = client.predict([image for _, image in images], concurrency=16)
        wait_until(lambda: re.search(r"failed_writes=[1-9]", server.log.read_text()))
    assert [answer["label"] for answer in answers] == [label for label, _ in images]
    counts = re.findall(r"CaptureStats\(added=(\d+), written=0, dropped=(\d+)", server.log.read_text())
    assert int(counts[-1][1]) > 0


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_server_ends_with_the_process_that_started_it(store, tmp_path, ending):
    parent = subprocess.Popen(
        [sys.executable, "-c", SERVE_UNTIL_SIGNAL, str(store), str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert parent.stdout is not None
    assert parent.stdout.readline().startswith(b"http://127.0.0.1:")
    started = psutil.Process(parent.pid).children(recursive=True)
    assert len(started) >= 2
    parent.send_signal(ending)
    parent.wait(30)
    parent.stdout.close()
    _, alive = psutil.wait_procs(started, timeout=15)
    assert alive == []


def test_interrupted_start_leaves_no_process(store, tmp_path, wait_until):
    parent = subprocess.Popen(
        [sys.executable, "-c", SERVE_UNTIL_SIGNAL, str(store), str(tmp_path)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    started = wait_until(lambda: psutil.Process(parent.pid).children(recursive=True))
    parent.send_signal(signal.SIGINT)
    parent.wait(30)
    _, alive = psutil.wait_procs(started, timeout=15)
    assert alive == []


def test_taken_port_is_named(store, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"Port {port} on 127.0.0.1 .*in use.*--port"):
            TorchServe(store, log_dir=tmp_path, port=port).__enter__()


def test_missing_java_is_told_before_anything_starts(store, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="no 'java'"):
        TorchServe(store, log_dir=tmp_path / "logs").__enter__()
    assert not (tmp_path / "logs").exists()


def test_altered_model_is_refused_with_the_reason(store, tmp_path):
    altered = tmp_path / "model_store"
    (altered / "model-store").mkdir(parents=True)
    (altered / "config").mkdir()
    mar = "model-store/colours@7.mar"
    with zipfile.ZipFile(store / mar) as whole, zipfile.ZipFile(altered / mar, "w") as broken:
        for name in whole.namelist():
            broken.writestr(name, whole.read(name) + (b" " if name == "bundle/model.bin" else b""))
    (entry,) = read_index(store)
    entry |= {"sha256": sha256_of(altered / mar), "bytes": (altered / mar).stat().st_size}
    (altered / "index.json").write_text(json.dumps({"models": [entry]}))
    (altered / "config" / "config.properties").write_bytes((store / "config" / "config.properties").read_bytes())
    with pytest.raises(BundleError, match=r"was altered in model\.bin"):
        TorchServe(altered, log_dir=tmp_path).__enter__()
    assert processes_of(altered) == []


def test_archive_that_its_index_does_not_know_starts_nothing(store, tmp_path):
    altered = shutil.copytree(store, tmp_path / "store")
    with (altered / "model-store" / "colours@7.mar").open("ab") as archive:
        archive.write(b"more")
    with pytest.raises(BundleError, match=r"'colours@7.mar' has the sha256"):
        TorchServe(altered, log_dir=tmp_path / "logs").__enter__()
    assert not (tmp_path / "logs").exists()


def test_only_a_signed_store_is_served_when_a_key_is_trusted(colour_bundle, tmp_path, keys, images):
    publish(colour_bundle, tmp_path / "store", sign_key=keys.private)
    config = tmp_path / "store" / "config" / "config.properties"
    config.write_text("vmargs=-XX:OnError=reboot")  # is not signed, so it must not be read
    with (
        TorchServe(tmp_path / "store", log_dir=tmp_path / "logs", trusted_key=keys.public) as server,
        Client(server.url, "colours") as client,
    ):
        assert client.predict_one(images[2][1])["label"] == "red"
    publish(colour_bundle, tmp_path / "store")
    with pytest.raises(BundleError, match="is not signed"):
        TorchServe(tmp_path / "store", log_dir=tmp_path / "logs", trusted_key=keys.public).__enter__()


def test_two_versions_are_served_side_by_side(colour_bundle, tmp_path, images, again):
    publish(colour_bundle, tmp_path / "store")
    publish(again(colour_bundle, version="8"), tmp_path / "store", keep_versions=1)
    with TorchServe(tmp_path / "store", log_dir=tmp_path / "logs") as server:
        paths = ("/predictions/colours", "/predictions/colours/7", "/predictions/colours/8")
        answers = [asked(server, path, images[2][1])[2] for path in paths]
    assert [answer["model"]["version"] for answer in answers] == ["8", "7", "8"]
    assert {answer["label"] for answer in answers} == {"red"}


def test_server_that_dies_is_noticed(store, tmp_path):
    store = shutil.copytree(store, tmp_path / "store")
    with TorchServe(store, log_dir=tmp_path) as server:
        java, *workers = processes_of(store)
        java.kill()
        with pytest.raises(ServingError, match="ended by itself"):
            server.wait()
    _, alive = psutil.wait_procs([java, *workers], timeout=15)
    assert alive == []
