"""The models of a running TorchServe: added, exchanged and removed without a failed request.

What TorchServe 0.12 forces on this: it never answers the requests that wait in the queue of a version when that is
unregistered, so a version must be idle before. Its queue is first in, first out and has one worker; hence the answer to
a question of our own says that every request that was accepted before has its answer.
"""

import contextlib
import http.client
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saccade.core.artifacts import MODEL_STORE_DIR
from saccade.core.errors import BundleError, SaccadeError, ServingError
from saccade.core.log import logger
from saccade.serving.model_store import read_golden, take_archive
from saccade.serving.torchserve.configuration import REGISTRATION_OPTIONS, UNREADY_VERSION, write_unready_model
from saccade.serving.torchserve.probe import ask
from saccade.serving.torchserve.process import TorchServeProcess

IDLE_S = 12.0  # in which a version answers what it has accepted
UNREADY_MODEL = "saccade-stops"


@dataclass(frozen=True)
class Version:
    """A served version of a model, and the golden image that it must answer right."""

    name: str
    version: str
    sha256: str  # of its archive
    image: bytes  # encoded
    label: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    @property
    def path(self) -> str:
        """Where this version is asked, whichever is the default."""
        return f"/predictions/{self.name}/{self.version}"


class ModelVersions:
    """What a TorchServe serves. scratch/model-store holds the archives with which it was started."""

    def __init__(
        self,
        process: TorchServeProcess,
        address: tuple[str, int],
        model_store: Path,
        *,
        timeout_s: float,
        linger_s: float,
    ) -> None:
        """address: where inference listens.   timeout_s: for a version's first right answer.

        linger_s: how long a version that is idle is kept, in which its worker writes the capture records that wait.
        TorchServe kills it.
        """
        self._process = process
        self._address = address
        self._model_store = model_store
        self._timeout_s, self._linger_s = timeout_s, linger_s
        self._served: list[Version] = []  # of one model the default comes first

    def await_start(self, models: Sequence[dict[str, Any]]) -> None:
        """Returns when every model of an index has answered a golden image right.

        Raises BundleError or ServingError that says why one never will.
        """
        versions = [self._version(model) for model in models]
        for version in versions:
            self._await_right_answer(version, since=0)
        self._served = versions
        for model in models:
            (self._process.scratch / MODEL_STORE_DIR / model["archive"]).unlink()

    def change(self, models: Sequence[dict[str, Any]]) -> None:
        """Serves these models and no others; of several versions the first is the default.

        Raises BundleError or ServingError of the first model that is refused; it is served as before, the others as
        they should be.
        """
        errors: list[SaccadeError] = []
        for name in dict.fromkeys([*(model["name"] for model in models), *(old.name for old in self._served)]):
            try:
                self._change(name, [model for model in models if model["name"] == name])
            except SaccadeError as error:
                logger.warning(f"{name} stays as it is. {error}")
                errors.append(error)
        if errors:
            raise errors[0]

    def drain(self, still_taken_s: float) -> None:
        """Makes `/ping` say that the server is not ready, refuses new requests with 503, and returns when it is idle.

        still_taken_s: how long requests are still taken before they are refused.
        """
        unready = write_unready_model(self._process.scratch)
        self._process.management.register(str(unready), name=UNREADY_MODEL, workers=1)
        time.sleep(still_taken_s)
        for name in {version.name for version in self._served}:
            self._process.management.register(str(unready), name=name, workers=0)
            self._process.management.set_default(name, UNREADY_VERSION)
        for version in self._served:
            self._await_idle(version)

    def _change(self, name: str, models: Sequence[dict[str, Any]]) -> None:
        served = {old.version: old for old in self._served if old.name == name}
        new = [model for model in models if model["version"] not in served]
        for model in models:
            if model not in new and served[model["version"]].sha256 != model["sha256"]:
                raise BundleError(
                    f"{name} {model['version']} was published again with another content. Publish it as a new version."
                )
        self._served.extend([self._added(model) for model in new])
        if models:
            self._set_default(name, models[0]["version"])
        wanted = {model["version"] for model in models}
        for old in reversed([old for old in self._served if old.name == name and old.version not in wanted]):
            self._remove(old)  # the default last, as TorchServe wants it

    def _added(self, model: dict[str, Any]) -> Version:
        """Loads a version and returns when it has answered a golden image right. If it does not, it is removed."""
        management = self._process.management
        archives = self._process.scratch / MODEL_STORE_DIR
        try:
            take_archive(self._model_store, model, archives)
            version, since = self._version(model), self._process.log_bytes()
            management.register(model["archive"], workers=1, options=REGISTRATION_OPTIONS)
            try:
                self._await_right_answer(version, since)
            except BaseException:
                with contextlib.suppress(ServingError):
                    management.unregister(version.name, version.version)
                raise
        finally:
            (archives / model["archive"]).unlink(missing_ok=True)  # TorchServe has unpacked it
        logger.info(f"{version} is served.")
        return version

    def _set_default(self, name: str, version: str) -> None:
        self._process.management.set_default(name, version)
        self._served.sort(key=lambda served: (served.name, served.version) != (name, version))

    def _remove(self, version: Version) -> None:
        self._await_idle(version)
        time.sleep(self._linger_s)
        self._process.management.unregister(version.name, version.version)
        self._served.remove(version)
        logger.info(f"{version} is served no more.")

    def _await_right_answer(self, version: Version, since: int) -> None:
        """since: the length of the log, in bytes, from which on a worker's error counts."""
        deadline = time.monotonic() + self._timeout_s

        def check() -> None:
            self._process.check()
            self._process.check_worker(version.name, version.version, since)
            if time.monotonic() > deadline:
                raise ServingError(f"{version} did not answer within {self._timeout_s:.0f} s. {self._process.tail()}")

        status, body = ask(self._address, version.path, version.image, check)
        if status != http.HTTPStatus.OK or json.loads(body)["label"] != version.label:
            raise ServingError(f"{version} answers its golden image with {body[:200]!r}, not with '{version.label}'.")

    def _await_idle(self, version: Version) -> None:
        deadline = time.monotonic() + IDLE_S

        def check() -> None:
            self._process.check()
            if time.monotonic() > deadline:
                raise ServingError(f"{version} was not idle after {IDLE_S:.0f} s.")

        ask(self._address, version.path, version.image, check)

    def _version(self, model: dict[str, Any]) -> Version:
        image, label = read_golden(self._process.scratch, model)
        return Version(model["name"], model["version"], model["sha256"], image, label)
