import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from saccade.data.balance import MAX_COPIES, class_weights, repeated_rows


def test_class_weights_are_scikit_learns_balanced_ones():
    labels = np.repeat([0, 1, 2], [50, 30, 5])
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    assert class_weights(np.array([50, 30, 5])) == pytest.approx(expected)


def test_repeated_rows_make_all_classes_as_large_as_the_largest():
    labels = np.repeat([0, 1, 2], [10, 7, 2])
    rows = np.arange(19)
    total = np.concatenate([rows, repeated_rows(labels, rows, seed=0)])
    assert np.bincount(labels[total]).tolist() == [10, 10, 10]


def test_repeated_rows_use_every_image_equally_often_give_or_take_one():
    labels = np.repeat([0, 1], [10, 4])
    rows = np.arange(14)
    copies = np.bincount(np.concatenate([rows, repeated_rows(labels, rows, seed=3)]))[10:]
    assert sorted(copies) == [2, 2, 3, 3]


def test_repeated_rows_of_tiny_class_stop_at_the_limit():
    labels = np.repeat([0, 1], [100, 1])
    assert repeated_rows(labels, np.arange(101), seed=0).tolist() == [100] * (MAX_COPIES - 1)


def test_repeated_rows_come_from_the_training_rows_only():
    labels = np.array([0, 0, 0, 1, 1])
    assert repeated_rows(labels, np.array([0, 1, 2, 4]), seed=0).tolist() == [4, 4]


def test_repeated_rows_of_equal_classes_are_none():
    assert repeated_rows(np.array([0, 1]), np.arange(2), seed=0).tolist() == []
