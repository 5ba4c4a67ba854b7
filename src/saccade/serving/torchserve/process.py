"""The processes of one TorchServe: Java, its workers, and the log in which they say why they fail."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil

from saccade.core.artifacts import MODEL_STORE_DIR
from saccade.core.errors import BundleError, ServingError
from saccade.core.log import logger
from saccade.serving.torchserve.configuration import JAVA_OPTIONS, LOG4J_PROPERTIES, MANAGEMENT_SOCKET
from saccade.serving.torchserve.frontend_patch import write_patched_classes
from saccade.serving.torchserve.java import Java
from saccade.serving.torchserve.management import Management

# Together with the time in which requests are answered these are less than the 30 s that a container has to stop.
WORKERS_STOP_S = 9.0  # they write the capture records that wait
JAVA_STOP_S = 6.0
# The first line of a worker's log that names an exception is the reason why it does not load.
WORKER_ERROR = r"W-\d+-{worker}-\w+ MODEL_LOG - (?P<kind>[A-Za-z_][\w.]*(?:Error|Exception)): (?P<message>.*)"


class TorchServeProcess:
    """A running TorchServe. It is a session of its own, which ends with the thread that started it, even by kill -9."""

    def __init__(
        self, java: Java, home: Path, scratch: Path, *, log: Path, title: Path, environment: Mapping[str, str]
    ) -> None:
        """Starts Java.

        scratch: a private directory with config.properties and the archives. It is also Java's temporary directory,
        because TorchServe names its workers' sockets there alike in every instance.
        title: for whoever looks at the list of processes.
        """
        self.log, self.scratch = log, scratch
        self.management = Management(scratch / MANAGEMENT_SOCKET)
        log4j, patched = scratch / "log4j2.properties", scratch / "patched"
        jar = home / "ts" / "frontend" / "model-server.jar"
        write_patched_classes(jar, patched)
        log4j.write_text(LOG4J_PROPERTIES)
        command = [
            *(sys.executable, "-I", str(Path(__file__).with_name("tether.py")), str(os.getpid())),
            *(str(java.path), *JAVA_OPTIONS, f"-Dsaccade.model_store={title}"),
            *(f"-Djava.io.tmpdir={scratch}", f"-Dlog4j2.configurationFile={log4j.as_uri()}"),
            *(f"-Dmodel_server_home={home}", "-cp", f"{patched}:{jar.parent}/*", "org.pytorch.serve.ModelServer"),
            *("--python", sys.executable, "-f", str(scratch / "config.properties")),
            *("-s", str(scratch / MODEL_STORE_DIR), "-ncs"),
        ]
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                cwd=scratch,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def check(self) -> None:
        """Raises ServingError when TorchServe has ended by itself."""
        if self._process.poll() is not None:
            raise ServingError(f"TorchServe ended by itself, with exit code {self._process.returncode}. {self.tail()}")

    def check_worker(self, name: str, version: str, since: int) -> None:
        """Raises BundleError or ServingError when a worker of a model could not load it.

        since: the length of the log, in bytes, from which on this counts.
        """
        pattern = WORKER_ERROR.format(worker=re.escape(f"{name}_{version}"))
        if failure := re.search(pattern, self._read_log(since)):
            kind = BundleError if failure["kind"].endswith("BundleError") else ServingError
            raise kind(f"A worker of TorchServe could not load {name} {version}: {failure['message']}")

    def log_bytes(self) -> int:
        """The length of the log."""
        return self.log.stat().st_size

    def tail(self) -> str:
        """The end of the log, for an error's message."""
        return f"Its log '{self.log}' ends with:\n" + "\n".join(self._read_log(0).splitlines()[-5:])

    def wait(self, timeout_s: float | None) -> None:
        """Returns after timeout_s. Raises ServingError when TorchServe ends by itself before."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout_s)
        self.check()

    def end(self) -> None:
        """Ends every worker and then Java, which would kill them; the connections of clients end with it."""
        try:
            self._end_workers()
            self._process.terminate()
            self._process.wait(JAVA_STOP_S)
        except subprocess.TimeoutExpired:
            logger.warning(f"TorchServe did not stop within {JAVA_STOP_S:.0f} s and is killed.")
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _end_workers(self) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            workers = psutil.Process(self._process.pid).children()
            for worker in workers:
                with contextlib.suppress(psutil.NoSuchProcess):
                    worker.terminate()
            psutil.wait_procs(workers, WORKERS_STOP_S)

    def _read_log(self, since: int) -> str:
        with self.log.open("rb") as log:
            log.seek(since)
            return log.read().decode(errors="replace")
