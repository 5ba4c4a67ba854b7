"""What several integration tests start from."""

import http.client
import json
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from saccade.core.artifacts import BUNDLE_JSON, BundleInfo
from saccade.steps.import_images import import_images
from saccade.steps.prepare import prepare

READY = re.compile(r"http://127\.0\.0\.1:(\d+) and by gRPC at (127\.0\.0\.1:\d+)")
HttpAnswer = tuple[int, dict[str, str], bytes]


@pytest.fixture(scope="session")
def prepared_digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The prepared bundle of scikit-learn's digits."""
    directory = tmp_path_factory.mktemp("digits")
    import_images([], directory / "imported")
    prepare(directory / "imported", directory / "prepared")
    return directory / "prepared"


@dataclass(frozen=True)
class Door:
    """A running `saccade serve --server kserve`."""

    process: subprocess.Popen[str]
    url: str
    grpc_url: str
    token_file: Path | None = None


@contextmanager
def running_door(bundle: Path, *options: str) -> Iterator[Door]:
    command = [sys.executable, "-m", "saccade", "serve", str(bundle), "--server", "kserve", "--port", "0", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            first = process.stderr.readline()
            found = re.search(r"at (http://\S+) and by gRPC at (\S+)\. ", first)
            assert found, first + process.stderr.read()
            yield Door(process, found[1], f"http://{found[2]}")
        finally:
            process.terminate()
            process.communicate(timeout=60)


@pytest.fixture(scope="session")
def classifier_bundle(colour_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model of colour_bundle under the name that clients ask for when they are told none."""
    bundle = shutil.copytree(colour_bundle, tmp_path_factory.mktemp("classifier") / "bundle")
    replace(BundleInfo.load(bundle / BUNDLE_JSON), name="classifier").save(bundle / BUNDLE_JSON)
    return bundle


@pytest.fixture(scope="session")
def door(classifier_bundle: Path) -> Iterator[Door]:
    """A kserve door of classifier_bundle."""
    with running_door(classifier_bundle) as running:
        yield running


@pytest.fixture(scope="session")
def guarded_door(classifier_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """The same with a token, and a megabyte as the limit of a body."""
    token_file = tmp_path_factory.mktemp("secret") / "token"
    token_file.write_text("a-long-random-word\n")
    with running_door(classifier_bundle, "--token-file", str(token_file), "--max-body-bytes", "1000000") as running:
        yield replace(running, token_file=token_file)


@pytest.fixture
def start_door(classifier_bundle: Path) -> Iterator[Callable[..., Door]]:
    """start_door(*options): another kserve door of classifier_bundle, until the test ends."""
    with ExitStack() as doors:
        yield lambda *options: doors.enter_context(running_door(classifier_bundle, *options))


@pytest.fixture(autouse=True)
def heard_interrupts() -> Iterator[None]:
    """A shell that starts pytest in the background has it ignore SIGINT, and children inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class KserveDoor:
    """A running `saccade serve --server kserve`, and ways to ask it."""

    def __init__(self, paths: Sequence[Path], *options: str) -> None:
        command = [sys.executable, "-m", "saccade", "serve", *map(str, paths), "--server", "kserve", "--port", "0"]
        self.process = subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True)
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        while not (found := READY.search(self.log)) and self.process.poll() is None:
            time.sleep(0.02)
        if found is None:
            self._reader.join()
            return
        self.port, self.grpc_address = int(found[1]), found[2]
        self.url = f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """What it wrote to stderr until now."""
        return "".join(self.lines)

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> HttpAnswer:
        """Returns status, headers and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        answer = response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        connection.close()
        return answer

    def json(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        """Returns status and body."""
        status, _, content = self.ask(method, path, body, headers)
        return status, json.loads(content)

    def stop(self, kind: signal.Signals = signal.SIGTERM) -> int:
        """Sends a signal and returns the exit code."""
        self.process.send_signal(kind)
        self.process.wait(60)
        self._reader.join()
        return self.process.returncode

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stream:
            self.lines.extend(stream)


@pytest.fixture(scope="session")
def kserve_door() -> type[KserveDoor]:
    """kserve_door(paths, *options): a server that is ready, or that has ended. Stop it."""
    return KserveDoor
