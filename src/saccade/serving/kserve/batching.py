"""Images of concurrent requests, whatever their protocol, become batches of one predictor."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from saccade.core.errors import UsageError
from saccade.core.log import logger
from saccade.serving.metrics import ModelMetrics
from saccade.serving.protocol import MAX_IMAGES_PER_REQUEST
from saccade.serving.request_error import RequestError


@dataclass(frozen=True)
class BatchLimits:
    """How many images share a call, how long the first of them waits for more, and how many may wait at all."""

    max_images: int = 32
    max_delay_s: float = 0.001
    queue_images: int = 512

    def __post_init__(self) -> None:
        if self.max_images < 1 or self.max_delay_s < 0 or self.queue_images < MAX_IMAGES_PER_REQUEST:
            raise UsageError(
                f"{self} cannot work: a batch has at least 1 image, a delay is not negative, and the queue must hold "
                f"the {MAX_IMAGES_PER_REQUEST} images that one request may bring."
            )


@dataclass(frozen=True)
class _Waiting:
    image: bytes
    answer: asyncio.Future[Any]
    since: float


CALLS = 2  # under way at once: while the answers of one are written, the other keeps every core busy


class Batcher:
    """One queue in front of predict, which is called in threads and uses every core itself.

    What arrives during the calls fills the next batch. To be made, used and closed in one event loop.
    """

    def __init__(
        self,
        predict: Callable[[list[bytes]], list[Any]],
        limits: BatchLimits,
        metrics: ModelMetrics,
        threads: Executor,
    ) -> None:
        """predict: returns one answer an image, in order.   threads: CALLS of them, for the batchers of all models."""
        self._predict, self._limits, self._metrics = predict, limits, metrics
        self._queue: deque[_Waiting] = deque()
        self._arrived = asyncio.Event()
        self._last_images = 0
        self._loop = asyncio.get_running_loop()
        self._threads = threads
        self._may_call = asyncio.Semaphore(CALLS)
        self._calls: set[asyncio.Task[None]] = set()
        self._task = asyncio.create_task(self._run())

    @property
    def queued_images(self) -> int:
        """Images that wait for a batch."""
        return len(self._queue)

    async def predict(self, images: Sequence[bytes]) -> list[Any]:
        """Returns one answer an image, in order. A request of many images may be spread over several batches.

        Raises RequestError 503 when the queue has no room for all of them, or when the predictor fails as a whole: 500.
        """
        if len(self._queue) + len(images) > self._limits.queue_images:
            raise RequestError(
                "overloaded",
                f"{len(self._queue)} images wait already; {len(images)} more would pass the limit of "
                f"{self._limits.queue_images}. Try again later.",
                HTTPStatus.SERVICE_UNAVAILABLE,
            )
        now = time.monotonic()  # the loop's own clock, uvloop's, goes in steps of 1 ms
        answers = [self._loop.create_future() for _ in images]
        self._queue.extend(_Waiting(image, answer, now) for image, answer in zip(images, answers, strict=True))
        self._arrived.set()
        return await asyncio.gather(*answers) if len(answers) > 1 else [await answers[0]]

    async def close(self) -> None:
        """Ends the work after its batches. Call it when no request is under way any more."""
        self._task.cancel()
        await asyncio.gather(self._task, *self._calls, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            while not self._queue:
                self._arrived.clear()
                await self._arrived.wait()
            await self._may_call.acquire()
            await self._let_more_come()
            call = asyncio.create_task(self._answer(self._take()))
            self._calls.add(call)
            call.add_done_callback(self._call_ended)

    def _call_ended(self, call: asyncio.Task[None]) -> None:
        self._calls.discard(call)
        self._may_call.release()

    async def _let_more_come(self) -> None:
        """Waits for a full batch, at most max_delay_s. A lone client, whose last batch was one image, need not wait."""
        if self._last_images <= 1:
            return
        left_s = self._queue[0].since + self._limits.max_delay_s - time.monotonic()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(left_s):
                while len(self._queue) < self._limits.max_images:
                    self._arrived.clear()
                    await self._arrived.wait()

    def _take(self) -> list[_Waiting]:
        """Removes the next batch from the queue, and images whose client is gone."""
        batch: list[_Waiting] = []
        while self._queue and len(batch) < self._limits.max_images:
            waiting = self._queue.popleft()
            if not waiting.answer.done():
                batch.append(waiting)
        return batch

    async def _answer(self, batch: list[_Waiting]) -> None:
        if not batch:
            return
        self._last_images = len(batch)
        started = time.monotonic()
        self._metrics.images_taken([started - waiting.since for waiting in batch])
        images = [waiting.image for waiting in batch]
        try:
            answers = await self._loop.run_in_executor(self._threads, self._predict, images)
        except Exception as error:
            logger.exception(f"A batch of {len(batch)} images failed as a whole.")
            _fail(batch, error)
            return
        self._metrics.batch_predicted(len(batch), time.monotonic() - started)
        for waiting, answer in zip(batch, answers, strict=True):
            if not waiting.answer.done():
                waiting.answer.set_result(answer)


def _fail(batch: list[_Waiting], error: Exception) -> None:
    for waiting in batch:
        if not waiting.answer.done():
            failure = RequestError("internal", "The model failed. The server's log says why.", 500)
            failure.__cause__ = error
            waiting.answer.set_exception(failure)
