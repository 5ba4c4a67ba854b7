"""Two changes to TorchServe 0.12's Java, without which it forgets requests that then hang for ever.

A worker's thread that is interrupted while it still collects a batch drops the requests that it has, because it has not
made them one message yet; it is interrupted when its process dies. A version that is unregistered puts the requests of
its batch back in a queue that nobody reads any more. Both are branches of the error path. Taken out, every such
request is answered at once: 500 or 507, "Worker died." or "Worker scaled down.".

TorchServe is frozen at this version. Should its classes be others, nothing is changed and a warning says so.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path

from saccade.core.log import logger

CLASSES = "org/pytorch/serve/wlm"
POP_NOP_NOP = bytes([0x57, 0x00, 0x00])  # drops the tested value and goes on, in as many bytes as a branch has


@dataclass(frozen=True)
class Branch:
    """A conditional jump of three bytes in a class file, known by the instructions around it."""

    class_file: str
    before: bytes
    jump: bytes
    after: bytes
    times: int

    def removed(self, code: bytes) -> bytes | None:
        """Returns the class without the jump, or None when it is another class."""
        known = self.before + self.jump + self.after
        if code.count(known) != self.times:
            return None
        return code.replace(known, self.before + POP_NOP_NOP + self.after)


BRANCHES = (
    # WorkerThread.run, its finally block for each of seven ways out: if (req != null) aggregator.sendError(req, ...)
    # getfield req; ifnull; aload_0. sendError(null, ...) answers what the aggregator holds.
    Branch("WorkerThread.class", b"\xb4\x00\x20", b"\xc6\x00\x12", b"\x2a", 7),
    # BatchAggregator.sendError: if (job.isControlCmd()) job.sendError(...) else handleErrorJob(job)
    # invokevirtual isControlCmd; ifeq; aload job
    Branch("BatchAggregator.class", b"\xb6\x00\x48", b"\x99\x00\x0d", b"\x19\x07", 1),
)


def write_patched_classes(jar: Path, directory: Path) -> None:
    """Writes the changed classes of TorchServe's jar below directory, which goes before it on Java's class path."""
    with zipfile.ZipFile(jar) as archive:
        for branch in BRANCHES:
            name = f"{CLASSES}/{branch.class_file}"
            code = branch.removed(archive.read(name))
            if code is None:
                logger.warning(f"'{jar}' is not TorchServe 0.12: {name} stays as it is, and requests to it may hang.")
                continue
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            (directory / name).write_bytes(code)
