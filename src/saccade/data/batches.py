"""Streams of images cut into batches of bounded memory, and read while the batch before is being worked on."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def batches(
    items: Iterable[Item], size_of: Callable[[Item], int], max_items: int, max_bytes: int
) -> Iterator[list[Item]]:
    """Yields the items in order, in lists of at most max_items; a list ends once it holds max_bytes or more."""
    batch: list[Item] = []
    held_bytes = 0
    for item in items:
        batch.append(item)
        held_bytes += size_of(item)
        if len(batch) >= max_items or held_bytes >= max_bytes:
            yield batch
            batch, held_bytes = [], 0
    if batch:
        yield batch


def map_in_order(function: Callable[[Item], Result], items: Iterable[Item], threads: int) -> Iterator[Result]:
    """Yields function(item) in the order of items, computed on threads; at most threads + 1 results wait."""
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[Result]] = deque()
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def ahead(items: Iterable[Item]) -> Iterator[Item]:
    """Yields the items; the next one is made on a thread while the caller works on this one."""
    iterator = iter(items)
    end = object()
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(next, iterator, end)
        while (item := future.result()) is not end:
            future = pool.submit(next, iterator, end)
            yield item  # type: ignore[misc]  # `end` is the only object that is not an Item
