import pytest

from saccade.core.errors import DataError
from saccade.data.sources.layout import Place, arrange, class_name, is_litter


def test_arrange_class_folders_takes_the_top_folder_as_class():
    assert arrange(["cat/1.jpg", "dog/a/b/2.jpg"], "x") == [Place("cat", None), Place("dog", None)]


def test_arrange_split_folders_takes_split_and_class():
    assert arrange(["Train/cat/1.jpg", "testing/cat/2.jpg", "dev/cat/3.jpg"], "x") == [
        Place("cat", "train"),
        Place("cat", "test"),
        Place("cat", "val"),
    ]


def test_arrange_looks_through_one_folder_around_everything():
    names = ["data/README.md", "data/set/cat/1.jpg", "data/set/dog/1.jpg"]
    assert arrange(names, "x") == [Place(None, None), Place("cat", None), Place("dog", None)]


def test_arrange_file_beside_class_folders_has_no_class():
    assert arrange(["labels.txt", "cat/1.jpg"], "x")[0] == Place(None, None)


def test_arrange_file_beside_class_folders_in_a_split_has_no_class():
    assert arrange(["train/1.jpg", "train/cat/1.jpg"], "x")[0] == Place(None, "train")


def test_arrange_one_class_folder_with_images_is_that_class():
    assert arrange(["cat/1.jpg", "cat/more/2.jpg"], "x") == [Place("cat", None)] * 2


def test_arrange_without_folders_says_how_to_lay_out():
    with pytest.raises(DataError, match=r"'x' holds 2 files but no class folders. Put every image in a folder"):
        arrange(["1.jpg", "2.jpg"], "x")


def test_arrange_split_without_class_folders_says_how_to_lay_out():
    with pytest.raises(DataError, match=r"no class folders"):
        arrange(["train/1.jpg", "test/2.jpg"], "x")


def test_arrange_split_beside_other_folder_names_both():
    with pytest.raises(DataError, match=r"split folder 'train' beside 'eval'"):
        arrange(["train/cat/1.jpg", "eval/cat/1.jpg"], "x")


def test_class_name_of_decomposed_letters_is_composed():
    assert class_name("cafe\u0301") == "caf\u00e9"


@pytest.mark.parametrize("name", [".DS_Store", "cat/.hidden/1.jpg", "__MACOSX/cat/1.jpg", "cat/Thumbs.db"])
def test_is_litter_of_hidden_and_system_files_is_true(name):
    assert is_litter(name)


def test_is_litter_of_an_image_is_false():
    assert not is_litter("cat.1/1.jpg")
