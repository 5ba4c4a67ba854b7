import itertools

import pytest

from saccade.data.batches import ahead, batches, map_in_order


def test_batches_of_many_items_hold_at_most_max_items():
    assert list(batches([1, 1, 1, 1, 1], int, max_items=2, max_bytes=100)) == [[1, 1], [1, 1], [1]]


def test_batches_of_large_items_end_once_the_bytes_are_reached():
    assert list(batches([3, 3, 9, 1], int, max_items=100, max_bytes=5)) == [[3, 3], [9], [1]]


def test_batches_of_nothing_are_none():
    assert list(batches([], int, max_items=2, max_bytes=2)) == []


def test_map_in_order_on_threads_keeps_the_order():
    assert list(map_in_order(lambda number: number * number, range(50), threads=4)) == [n * n for n in range(50)]


def test_map_in_order_of_endless_items_reads_only_a_few_ahead():
    items = itertools.count()
    first = next(map_in_order(lambda number: number, items, threads=2))
    assert (first, next(items)) == (0, 3)


def test_ahead_yields_all_items_in_order():
    assert list(ahead(iter("abc"))) == ["a", "b", "c"]


def test_ahead_of_failing_items_raises_their_error():
    def failing():
        yield 1
        raise OSError("gone")

    with pytest.raises(OSError, match=r"gone"):
        list(ahead(failing()))
