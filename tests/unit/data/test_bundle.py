import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from saccade.core.artifacts import DATASET_JSON, INDEX_PARQUET, INDEX_SCHEMA, PIXELS_NPY, DatasetInfo
from saccade.core.errors import BundleError
from saccade.data.bundle import DatasetBundle, content_id, count_images, index_table
from saccade.data.shards import ShardWriter

SPLITS = ["train", "test", "train", "val", "train"]


@pytest.fixture
def bundle(tmp_path):
    """Five images, b"0" to b"4", in two row groups."""
    with ShardWriter(tmp_path) as writer:
        first = writer.add([b"0", b"1"], ["a", "b"], [0, 1])
        second = writer.add([b"2", b"3", b"4"], ["c", "d", "e"], [1, 0, 0])
    places = pa.concat_tables([first, second])
    empty = {
        field.name: pa.nulls(5, field.type)
        for field in INDEX_SCHEMA
        if field.name not in (*places.column_names, "label", "split")
    }
    rest = pa.table({**empty, "label": [0, 1, 1, 0, 0], "split": SPLITS})
    pq.write_table(index_table(rest, places), tmp_path / INDEX_PARQUET)
    info = DatasetInfo(["cat", "dog"], {}, [], "id", 0, {}, True)
    info.save(tmp_path / DATASET_JSON)
    return DatasetBundle.open(tmp_path)


def test_bundle_gives_labels_and_rows_of_a_split(bundle):
    assert (bundle.labels.dtype, bundle.labels.tolist()) == (np.int64, [0, 1, 1, 0, 0])
    assert [bundle.indices(split).tolist() for split in ("train", "val", "test")] == [[0, 2, 4], [3], [1]]


def test_bundle_gives_images_in_the_order_asked_for(bundle):
    assert bundle.images([4, 0, 3, 4]) == [b"4", b"0", b"3", b"4"]


def test_bundle_without_pixels_says_to_prepare(bundle):
    with pytest.raises(BundleError, match=r"has no pixels.npy. Run 'saccade prepare'"):
        _ = bundle.pixels


def test_bundle_with_pixels_of_another_length_is_refused(bundle):
    np.save(bundle.path / PIXELS_NPY, np.zeros((4, 2, 2, 3), np.uint8))
    with pytest.raises(BundleError, match=r"has 5 images but pixels of 4"):
        _ = bundle.pixels


def test_bundle_with_pixels_that_are_cut_off_is_refused(bundle):
    np.save(bundle.path / PIXELS_NPY, np.zeros((5, 8, 8, 3), np.uint8))
    with (bundle.path / PIXELS_NPY).open("r+b") as file:
        file.truncate(500)
    with pytest.raises(BundleError, match=r"pixels.npy' is damaged"):
        _ = bundle.pixels


def test_bundle_in_a_directory_of_something_else_is_refused(tmp_path):
    with pytest.raises(BundleError, match=r"has no dataset.json"):
        DatasetBundle.open(tmp_path)


def test_bundle_with_damaged_index_is_refused(bundle):
    (bundle.path / INDEX_PARQUET).write_bytes(b"PAR1")
    with pytest.raises(BundleError, match=r"index.parquet' is missing or damaged"):
        _ = bundle.index


def test_content_id_is_the_digest_of_sorted_lines():
    lines = b"test\tcat\tbb\ntrain\tdog\taa\n"
    assert content_id(["train", "test"], ["dog", "cat"], ["aa", "bb"]) == hashlib.sha256(lines).hexdigest()


def test_count_images_counts_every_class_of_the_splits_that_exist():
    counts = count_images(["cat", "dog"], np.array([0, 0, 1]), np.array(["train", "test", "train"]))
    assert counts == {"train": {"cat": 1, "dog": 1}, "test": {"cat": 1, "dog": 0}}


def test_index_table_takes_the_later_of_two_columns_and_the_schemas_order():
    backwards = {field.name: pa.nulls(1, field.type) for field in reversed(INDEX_SCHEMA)}
    table = index_table(pa.table({**backwards, "id": [1]}), pa.table({"id": [2]}))
    assert table.schema == INDEX_SCHEMA
    assert table["id"].to_pylist() == [2]
