"""The Java that runs TorchServe's frontend, and where that is installed."""

import importlib.util
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from saccade.core.errors import UsageError

OLDEST_VERSION = 17
INSTALL = f"TorchServe needs Java {OLDEST_VERSION} or later: sudo apt-get install openjdk-17-jre-headless"


@dataclass(frozen=True)
class Java:
    """A Java that is new enough."""

    path: Path
    version: str

    def __str__(self) -> str:
        return f"Java {self.version}, {self.path}"


def find_java() -> Java:
    """Returns the `java` on PATH. Raises UsageError that says what to install when there is none, or an old one."""
    found = shutil.which("java")
    if found is None:
        raise UsageError(f"There is no 'java' on PATH. {INSTALL}")
    completed = subprocess.run([found, "-version"], capture_output=True, text=True, timeout=60, check=False)
    match = re.search(r'version "((\d+)[^"]*)"', completed.stderr)
    if completed.returncode or match is None:
        raise UsageError(f"'{found} -version' failed: {completed.stderr.strip()[:200]}. {INSTALL}")
    if int(match[2]) < OLDEST_VERSION:
        raise UsageError(f"'{found}' is Java {match[1]}. {INSTALL}")
    return Java(Path(found), match[1])


def find_torchserve() -> Path:
    """Returns the directory of TorchServe's package `ts`. Raises UsageError when it is not installed."""
    spec = importlib.util.find_spec("ts")
    if spec is None or spec.origin is None:
        raise UsageError("TorchServe is not installed in this environment: pip install 'saccade[serve]'")
    return Path(spec.origin).parent.parent
