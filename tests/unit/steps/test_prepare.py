import io

import numpy as np
import pytest
from PIL import Image

from saccade.core.artifacts import INDEX_SCHEMA
from saccade.core.errors import BundleError, SpecError, StorageError, UsageError
from saccade.data.bundle import DatasetBundle
from saccade.preprocess.spec import PreprocessSpec
from saccade.steps.import_images import import_images
from saccade.steps.prepare import choose_size, geometry_lines, prepare


@pytest.fixture
def imported(image_folder, tmp_path):
    """imported({"cat": 3}, size=(12, 10)): the path of an imported dataset."""

    def make(counts, **options):
        import_images([str(image_folder(counts, **options))], tmp_path / "imported")
        return tmp_path / "imported"

    return make


def test_prepare_of_square_images_gives_pillows_resize(imported, tmp_path):
    prepare(imported({"cat": 6, "dog": 6}, size=(20, 20)), tmp_path / "out", size=16)
    bundle = DatasetBundle.open(tmp_path / "out")
    images = (Image.open(io.BytesIO(image)) for image in bundle.images(range(12)))
    expected = np.stack([np.asarray(image.resize((16, 16), Image.Resampling.BILINEAR)) for image in images])
    assert bundle.pixels.shape == (12, 16, 16, 3)
    # JPEG decoders differ by a few levels at chroma edges, and noise is all edges.
    assert np.abs(bundle.pixels.astype(int) - expected).mean() < 1


def test_prepare_of_wide_images_keeps_the_middle_square(imported, tmp_path):
    result = prepare(imported({"cat": 6, "dog": 6}, size=(30, 15)), tmp_path / "out", size=10)
    bundle = DatasetBundle.open(tmp_path / "out")
    image = Image.open(io.BytesIO(bundle.images([0])[0])).resize((20, 10), Image.Resampling.BILINEAR)
    assert result["preprocess"][:3] == ["decode", "resize_short(10)", "center_crop(10)"]
    assert np.abs(bundle.pixels[0].astype(int) - np.asarray(image.crop((5, 0, 15, 10)))).mean() < 1


def test_prepare_normalises_by_the_training_pixels(imported, tmp_path):
    prepare(imported({"cat": 30, "dog": 30}), tmp_path / "out", size=8)
    bundle = DatasetBundle.open(tmp_path / "out")
    train = bundle.pixels[bundle.indices("train")] / 255
    spec = PreprocessSpec.parse(bundle.info.preprocess)
    assert spec.mean == pytest.approx(train.mean((0, 1, 2)), abs=6e-5)
    assert spec.std == pytest.approx(train.std((0, 1, 2)), abs=6e-5)
    assert bundle.info.preprocess_hash == spec.hash


def test_prepare_draws_a_validation_split_from_train_and_leaves_test_alone(imported, tmp_path):
    source = imported({"train/cat": 40, "train/dog": 20, "test/cat": 3, "test/dog": 3})
    result = prepare(source, tmp_path / "out")
    assert result["counts"] == {
        "train": {"cat": 36, "dog": 18},
        "val": {"cat": 4, "dog": 2},
        "test": {"cat": 3, "dog": 3},
    }
    before, after = DatasetBundle.open(source), DatasetBundle.open(tmp_path / "out")
    assert before.indices("test").tolist() == after.indices("test").tolist()


def test_prepare_of_dataset_with_validation_split_keeps_it(imported, tmp_path):
    source = imported({"train/cat": 9, "train/dog": 9, "val/cat": 1, "val/dog": 1, "test/cat": 1, "test/dog": 1})
    result = prepare(source, tmp_path / "out")
    assert result["counts"] == DatasetBundle.open(source).info.counts
    assert result["content_id"] == DatasetBundle.open(source).info.content_id


def test_prepare_keeps_the_images_and_the_rejected_files(imported, tmp_path, image_folder):
    source = imported({"cat": 6, "dog": 6})
    prepare(source, tmp_path / "out")
    before, after = DatasetBundle.open(source), DatasetBundle.open(tmp_path / "out")
    assert after.images(range(12)) == before.images(range(12))
    assert after.rejected.equals(before.rejected)
    assert (tmp_path / "out/images-00000.parquet").stat().st_nlink == 2


def test_prepare_stores_the_statistics_of_the_prepared_pixels(imported, tmp_path):
    prepare(imported({"cat": 6, "dog": 6}), tmp_path / "out", size=8)
    bundle = DatasetBundle.open(tmp_path / "out")
    luma = bundle.pixels.astype(float) @ [0.299, 0.587, 0.114] / 255
    assert bundle.index["brightness"].to_pylist() == pytest.approx(luma.mean((1, 2)), abs=1e-3)
    assert bundle.index.schema == INDEX_SCHEMA


def test_prepare_with_weights_stores_one_for_each_class(imported, tmp_path):
    source = imported({"train/cat": 30, "train/dog": 10, "val/cat": 1, "val/dog": 1, "test/cat": 1, "test/dog": 1})
    # 40 images of 2 classes: 40 / (2 * 30) and 40 / (2 * 10).
    assert prepare(source, tmp_path / "out", balance="weights")["class_weights"] == pytest.approx([2 / 3, 2])


