"""Load by compiled programs: wrk for a number of connections that are always busy, oha for a constant rate."""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from serving.servers import Server

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Bodies:
    """Files with request bodies of one content type. list_file: one path a line."""

    list_file: Path
    content_type: str
    path: str | None = None  # of the request, where it is another than the server's

    @classmethod
    def write(cls, directory: Path, bodies: Sequence[bytes], content_type: str, path: str | None = None) -> "Bodies":
        """Writes a file a body."""
        directory.mkdir()
        files = [directory / f"{number}.body" for number in range(len(bodies))]
        for file, body in zip(files, bodies, strict=True):
            file.write_bytes(body)
        list_file = directory / "list.txt"
        list_file.write_text("".join(f"{file}\n" for file in files))
        return cls(list_file, content_type, path)


@dataclass(frozen=True)
class Load:
    """What a server did under load."""

    rate: float  # answers a second
    p50_ms: float
    p99_ms: float
    cpu_s: float  # processor seconds of the server for 1,000 answers


def closed(server: Server, bodies: Bodies, connections: int, seconds: int) -> Load:
    """Keeps connections busy with one request each. Ends the program for an answer that is no 200."""
    environment = {**os.environ, "BODIES": str(bodies.list_file), "CONTENT_TYPE": bodies.content_type}
    url = f"http://127.0.0.1:{server.port}{bodies.path or server.path}"
    command = [tool("wrk"), "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", str(HERE / "wrk.lua")]
    before = server.cpu_seconds()
    done = subprocess.run([*command, url], check=True, capture_output=True, text=True, env=environment)
    spent = server.cpu_seconds() - before
    result = json.loads(done.stdout.splitlines()[-1])
    if result["failed"] or not result["requests"]:
        raise SystemExit(f"{server.name} failed {result['failed']} of {result['requests']} requests: {done.stdout}")
    answers = result["requests"]
    return Load(answers / result["seconds"], result["p50_ms"], result["p99_ms"], 1000 * spent / answers)


def constant(server: Server, body: Path, content_type: str, rate: float, seconds: int) -> Load:
    """Sends requests at a constant rate, whether answers come or not; latency counts from when each was due."""
    url = f"http://127.0.0.1:{server.port}{server.path}"
    command = [
        tool("oha"), "--no-tui", "--output-format", "json", "-z", f"{seconds}s", "-q", f"{rate:.0f}", "-c", "128",
        "--latency-correction", "-m", "POST", "-T", content_type, "-D", str(body), url,
    ]  # fmt: skip
    before = server.cpu_seconds()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    spent = server.cpu_seconds() - before
    result = json.loads(done.stdout)
    answers = result["statusCodeDistribution"].get("200", 0)
    latency = result["latencyPercentiles"]
    return Load(
        answers / result["summary"]["total"],
        1000 * latency["p50"],
        1000 * latency["p99"],
        1000 * spent / max(1, answers),
    )


def tool(name: str) -> str:
    """Returns the program's path, or ends with how to get it."""
    advice = {"wrk": "apt-get install wrk", "oha": "cargo install oha --locked"}
    path = shutil.which(name)
    if path is None:
        raise SystemExit(f"This benchmark needs {name}: {advice[name]}")
    return path
