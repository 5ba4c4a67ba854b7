from saccade.data.duplicates import Copy, find_copies


def test_find_copies_in_one_class_and_split_keeps_the_first():
    assert find_copies(["a", "b", "a", "a"], [0, 0, 0, 0], ["train"] * 4) == [
        Copy(2, "duplicate", 0),
        Copy(3, "duplicate", 0),
    ]


def test_find_copies_without_split_counts_as_train():
    assert find_copies(["a", "a"], [0, 0], [None, "train"]) == [Copy(1, "duplicate", 0)]


def test_find_copies_of_a_test_image_leave_train_and_validation():
    assert find_copies(["a", "a", "a"], [0, 0, 0], ["train", "val", "test"]) == [
        Copy(0, "leak", 2),
        Copy(1, "leak", 2),
    ]


def test_find_copies_of_a_test_image_under_another_class_leave_train():
    assert find_copies(["a", "a"], [0, 1], ["train", "test"]) == [Copy(0, "leak", 1)]


def test_find_copies_of_a_validation_image_leave_train():
    assert find_copies(["a", "a", "a"], [0, 0, 0], ["train", "val", "val"]) == [
        Copy(0, "leak", 1),
        Copy(2, "duplicate", 1),
    ]


def test_find_copies_within_test_leave_it_alone():
    assert find_copies(["a", "a"], [0, 1], ["test", "test"]) == []


def test_find_copies_under_two_classes_leave_out_both():
    assert find_copies(["a", "b", "a"], [0, 0, 1], ["train"] * 3) == [
        Copy(0, "conflicting", 2),
        Copy(2, "conflicting", 0),
    ]


def test_find_copies_of_different_images_are_none():
    assert find_copies(["a", "b"], [0, 0], ["train", "train"]) == []
