import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saccade.core.errors import DataError
from saccade.data.split import draw, held_out_for_test, held_out_for_validation


def digests(count: int) -> list[str]:
    return [f"{number * 7919 % count:04}" for number in range(count)]


def test_held_out_for_test_of_classes_are_a_fifth_and_at_least_one():
    assert held_out_for_test(np.array([2, 4, 10, 100]), "abcd").tolist() == [1, 1, 2, 20]


def test_held_out_for_test_of_class_with_one_image_name_it():
    with pytest.raises(DataError, match=r"Class 'b' has one usable image"):
        held_out_for_test(np.array([5, 1]), ["a", "b"])


def test_held_out_for_validation_of_cifar_10_are_2000_in_equal_parts():
    assert held_out_for_validation(np.full(10, 5_000)).tolist() == [200] * 10


def test_held_out_for_validation_of_unequal_classes_follow_their_size():
    # A tenth of 100 is 10; shares 6, 3 and 1.
    assert held_out_for_validation(np.array([60, 30, 10])).tolist() == [6, 3, 1]


def test_held_out_for_validation_give_the_rest_to_the_largest_remainders():
    # A tenth of 31 is 3; shares 1.35, 1.06, 0.58: the third is owed most.
    assert held_out_for_validation(np.array([14, 11, 6])).tolist() == [1, 1, 1]


def test_held_out_for_validation_of_tiny_classes_leave_one_for_training():
    assert held_out_for_validation(np.array([1, 2, 3])).tolist() == [0, 1, 1]


@given(st.lists(st.integers(1, 500), min_size=1, max_size=20))
def test_held_out_for_validation_of_any_classes_leave_training_images(counts):
    held_out = held_out_for_validation(np.array(counts))
    assert np.all(held_out < np.array(counts))


def test_draw_takes_so_many_of_each_class():
    labels = np.array([0] * 10 + [1] * 5)
    chosen = draw(labels, digests(15), np.array([3, 2]), 0, "test")
    assert np.bincount(labels[chosen]).tolist() == [3, 2]


def test_draw_of_reordered_rows_takes_the_same_images():
    labels, names = np.array([0, 1] * 10), digests(20)
    order = np.random.default_rng(1).permutation(20)
    first = draw(labels, names, np.array([3, 4]), 5, "test")
    second = draw(labels[order], [names[row] for row in order], np.array([3, 4]), 5, "test")
    assert first[order].tolist() == second.tolist()


def test_draw_with_another_seed_takes_other_images():
    labels = np.zeros(100, np.int64)
    first, second = (draw(labels, digests(100), np.array([50]), seed, "test") for seed in (0, 1))
    assert first.tolist() != second.tolist()
