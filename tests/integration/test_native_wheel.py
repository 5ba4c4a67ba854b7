"""The native wheel alone, in an environment that holds nothing else, as docs/reference/native.md shows it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
CORPUS = ROOT / "tests" / "native" / "fuzz" / "corpus"
UV = [sys.executable, "-m", "uv"]


def run(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def wheel_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a fresh environment into which only the wheel was installed, with what it asks for.

    The build folder is the one of 'make setup', so nothing is compiled that is not new.
    """
    folder = tmp_path_factory.mktemp("wheel")
    run(*UV, "build", "-q", "--wheel", "--no-build-isolation", "--out-dir", folder, ROOT / "native")
    run(*UV, "venv", "-q", "--python", sys.executable, folder / "venv")
    python = folder / "venv" / "bin" / "python"
    run(*UV, "pip", "install", "-q", "--python", python, *folder.glob("*.whl"))
    return python


def test_example_of_the_reference_prepares_pictures_with_nothing_else_installed(wheel_python, tmp_path):
    example = (ROOT / "docs" / "reference" / "native.md").read_text().split("```python\n")[1].split("```")[0]
    script = tmp_path / "example.py"
    script.write_text(example)
    pictures = [CORPUS / "jpeg" / "baseline-420.jpg", CORPUS / "png" / "rgb-8.png", CORPUS / "webp" / "cut.webp"]

    lines = run(wheel_python, script, *pictures).splitlines()

    assert lines[:2] == ["baseline-420.jpg 53 x 37", "rgb-8.png 23 x 19"]
    assert "stops after 160 of 320 bytes" in lines[2]


def test_wheel_asks_for_numpy_and_openvino_only(wheel_python):
    listed = json.loads(run(*UV, "pip", "list", "--python", wheel_python, "--format", "json"))

    packages = {package["name"] for package in listed} - {"openvino-telemetry"}  # which OpenVINO asks for
    assert packages == {"numpy", "openvino", "saccade-native"}
