import re
from pathlib import Path

import pytest

from saccade.core.errors import UsageError
from saccade.serving.torchserve.java import find_java


@pytest.fixture
def java_that_says(tmp_path, monkeypatch):
    """java_that_says(text, code): the only `java` on PATH is a program that prints text and exits with code."""

    def make(text: str, code: int = 0) -> Path:
        program = tmp_path / "java"
        program.write_text(f"#!/bin/sh\necho '{text}' >&2\nexit {code}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        return program

    return make


def test_no_java_is_told_with_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match=r"no 'java' on PATH.*apt-get install openjdk-17-jre-headless"):
        find_java()


@pytest.mark.parametrize("version", ["17", "17.0.15", "21.0.1", "25-ea"])
def test_new_java_is_found(java_that_says, version):
    program = java_that_says(f'openjdk version "{version}" 2025-04-15')
    assert str(find_java()) == f"Java {version}, {program}"


@pytest.mark.parametrize("version", ["1.8.0_392", "11.0.20"])
def test_old_java_is_refused_with_its_version(java_that_says, version):
    java_that_says(f'openjdk version "{version}"')
    with pytest.raises(UsageError, match=rf"is Java {re.escape(version)}\. TorchServe needs Java 17"):
        find_java()


def test_broken_java_is_refused_with_its_words(java_that_says):
    java_that_says("Error: could not find libjava.so", code=2)
    with pytest.raises(UsageError, match=r"could not find libjava\.so"):
        find_java()
