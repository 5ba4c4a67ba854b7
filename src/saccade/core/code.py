"""Which code this is: part of every cache key, so that an upgrade never serves results of the code before it."""

import hashlib
import importlib.metadata
from pathlib import Path

import saccade


def code_id() -> str:
    """Returns a digest of this package's files and of the native library's version."""
    digest = hashlib.sha256(importlib.metadata.version("saccade-native").encode())
    package = Path(saccade.__file__).parent
    for file in sorted(package.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            digest.update(f"{file.relative_to(package)}\n".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
