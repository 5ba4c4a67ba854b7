"""What a user can do wrong, each with a clear error, and nothing left behind."""

import os
import zipfile

import pytest

from saccade.core.errors import DataError, StorageError, UsageError
from saccade.data.bundle import DatasetBundle
from saccade.steps.import_images import import_images


def test_import_of_missing_path_is_wrong_use(tmp_path):
    with pytest.raises(UsageError, match=r"nothing' does not exist"):
        import_images([str(tmp_path / "nothing")], tmp_path / "out")


def test_import_of_one_class_names_it(image_folder, tmp_path):
    with pytest.raises(DataError, match=r"has one class only, 'cat'"):
        import_images([str(image_folder({"cat": 3}))], tmp_path / "out")


def test_import_of_class_with_one_image_is_refused_and_named(image_folder, tmp_path):
    root = image_folder({"cat": 3, "dog": 1})
    with pytest.raises(DataError, match=r"Class 'dog' has one usable image"):
        import_images([str(root)], tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["images"]


def test_import_of_class_with_one_training_image_and_a_given_test_split_is_accepted(image_folder, tmp_path):
    root = image_folder({"train/cat": 3, "train/dog": 1, "test/dog": 1})
    assert import_images([str(root)], tmp_path / "out")["counts"]["train"] == {"cat": 3, "dog": 1}


def test_import_of_zip_without_class_folders_says_how_to_lay_out(tmp_path, encode):
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.writestr("n01440764_tench.JPEG", encode(0))
        archive.writestr("n01496331_electric_ray.JPEG", encode(1))
    with pytest.raises(DataError, match=r"photos.zip' holds 2 files but no class folders. Put every image in a folder"):
        import_images([str(tmp_path / "photos.zip")], tmp_path / "out")


def test_import_of_class_in_two_spellings_names_both(image_folder, tmp_path):
    with pytest.raises(DataError, match=r"two spellings, 'Cat' and 'cat'"):
        import_images([str(image_folder({"Cat": 2, "cat": 2, "dog": 2}))], tmp_path / "out")


def test_import_of_class_that_training_lacks_names_it(image_folder, tmp_path):
    root = image_folder({"train/cat": 2, "train/dog": 2, "test/cow": 2})
    with pytest.raises(DataError, match=r"Class 'cow' has 2 images in test but none in train"):
        import_images([str(root)], tmp_path / "out")


def test_import_of_class_whose_files_are_all_bad_shows_them(image_folder, tmp_path):
    root = image_folder({"cat": 3, "dog": 3, "cow": 0})
    (root / "cow/1.jpg").write_text("moo")
    with pytest.raises(DataError, match=r"Class 'cow' has no usable image. .*1 not_an_image. 'cow/1.jpg'"):
        import_images([str(root)], tmp_path / "out")


def test_import_of_mostly_bad_files_counts_them_and_leaves_nothing(image_folder, tmp_path):
    root = image_folder({"cat": 2, "dog": 2})
    for number in range(5):
        (root / f"cat/{number}.txt").write_text("x")
    with pytest.raises(DataError, match=r"5 of 9 files cannot be used: 5 not_an_image. 'cat/0.txt'"):
        import_images([str(root)], tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["images"]


def test_import_of_only_bad_files_is_refused(image_folder, tmp_path):
    root = image_folder({"cat": 0, "dog": 0})
    (root / "cat/1.jpg").touch()
    (root / "dog/1.jpg").touch()
    with pytest.raises(DataError, match=r"2 of 2 files cannot be used: 2 empty"):
        import_images([str(root)], tmp_path / "out")


def test_import_of_the_same_image_under_all_classes_is_refused(image_folder, tmp_path):
    root = image_folder({"cat": 1, "dog": 0})
    (root / "dog/0.jpg").write_bytes((root / "cat/0.jpg").read_bytes())
    with pytest.raises(DataError, match=r"Class 'cat' has no usable image. .*1 conflicting"):
        import_images([str(root)], tmp_path / "out")


def test_import_of_strange_file_names_keeps_them(image_folder, tmp_path, encode):
    root = image_folder({"cat": 5, "dog": 5})
    (root / "cat/😺.jpg").write_bytes(encode(50))
    (root / os.fsdecode(b"cat/\xe9.jpg")).write_bytes(encode(51))
    (root / "cat/new\nline.jpg").write_bytes(encode(52))
    import_images([str(root)], tmp_path / "out")
    found = set(DatasetBundle.open(tmp_path / "out").index["name"].to_pylist())
    assert {"cat/😺.jpg", r"cat/\xe9.jpg", r"cat/new\x0aline.jpg"} < found


def test_import_into_its_own_source_is_refused(image_folder):
    root = image_folder({"cat": 2, "dog": 2})
    with pytest.raises(UsageError, match=r"lies inside the images"):
        import_images([str(root)], root / "out")


def test_import_to_a_full_disk_leaves_the_older_bundle_and_nothing_else(image_folder, mount):
    disk = mount("size=256k")
    import_images([str(image_folder({"cat": 2, "dog": 2}))], disk / "out")
    root = image_folder({"cow": 40, "emu": 40}, name="large", size=(60, 60))
    with pytest.raises(StorageError, match=r"the disk is full"):
        import_images([str(root)], disk / "out")
    assert [path.name for path in disk.iterdir()] == ["out"]
    assert DatasetBundle.open(disk / "out").info.classes == ["cat", "dog"]


def test_import_to_a_read_only_disk_says_so(image_folder, mount):
    with pytest.raises(StorageError, match=r"read-only"):
        import_images([str(image_folder({"cat": 2, "dog": 2}))], mount("ro") / "out")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_import_to_a_directory_without_permission_says_so(image_folder, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(StorageError, match=r"permission denied"):
        import_images([str(image_folder({"cat": 2, "dog": 2}))], tmp_path / "locked/out")
