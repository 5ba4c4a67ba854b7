"""One version of one model while it is served: its queue, its answers, its capture, and who still waits for it."""

import asyncio
import contextlib
from collections.abc import Iterator
from concurrent.futures import Executor
from typing import Any

from saccade.core.errors import BundleError
from saccade.serving.answers import answer_documents
from saccade.serving.kserve.batching import Batcher, BatchLimits
from saccade.serving.kserve.loading import LoadedModel
from saccade.serving.kserve.telemetry import ModelTelemetry
from saccade.serving.protocol import PROBE_REQUEST_ID, Request, v2_document
from saccade.serving.request_log import Call
from saccade.serving.trace import continued_trace


class ServedModel:
    """Answers requests. Lives in one event loop; close it when no new request can find it."""

    def __init__(self, loaded: LoadedModel, limits: BatchLimits, telemetry: ModelTelemetry, threads: Executor) -> None:
        """threads: that all models share, because each of them uses every core."""
        self.info, self.digest = loaded.predictor.info, loaded.digest
        self.golden, self.golden_label = loaded.golden, loaded.golden_label
        self.outputs: list[dict[str, Any]] = []  # as V2 describes them; known with the first answer
        self.metrics = telemetry.metrics
        self._telemetry = telemetry
        self._batcher = Batcher(loaded.predictor.predict, limits, telemetry.metrics, threads)
        self._users = 0
        self._unused = asyncio.Event()
        self._unused.set()

    @property
    def queued_images(self) -> int:
        """Images that wait for a batch."""
        return self._batcher.queued_images

    @contextlib.contextmanager
    def used(self) -> Iterator["ServedModel"]:
        """Keeps the model alive while a request needs it."""
        self._users += 1
        self._unused.clear()
        try:
            yield self
        finally:
            self._users -= 1
            if not self._users:
                self._unused.set()

    async def answer(self, request: Request, call: Call) -> list[dict[str, Any]]:
        """Returns a document an image. Raises RequestError when an image is bad or there is no room."""
        answers = await self._batcher.predict(request.images)
        documents = answer_documents(answers, self.info, call.request_id)
        self._telemetry.answered(request, answers, call)
        if not self.outputs:
            self.outputs = _described(v2_document(documents, call.request_id)["outputs"])
        return documents

    async def check_golden(self) -> None:
        """Asks as a request would. Raises BundleError for a wrong answer, RequestError for none."""
        (document,) = await self.answer(
            Request("raw", (self.golden,)), Call.start("raw", PROBE_REQUEST_ID, continued_trace((), ()))
        )
        if document["label"] != self.golden_label:
            raise BundleError(
                f"Model '{self.info.name}' {self.info.version} answers its golden image with '{document['label']}', "
                f"not '{self.golden_label}'. Evaluate it again."
            )

    def metadata(self) -> dict[str, Any]:
        """The model as V2 describes it, but for its versions."""
        return {
            "name": self.info.name,
            "platform": f"saccade_{self.info.engine['kind']}",
            "inputs": [{"name": "image", "datatype": "BYTES", "shape": [-1]}],
            "outputs": self.outputs,
        }

    async def close(self) -> None:
        """Answers the requests that use the model and gives up its queue."""
        await self._unused.wait()
        await self._batcher.close()


def _described(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Outputs of one answer as they are for any number of images."""
    return [
        {"name": output["name"], "datatype": output["datatype"], "shape": [-1, *output["shape"][1:]]}
        for output in outputs
    ]
