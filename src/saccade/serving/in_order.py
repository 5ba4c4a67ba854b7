"""Calls under way at once whose results come in order, from any number of items in bounded memory."""

import contextlib
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(call: Callable[[Item], Result], items: Iterable[Item], concurrency: int) -> Iterator[Result]:
    """Yields call(item) for each item, in order, as soon as it and those before it are there.

    concurrency: calls under way at once; at most twice as many items are taken ahead of what was yielded.
    An error of a call is raised in its place, and what is not begun by then is dropped.
    """
    tasks: queue.SimpleQueue[tuple[Item, Future[Result]] | None] = queue.SimpleQueue()
    ahead: deque[Future[Result]] = deque()
    for _ in range(concurrency):
        # Daemons, unlike those of ThreadPoolExecutor: a call that hangs must not hold up Ctrl-C.
        threading.Thread(target=_work, args=(call, tasks), daemon=True).start()
    try:
        for item in items:
            ahead.append(Future())
            tasks.put((item, ahead[-1]))
            while ahead and (ahead[0].done() or len(ahead) == 2 * concurrency):
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        with contextlib.suppress(queue.Empty):
            while True:
                tasks.get_nowait()
        for _ in range(concurrency):
            tasks.put(None)


def _work(call: Callable[[Item], Result], tasks: queue.SimpleQueue[tuple[Item, Future[Result]] | None]) -> None:
    while (task := tasks.get()) is not None:
        item, future = task
        try:
            future.set_result(call(item))
        except BaseException as error:  # the caller's thread raises it
            future.set_exception(error)
        del task, item, future  # an image is not kept until the next comes
