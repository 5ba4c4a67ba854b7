"""What a real TorchServe does when its parts are killed, stopped or exchanged at a constant 50 requests a second."""

import contextlib
import http.client
import json
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from typing import Self

import psutil
import pytest

from saccade.core.artifacts import BUNDLE_JSON, BundleInfo, file_digests
from saccade.core.errors import BundleError
from saccade.serving.torchserve.configuration import BATCH_SIZE
from saccade.serving.torchserve.server import TorchServe
from saccade.steps.publish import publish
from tests.integration.load import ConstantRate, Fate

pytestmark = pytest.mark.integration
PATH = "/predictions/colours"
SERVE = """
import pathlib, signal, sys
from saccade.serving.torchserve.server import TorchServe
signal.signal(signal.SIGTERM, signal.default_int_handler)
with TorchServe(pathlib.Path(sys.argv[1]), log_dir=pathlib.Path(sys.argv[2])) as server:
    print(server.url, flush=True)
    server.serve()
"""


@pytest.fixture(scope="module")
def store(colour_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("faults") / "model_store"
    publish(colour_bundle, directory)
    return directory


@pytest.fixture(scope="module")
def server(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TorchServe]:
    with TorchServe(store, log_dir=tmp_path_factory.mktemp("logs")) as running:
        yield running


@pytest.fixture(scope="module")
def slow_server(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TorchServe]:
    """A server that collects every batch for a second, and has room for 8 requests in its queue."""
    directory = tmp_path_factory.mktemp("slow")
    own_store = shutil.copytree(store, directory / "model_store")
    config = own_store / "config" / "config.properties"
    config.write_text(
        config.read_text().replace('"maxBatchDelay": 1,', '"maxBatchDelay": 1000,') + "job_queue_size=8\n"
    )
    with TorchServe(own_store, log_dir=directory) as running:
        yield running


@pytest.fixture
def load(server: TorchServe, red_images: list[bytes]) -> Iterator[ConstantRate]:
    with ConstantRate(server.url, PATH, red_images) as running:
        running.await_answers(25)
        yield running


@pytest.fixture
def changed_store(server: TorchServe, store: Path, tmp_path: Path) -> Iterator[Path]:
    """The store of the running server, put back after the test."""
    before = shutil.copytree(store, tmp_path / "before")
    yield store
    shutil.rmtree(store)
    before.rename(store)
    server.reload()


@pytest.fixture(scope="module")
def red_images(colour_image) -> list[bytes]:
    return [colour_image("red", seed) for seed in range(20)]


def processes(server: TorchServe) -> list[psutil.Process]:
    """A server's Java, and its children."""
    title = str(server.model_store)
    (java,) = [child for child in psutil.Process().children() if title in " ".join(child.cmdline())]
    return [java, *java.children()]


def workers(server: TorchServe) -> list[psutil.Process]:
    """The processes of a server's workers."""
    return [process for process in processes(server) if "model_service_worker" in " ".join(process.cmdline())]


def versions(fates: list[Fate]) -> list[str]:
    """The versions that answered, in the order in which they first did."""
    return list(dict.fromkeys(json.loads(fate.body)["model"]["version"] for fate in fates))


def asked(url: str, path: str, body: bytes | None = None) -> int:
    """The status of one answer; 0 when nobody listens any more."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
    try:
        connection.request("GET" if body is None else "POST", path, body)
        return connection.getresponse().status
    except (ConnectionError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


@contextlib.contextmanager
def killed(process: subprocess.Popen[str]) -> Iterator[None]:
    """Ends the process when its block fails, and closes its output."""
    try:
        yield
    except BaseException:
        process.terminate()
        raise
    finally:
        assert process.stdout is not None
        process.stdout.close()


class Readiness:
    """Asks for readiness until nobody answers, which its block waits for."""

    def __init__(self, url: str) -> None:
        self.statuses: list[int] = []
        self._url = url
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()

    def _ask(self) -> None:
        while status := asked(self._url, "/ping"):
            self.statuses.append(status)
            time.sleep(0.01)


def test_killed_worker_fails_only_the_requests_inside_it(server, load):
    (worker,) = workers(server)
    killed_at = time.monotonic()
    worker.send_signal(signal.SIGKILL)
    load.await_answers(100)
    assert {fate.status for fate in load.failed()} <= {500, 507}
    assert all(b'"message": "Worker died."' in fate.body for fate in load.failed())
    assert all(fate.sent_at < killed_at + 0.5 for fate in load.failed())  # those that came later have waited
    assert all(b'"red"' in fate.body for fate in load.fates if fate.status == 200)


def test_requests_that_are_collected_for_a_killed_worker_are_answered_at_once(slow_server, red_images):
    """Unchanged TorchServe never answers them."""
    with ThreadPoolExecutor(8) as pool:
        asking = [pool.submit(asked, slow_server.url, PATH, image) for image in red_images[: BATCH_SIZE - 1]]
        time.sleep(0.3)
        workers(slow_server)[0].kill()
        assert {answer.result() for answer in asking} <= {500, 507}


def test_full_queue_refuses_with_503_and_answers_what_it_took(slow_server, red_images):
    assert asked(slow_server.url, PATH, red_images[0]) == 200  # the worker is back
    (worker,) = workers(slow_server)
    worker.suspend()
    with ThreadPoolExecutor(60) as pool:
        asking = [pool.submit(asked, slow_server.url, PATH, red_images[number % 20]) for number in range(60)]
        refused = next(answer.result() for answer in as_completed(asking))
        worker.resume()
        statuses = [answer.result() for answer in asking]
    assert refused == 503
    assert set(statuses) == {200, 503}
    assert statuses.count(200) >= 8  # as many as the queue holds


def test_management_cannot_be_reached_over_the_network(server):
    listening = [
        connection.laddr
        for process in processes(server)
        for connection in process.connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    ]
    addresses = [(address.ip.removeprefix("::ffff:"), address.port) for address in listening]
    reached = []
    for address in addresses:
        with contextlib.suppress(OSError), socket.create_connection(address, timeout=5):
            reached.append(address)
    assert len(addresses) == 3  # inference, and TorchServe's two for gRPC
    assert {ip for ip, _ in reached} == {"127.0.0.1"}
    assert len(reached) == 2


def test_version_change_fails_no_request(server, changed_store, load, colour_bundle, again):
    publish(again(colour_bundle, version="8"), changed_store)
    server.reload()
    load.await_answers(25)
    assert load.failed() == []
    assert versions(load.fates) == ["7", "8"]
    assert len(workers(server)) == 1
    assert asked(server.url, f"{PATH}/7", b"") == 404


def test_models_and_versions_join_and_leave_a_running_server(server, changed_store, load, colour_bundle, again):
    before = shutil.copytree(changed_store, changed_store.with_name("before"))
    publish(again(colour_bundle, name="paints"), changed_store)
    publish(again(colour_bundle, version="8"), changed_store, keep_versions=1)
    paths = ("/predictions/paints", f"{PATH}/7", f"{PATH}/8")
    server.reload()
    joined = [asked(server.url, path, b"no image") for path in paths]
    shutil.rmtree(changed_store)
    before.rename(changed_store)
    server.reload()
    left = [asked(server.url, path, b"no image") for path in paths]
    assert (joined, left) == ([400, 400, 400], [404, 400, 404])
    assert load.failed() == []
    assert len(workers(server)) == 1


def test_version_with_wrong_golden_answers_is_refused_and_the_old_one_serves(
    server, changed_store, load, colour_bundle, again
):
    wrong = again(colour_bundle, version="8")
    golden = wrong / "golden" / "answers.json"
    entries = json.loads(golden.read_text())
    for entry in entries:
        entry["probabilities"].reverse()
    golden.write_text(json.dumps(entries))
    replace(BundleInfo.load(wrong / BUNDLE_JSON), files=file_digests(wrong)).save(wrong / BUNDLE_JSON)
    publish(wrong, changed_store)
    with pytest.raises(BundleError, match=r"colours 8: The golden images of .* away from those of its evaluation"):
        server.reload()
    load.await_answers(25)
    assert load.failed() == []
    assert versions(load.fates) == ["7"]
    assert len(workers(server)) == 1


def test_archive_altered_since_it_was_published_is_refused_and_the_old_one_serves(
    server, changed_store, load, colour_bundle, again
):
    entry = publish(again(colour_bundle, version="8"), changed_store)
    with (changed_store / "model-store" / entry["archive"]).open("r+b") as archive:
        archive.write(b"altered")
    with pytest.raises(BundleError, match=r"'colours@8.mar' has the sha256"):
        server.reload()
    load.await_answers(25)
    assert load.failed() == []
    assert versions(load.fates) == ["7"]


def test_version_published_again_with_another_content_is_refused(server, changed_store, colour_bundle, again):
    other = again(colour_bundle, version="7")
    (other / "report.html").write_text("another")
    replace(BundleInfo.load(other / BUNDLE_JSON), files=file_digests(other)).save(other / BUNDLE_JSON)
    publish(other, changed_store)
    with pytest.raises(BundleError, match=r"colours 7 was published again .* as a new version"):
        server.reload()


def test_hangup_reloads_and_sigterm_loses_no_accepted_request(
    store, tmp_path, colour_bundle, again, red_images, wait_until
):
    store = shutil.copytree(store, tmp_path / "model_store")
    command = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(store), str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert command.stdout is not None
    url = command.stdout.readline().strip()
    with Readiness(url) as readiness, ConstantRate(url, PATH, red_images) as load, killed(command):
        load.await_answers(25)
        started = psutil.Process(command.pid).children(recursive=True)
        publish(again(colour_bundle, version="8"), store)
        command.send_signal(signal.SIGHUP)
        wait_until(lambda: asked(url, f"{PATH}/7") == 404)
        load.await_answers(25)
        stopped_at = time.monotonic()
        command.send_signal(signal.SIGTERM)
        assert command.wait(30) == 0
    before = [fate for fate in load.fates if fate.sent_at < stopped_at]
    after = [fate for fate in load.fates if fate.sent_at >= stopped_at]
    assert {fate.status for fate in before} == {200}
    assert versions(before) == ["7", "8"]
    # Later ones are answered, refused with 503, or find nobody: none was accepted and then dropped.
    assert all(fate.status in (200, 503) or "ConnectionRefusedError" in fate.error for fate in after)
    assert list(dict.fromkeys(readiness.statuses)) == [200, 500]
    _, alive = psutil.wait_procs(started, timeout=15)
    assert alive == []