def test_prepare_with_augment_repeats_rows_and_pixels_of_small_classes(imported, tmp_path):
    source = imported({"train/cat": 9, "train/dog": 4, "val/cat": 1, "val/dog": 1, "test/cat": 1, "test/dog": 1})
    result = prepare(source, tmp_path / "out", balance="augment")
    bundle = DatasetBundle.open(tmp_path / "out")
    assert (result["counts"]["train"], result["repeated"]) == ({"cat": 9, "dog": 9}, 5)
    assert bundle.index["id"].to_pylist() == list(range(22))
    digests = bundle.index["sha256"].to_pylist()
    first = [digests.index(digest) for digest in digests]
    assert np.array_equal(bundle.pixels, bundle.pixels[first])
    assert bundle.images(range(22)) == [bundle.images([row])[0] for row in first]


def test_prepare_of_black_images_does_not_divide_by_nothing(tmp_path):
    for label, grey in (("cat", 0), ("dog", 1), ("cow", 2)):
        (tmp_path / "images" / label).mkdir(parents=True)
        for size in (8, 9, 10):
            image = Image.fromarray(np.zeros((size + grey * 3, 8, 3), np.uint8))
            image.save(tmp_path / "images" / label / f"{size}.png")
    import_images([str(tmp_path / "images")], tmp_path / "imported")
    assert PreprocessSpec.parse(prepare(tmp_path / "imported", tmp_path / "out")["preprocess"]).std[0] > 0


def test_prepare_twice_gives_the_same_bytes(imported, tmp_path):
    source = imported({"cat": 12, "dog": 6})
    for name in ("a", "b"):
        prepare(source, tmp_path / name, seed=3, balance="augment")
    files = [sorted((tmp_path / name).iterdir()) for name in ("a", "b")]
    assert [path.read_bytes() for path in files[0]] == [path.read_bytes() for path in files[1]]


def test_prepare_of_a_prepared_dataset_is_refused(imported, tmp_path):
    prepare(imported({"cat": 3, "dog": 3}), tmp_path / "out")
    with pytest.raises(UsageError, match=r"is prepared already"):
        prepare(tmp_path / "out", tmp_path / "again")


def test_prepare_onto_its_own_source_is_refused(imported):
    source = imported({"cat": 3, "dog": 3})
    with pytest.raises(UsageError, match=r"is the dataset itself"):
        prepare(source, source)


def test_prepare_of_another_directory_is_refused(tmp_path):
    with pytest.raises(BundleError, match=r"has no dataset.json"):
        prepare(tmp_path, tmp_path / "out")


def test_prepare_with_impossible_size_is_refused(imported, tmp_path):
    with pytest.raises(SpecError):
        prepare(imported({"cat": 3, "dog": 3}), tmp_path / "out", size=-1)


def test_prepare_with_unknown_balance_names_the_choices(imported, tmp_path):
    with pytest.raises(UsageError, match=r"Balance 'smote' is unknown. Choose one of none, weights, augment"):
        prepare(imported({"cat": 3, "dog": 3}), tmp_path / "out", balance="smote")


def test_prepare_of_damaged_images_names_the_bundle_and_leaves_nothing(imported, tmp_path):
    source = imported({"cat": 3, "dog": 3})
    (source / "images-00000.parquet").write_bytes(b"PAR1")
    with pytest.raises(BundleError, match=r"images-00000.parquet' is missing or damaged"):
        prepare(source, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images", "imported"]


def test_prepare_to_another_file_system_copies_the_images(imported, mount):
    source, disk = imported({"cat": 3, "dog": 3}), mount("size=1m")
    prepare(source, disk / "out")
    assert DatasetBundle.open(disk / "out").images(range(6)) == DatasetBundle.open(source).images(range(6))


def test_prepare_to_a_full_disk_leaves_nothing(imported, mount):
    source, disk = imported({"cat": 6, "dog": 6}), mount("size=256k")
    with pytest.raises(StorageError, match=r"the disk is full"):
        prepare(source, disk / "out", size=128)
    assert list(disk.iterdir()) == []


@pytest.mark.parametrize(("short_sides", "size"), [([8, 8, 900], 32), ([64, 64, 64], 32), ([65, 65, 32], 128)])
def test_choose_size_goes_by_the_median_shorter_side(short_sides, size):
    assert choose_size(np.array(short_sides), np.array([1000] * 3)) == size


def test_geometry_lines_of_nearly_square_images_squeeze_them():
    assert geometry_lines(np.array([100, 110]), np.array([100, 100]), 32) == ["decode", "resize(32,32)"]


def test_geometry_lines_with_one_long_image_crop():
    lines = geometry_lines(np.array([100, 111]), np.array([100, 100]), 32)
    assert lines == ["decode", "resize_short(32)", "center_crop(32)"]
