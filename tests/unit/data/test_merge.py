import pytest

from saccade.core.errors import DataError, UsageError
from saccade.data.merge import allows_flip, join_classes, load_mapping
from saccade.data.sources.source import Source


def source(*labels: str, location: str = "a", allow_flip: bool = True) -> Source:
    return Source("folder", location, frozenset(labels), 0, lambda: iter(()), allow_flip=allow_flip)


def test_join_classes_of_two_sources_joins_by_name():
    assert join_classes([source("dog", "cat"), source("cat", "cow")], {}) == ["cat", "cow", "dog"]


def test_join_classes_with_mapping_joins_what_it_renames():
    assert join_classes([source("car", "cat"), source("automobile")], {"automobile": "car"}) == ["car", "cat"]


def test_join_classes_of_numbers_sorts_by_value():
    assert join_classes([source("10", "9", "x", "1")], {}) == ["1", "9", "10", "x"]


def test_join_classes_in_two_spellings_of_case_names_both():
    with pytest.raises(DataError, match=r"two spellings, 'Cat' and 'cat'.*--mapping"):
        join_classes([source("cat", "dog"), source("Cat", location="b")], {})


def test_join_classes_in_two_spellings_that_the_mapping_joins_are_one():
    assert join_classes([source("cat", "Cat", "dog")], {"Cat": "cat"}) == ["cat", "dog"]


def test_join_classes_with_one_class_names_it():
    with pytest.raises(DataError, match=r"'a' has one class only, 'cat'"):
        join_classes([source("cat")], {})


def test_join_classes_with_mapping_of_unknown_class_names_the_nearest():
    with pytest.raises(DataError, match=r"renames 'automobil'.*Did you mean 'automobile'"):
        join_classes([source("automobile", "cat")], {"automobil": "car"})


def test_allows_flip_of_letters_is_false():
    assert not allows_flip([source()], ["a", "b"])


def test_allows_flip_of_words_follows_the_sources():
    assert allows_flip([source()], ["cat", "dog"])
    assert not allows_flip([source(), source(allow_flip=False)], ["cat", "dog"])


@pytest.mark.parametrize(
    ("name", "text"), [("map.toml", '"pick-up" = "truck"\n'), ("map.json", '{"pick-up": "truck"}')]
)
def test_load_mapping_of_toml_and_json_gives_the_names(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert load_mapping(tmp_path / name) == {"pick-up": "truck"}


@pytest.mark.parametrize("text", ['[cars]\n"a" = "b"\n', '"a" = 1\n', "a b c", '"a" = ""\n'])
def test_load_mapping_of_anything_but_names_shows_the_form(tmp_path, text):
    (tmp_path / "map.toml").write_text(text)
    with pytest.raises(DataError, match=r"Write one line for each class"):
        load_mapping(tmp_path / "map.toml")


def test_load_mapping_of_missing_file_names_it(tmp_path):
    with pytest.raises(UsageError, match=r"nothing\.toml"):
        load_mapping(tmp_path / "nothing.toml")
