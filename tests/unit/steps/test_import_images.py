import shutil

import numpy as np

from saccade.core.artifacts import INDEX_SCHEMA, REJECTED_SCHEMA
from saccade.data.bundle import DatasetBundle
from saccade.steps.import_images import import_images


def rejected(path):
    rows = DatasetBundle.open(path).rejected.to_pylist()
    return {(row["name"], row["reason"]) for row in rows}


def names(path, split):
    bundle = DatasetBundle.open(path)
    return set(np.array(bundle.index["name"].to_pylist())[bundle.indices(split)])


def test_import_of_given_splits_keeps_every_image_where_it_was(image_folder, tmp_path):
    root = image_folder({"train/cat": 5, "train/dog": 4, "val/cat": 1, "val/dog": 1, "test/cat": 2, "test/dog": 3})
    result = import_images([str(root)], tmp_path / "out")
    bundle = DatasetBundle.open(tmp_path / "out")
    assert bundle.info.counts == {
        "train": {"cat": 5, "dog": 4},
        "val": {"cat": 1, "dog": 1},
        "test": {"cat": 2, "dog": 3},
    }
    for name, split, label in zip(
        *(bundle.index[column].to_pylist() for column in ("name", "split", "label")), strict=True
    ):
        assert name.startswith(f"{split}/{bundle.info.classes[label]}/")
    assert (result["images"], result["counts"], result["rejected"]) == (16, bundle.info.counts, {})


def test_import_writes_the_files_bytes_and_facts(image_folder, tmp_path):
    root = image_folder({"cat": 5, "dog": 5}, size=(31, 17))
    import_images([str(root)], tmp_path / "out")
    bundle = DatasetBundle.open(tmp_path / "out")
    assert bundle.index.schema == INDEX_SCHEMA
    assert bundle.rejected.schema == REJECTED_SCHEMA
    assert bundle.index["id"].to_pylist() == list(range(10))
    assert set(bundle.index["width"].to_pylist()) == {31}
    assert bundle.images(range(10)) == [(root / name).read_bytes() for name in bundle.index["name"].to_pylist()]


def test_import_without_test_split_draws_a_fifth_of_each_class(image_folder, tmp_path):
    root = image_folder({"cat": 20, "dog": 10, "cow": 2})
    counts = import_images([str(root)], tmp_path / "out")["counts"]
    assert counts == {"train": {"cat": 16, "cow": 1, "dog": 8}, "test": {"cat": 4, "cow": 1, "dog": 2}}


def test_import_of_given_validation_split_draws_test_from_train_only(image_folder, tmp_path):
    root = image_folder({"train/cat": 10, "train/dog": 10, "val/cat": 5, "val/dog": 5})
    import_images([str(root)], tmp_path / "out")
    assert all(name.startswith("train/") for name in names(tmp_path / "out", "test"))
    assert len(names(tmp_path / "out", "val")) == 10


def test_import_of_same_images_as_folder_and_zip_has_one_content_id(image_folder, tmp_path):
    root = image_folder({"cat": 10, "dog": 10})
    archive = shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path, "images")
    ids = [import_images([source], tmp_path / "out")["content_id"] for source in (str(root), archive)]
    assert ids[0] == ids[1]


def test_import_with_another_seed_draws_another_test_split(image_folder, tmp_path):
    root = image_folder({"cat": 20, "dog": 20})
    ids = {import_images([str(root)], tmp_path / "out", seed=seed)["content_id"] for seed in (0, 1, 0)}
    assert len(ids) == 2


def test_import_of_two_sources_joins_classes_by_mapping(image_folder, tmp_path):
    first = image_folder({"train/car": 3, "train/cat": 3, "test/car": 1, "test/cat": 1}, name="first")
    second = image_folder({"automobile": 2, "cow": 2}, name="second", size=(300, 200))
    (tmp_path / "map.toml").write_text('automobile = "car"\n')
    result = import_images([str(first), str(second)], tmp_path / "out", mapping=tmp_path / "map.toml")
    assert result["counts"] == {"train": {"car": 5, "cat": 3, "cow": 2}, "test": {"car": 1, "cat": 1, "cow": 0}}
    assert [source["location"] for source in DatasetBundle.open(tmp_path / "out").info.sources] == [
        str(first),
        str(second),
    ]


def test_import_of_bad_files_lists_every_one_with_its_reason(image_folder, tmp_path, encode):
    root = image_folder({"cat": 10, "dog": 10})
    (root / "cat/empty.jpg").touch()
    (root / "cat/text.jpg").write_text("not a picture")
    (root / "dog/cut.jpg").write_bytes(encode(99, (200, 200))[:5_000])
    (root / "loose.jpg").write_bytes(encode(98))
    (root / ".hidden.jpg").write_bytes(encode(97))
    result = import_images([str(root)], tmp_path / "out")
    assert rejected(tmp_path / "out") == {
        ("cat/empty.jpg", "empty"),
        ("cat/text.jpg", "not_an_image"),
        ("dog/cut.jpg", "unreadable"),
        ("loose.jpg", "unlabelled"),
    }
    assert result["rejected"] == {"empty": 1, "not_an_image": 1, "unreadable": 1, "unlabelled": 1}
    assert (result["images"], result["ignored"]) == (20, 1)


def test_import_of_copies_keeps_test_whole_and_lists_the_rest(image_folder, tmp_path):
    root = image_folder({"train/cat": 6, "train/dog": 6, "test/cat": 2, "test/dog": 2})
    shutil.copy(root / "train/cat/0.jpg", root / "train/cat/copy.jpg")
    shutil.copy(root / "test/dog/0.jpg", root / "train/dog/leak.jpg")
    shutil.copy(root / "train/cat/1.jpg", root / "train/dog/conflict.jpg")
    shutil.copy(root / "test/cat/1.jpg", root / "test/cat/copy.jpg")
    result = import_images([str(root)], tmp_path / "out")
    assert rejected(tmp_path / "out") == {
        ("train/cat/copy.jpg", "duplicate"),
        ("train/dog/leak.jpg", "leak"),
        ("train/cat/1.jpg", "conflicting"),
        ("train/dog/conflict.jpg", "conflicting"),
    }
    assert result["counts"] == {"train": {"cat": 5, "dog": 6}, "test": {"cat": 3, "dog": 2}}


def test_import_after_dropping_copies_still_finds_every_image(image_folder, tmp_path):
    root = image_folder({"cat": 10, "dog": 10})
    shutil.copy(root / "cat/3.jpg", root / "cat/30.jpg")
    import_images([str(root)], tmp_path / "out")
    bundle = DatasetBundle.open(tmp_path / "out")
    assert bundle.index["id"].to_pylist() == list(range(20))
    assert bundle.images(range(20)) == [(root / name).read_bytes() for name in bundle.index["name"].to_pylist()]


def test_import_of_nothing_is_the_digits(tmp_path):
    result = import_images([], tmp_path / "out")
    bundle = DatasetBundle.open(tmp_path / "out")
    assert (result["classes"], bundle.info.allow_flip) == ([str(digit) for digit in range(10)], False)
    assert result["images"] + sum(result["rejected"].values()) == 1797


def test_import_over_an_older_bundle_replaces_it(image_folder, tmp_path):
    import_images([str(image_folder({"cat": 3, "dog": 3}))], tmp_path / "out")
    import_images([str(image_folder({"cow": 2, "emu": 2}, name="other"))], tmp_path / "out")
    assert DatasetBundle.open(tmp_path / "out").info.classes == ["cow", "emu"]
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == ["out"]
