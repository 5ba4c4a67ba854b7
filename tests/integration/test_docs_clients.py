"""Every example of docs/how-to/ask-a-server.md is run against the doors that its section names."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from saccade.serving.torchserve.server import TorchServe
from saccade.steps.publish import publish

pytestmark = pytest.mark.integration
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "ask-a-server.md"
DOORS = {
    "Both doors": ("door", "torchserve"),
    "The kserve door": ("door",),
    "A kserve door with a token": ("guarded_door",),
}
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
GRPCURL = "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3"
ASK = re.compile(r"saccade predict |predict_one|predict_each|/predictions/|:predict\b|/infer\b|/ModelInfer|\.infer\(")
RED = re.compile(r"\bred\b|\bcmVk\b")  # the label of the images; grpcurl shows bytes in base64


def sections() -> dict[str, str]:
    _, *found = re.split(r"^## (.+)\n", PAGE.read_text(), flags=re.MULTILINE)
    return dict(zip(found[::2], found[1::2], strict=True))


def examples() -> list:
    return [
        pytest.param(door, language, code, id=f"{door}-{language}-{number}")
        for title, text in sections().items()
        for door in DOORS[title]
        for number, (language, code) in enumerate(BLOCK.findall(text))
    ]


@pytest.fixture(scope="module")
def torchserve(classifier_bundle, tmp_path_factory) -> Iterator[TorchServe]:
    directory = tmp_path_factory.mktemp("torchserve")
    publish(classifier_bundle, directory / "model_store")
    with TorchServe(directory / "model_store", log_dir=directory) as running:
        yield running


@pytest.fixture
def directory(tmp_path, colour_image, guarded_door) -> Path:
    """What the examples name: cat.jpg and photos, which are red, and the token."""
    (tmp_path / "photos").mkdir()
    for name in ("cat.jpg", "photos/1.jpg", "photos/2.jpg"):
        (tmp_path / name).write_bytes(colour_image("red", 1, (400, 300), "JPEG"))
    shutil.copy(guarded_door.token_file, tmp_path / "token")
    return tmp_path


@pytest.fixture(scope="module")
def programs(tmp_path_factory) -> str:
    """A PATH with this environment's programs, and with grpcurl where it or Go is installed."""
    directory = tmp_path_factory.mktemp("programs")
    if shutil.which("grpcurl") is None and shutil.which("go"):
        script = directory / "grpcurl"
        script.write_text(f'#!/bin/sh\nexec go run {GRPCURL} "$@"\n')
        script.chmod(0o755)
    return os.pathsep.join([str(Path(sys.executable).parent), str(directory), os.environ["PATH"]])


@pytest.mark.parametrize(("server", "language", "code"), examples())
def test_example_prints_a_label_for_each_question(request, server, language, code, directory, programs):
    if "grpcurl" in code and shutil.which("grpcurl", path=programs) is None:
        pytest.skip("neither grpcurl nor Go is installed")
    running = request.getfixturevalue(server)
    code = code.replace("http://127.0.0.1:8080", running.url).replace("127.0.0.1:8080", running.url[7:])
    if server != "torchserve":
        code = code.replace("http://127.0.0.1:8081", running.grpc_url).replace("127.0.0.1:8081", running.grpc_url[7:])
    command = ["bash", "-euo", "pipefail", "-c", code] if language == "sh" else [sys.executable, "-c", code]
    finished = subprocess.run(
        command,
        cwd=directory,
        env={**os.environ, "PATH": programs},
        capture_output=True,
        text=True,
        timeout=300,  # grpcurl may have to be built
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert len(RED.findall(finished.stdout)) >= len(ASK.findall(code)) > 0


def test_every_block_of_the_page_is_an_example():
    fences = re.findall(r"^```.+$", PAGE.read_text(), re.MULTILINE)
    assert len(fences) == sum(len(BLOCK.findall(text)) for text in sections().values())
