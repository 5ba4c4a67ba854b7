"""The queue in front of a predictor, here one that answers with the length of each image."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client.parser import text_string_to_metric_families

from saccade.core.artifacts import BUNDLE_JSON, BundleInfo
from saccade.core.errors import UsageError
from saccade.serving.kserve.batching import CALLS, Batcher, BatchLimits
from saccade.serving.metrics import Metrics
from saccade.serving.request_error import RequestError


class Lengths:
    """A predictor that waits until it may go on, and remembers its batches."""

    def __init__(self) -> None:
        self.batches: list[list[bytes]] = []
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def predict(self, images: list[bytes]) -> list[int]:
        self.batches.append(images)
        self.may_go_on.wait(30)
        if b"poison" in images:
            raise RuntimeError("engine at 0x7f00 is broken")
        return [len(image) for image in images]


@pytest.fixture
def predictor() -> Lengths:
    return Lengths()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def run(predictor, metrics, colour_bundle) -> Callable[..., object]:
    """run(work, limits): what `await work(batcher)` returns."""

    def in_a_loop(work: Callable[[Batcher], Awaitable[object]], limits: BatchLimits | None = None) -> object:
        async def main() -> object:
            model_metrics = metrics.model(BundleInfo.load(colour_bundle / BUNDLE_JSON), "f32")
            thread = ThreadPoolExecutor(CALLS)
            batcher = Batcher(predictor.predict, limits or BatchLimits(), model_metrics, thread)
            try:
                return await work(batcher)
            finally:
                await batcher.close()
                thread.shutdown()

        return asyncio.run(main())

    return in_a_loop


async def waiting(batcher: Batcher, images: int) -> None:
    while batcher.queued_images != images:
        await asyncio.sleep(0.001)


async def every_call_busy(batcher: Batcher, predictor: Lengths) -> list[asyncio.Task[list[int]]]:
    """Sends one image a call. They are under way, and stay so until predictor.may_go_on is set."""
    predictor.may_go_on.clear()
    tasks = []
    for number in range(CALLS):
        tasks.append(asyncio.create_task(batcher.predict([b"1"])))
        while len(predictor.batches) <= number:
            await asyncio.sleep(0.001)
    return tasks


def test_answers_come_in_the_order_of_the_images(run):
    assert run(lambda batcher: batcher.predict([b"333", b"1", b"22"])) == [3, 1, 2]


def test_what_arrives_during_a_call_shares_the_next_batch(run, predictor):
    async def work(batcher: Batcher) -> list[list[int]]:
        first = await every_call_busy(batcher, predictor)
        others = [asyncio.create_task(batcher.predict([b"x" * size])) for size in range(2, 8)]
        await waiting(batcher, 6)
        predictor.may_go_on.set()
        return [await task for task in (*first, *others)]

    assert run(work) == [*[[1]] * CALLS, [2], [3], [4], [5], [6], [7]]
    assert [len(batch) for batch in predictor.batches] == [*[1] * CALLS, 6]


def test_large_request_is_cut_into_batches_of_the_limit(run, predictor):
    images = [b"x" * size for size in range(1, 11)]
    assert run(lambda batcher: batcher.predict(images), BatchLimits(max_images=4)) == list(range(1, 11))
    assert sorted(len(batch) for batch in predictor.batches) == [2, 4, 4]


def test_short_batch_waits_for_company_after_a_shared_one(run, predictor):
    async def work(batcher: Batcher) -> None:
        await batcher.predict([b"a", b"b"])
        first = asyncio.create_task(batcher.predict([b"c"]))
        await asyncio.sleep(0.01)
        await batcher.predict([b"d"])
        await first

    run(work, BatchLimits(max_images=2, max_delay_s=30))
    assert predictor.batches == [[b"a", b"b"], [b"c", b"d"]]


def test_full_queue_refuses_the_whole_request(run, predictor):
    async def work(batcher: Batcher) -> list[int]:
        first = await every_call_busy(batcher, predictor)
        queued = asyncio.create_task(batcher.predict([b"1"] * 96))
        await waiting(batcher, 96)
        with pytest.raises(RequestError, match=r"96 images wait already; 33 more .* 128") as caught:
            await batcher.predict([b"2"] * 33)
        assert (caught.value.code, caught.value.http_status) == ("overloaded", 503)
        accepted = asyncio.create_task(batcher.predict([b"22"] * 32))
        predictor.may_go_on.set()
        await asyncio.gather(*first)
        return [*await queued, *await accepted]

    assert run(work, BatchLimits(queue_images=128)) == [1] * 96 + [2] * 32


def test_image_of_a_client_that_left_is_not_computed(run, predictor):
    async def work(batcher: Batcher) -> list[int]:
        first = await every_call_busy(batcher, predictor)
        gone = asyncio.create_task(batcher.predict([b"gone"]))
        stays = asyncio.create_task(batcher.predict([b"22"]))
        await waiting(batcher, 2)
        gone.cancel()
        await asyncio.sleep(0)
        predictor.may_go_on.set()
        await asyncio.gather(*first)
        return await stays

    assert run(work) == [2]
    assert predictor.batches == [*[[b"1"]] * CALLS, [b"22"]]


def test_failed_batch_fails_its_requests_and_no_later_one(run):
    async def work(batcher: Batcher) -> list[int]:
        with pytest.raises(RequestError) as caught:
            await batcher.predict([b"poison", b"1"])
        assert (caught.value.code, caught.value.http_status) == ("internal", 500)
        assert "0x" not in str(caught.value)
        return await batcher.predict([b"22"])

    assert run(work) == [2]


def test_batches_are_counted_and_timed(run, metrics):
    run(lambda batcher: batcher.predict([b"x"] * 5), BatchLimits(max_images=4))
    text = metrics.scrape("")[0].decode()
    samples = {
        sample.name: sample.value for family in text_string_to_metric_families(text) for sample in family.samples
    }
    assert (samples["saccade_batch_images_count"], samples["saccade_batch_images_sum"]) == (2, 5)
    assert (samples["saccade_queue_seconds_count"], samples["saccade_predict_seconds_count"]) == (5, 2)


@pytest.mark.parametrize("impossible", [{"max_images": 0}, {"max_delay_s": -1.0}, {"queue_images": 127}])
def test_impossible_limits_are_refused(impossible):
    with pytest.raises(UsageError, match="cannot work"):
        BatchLimits(**impossible)
