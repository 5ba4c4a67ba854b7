import numpy as np
import pyarrow.parquet as pq
import pytest

from saccade.core.artifacts import IMAGES_SCHEMA
from saccade.core.errors import BundleError
from saccade.data.shards import SHARD_BYTES, ShardWriter, drop_images, read_images, shard_paths, stored_batches

LARGE = bytes(SHARD_BYTES // 3 + 1)


def write(directory, *batches):
    """Writes batches of images named 0, 1, 2 and so on, with their number as label too."""
    number = 0
    with ShardWriter(directory) as writer:
        for images in batches:
            numbers = range(number, number + len(images))
            yield writer.add(images, [str(one) for one in numbers], list(numbers))
            number += len(images)


def test_shard_holds_the_columns_that_data_libraries_read(tmp_path):
    list(write(tmp_path, [b"a", b"b"]))
    table = pq.read_table(shard_paths(tmp_path)[0])
    assert table.schema.equals(IMAGES_SCHEMA)
    assert table.to_pylist()[1] == {"image": {"bytes": b"b", "path": "1"}, "label": 1, "id": 1}


def test_shards_are_cut_before_they_grow_beyond_the_limit(tmp_path):
    places = list(write(tmp_path, [LARGE, LARGE], [LARGE, b"x"], [b"y"]))
    assert [place["shard"].to_pylist() for place in places] == [[0, 0], [1, 1], [1]]
    assert [place["shard_row"].to_pylist() for place in places] == [[0, 1], [0, 1], [2]]
    assert all(path.stat().st_size < SHARD_BYTES * 1.01 for path in shard_paths(tmp_path))


def test_read_images_gives_rows_in_the_order_asked_for(tmp_path):
    list(write(tmp_path, [b"a", b"b"], [b"c", b"d"]))
    assert read_images(tmp_path, 0, np.array([3, 0, 3, 2])) == [b"d", b"a", b"d", b"c"]


def test_read_images_of_a_row_beyond_the_shard_names_it(tmp_path):
    list(write(tmp_path, [b"a"]))
    with pytest.raises(BundleError, match=r"images-00000.parquet' is missing or damaged"):
        read_images(tmp_path, 0, np.array([1]))


def test_read_images_of_a_missing_shard_names_it(tmp_path):
    with pytest.raises(BundleError, match=r"images-00004.parquet' is missing or damaged"):
        read_images(tmp_path, 4, np.array([0]))


def test_drop_images_leaves_the_others_numbered_anew(tmp_path):
    list(write(tmp_path, [LARGE, b"b"], [LARGE, LARGE], [b"e", b"f"]))
    places = drop_images(tmp_path, np.array([False, True, False, True, True, False]))
    batches = [batch for path in shard_paths(tmp_path) for batch in stored_batches(path)]
    assert [name for batch in batches for name in batch.names] == ["1", "3", "4"]
    assert [label for batch in batches for label in batch.labels] == [1, 3, 4]
    assert places["id"].to_pylist() == [0, 1, 2]
    assert [number for batch in batches for number in batch.ids] == [0, 1, 2]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images-00000.parquet"]


def test_drop_images_of_a_whole_batch_leaves_no_gap(tmp_path):
    list(write(tmp_path, [b"a"], [b"b"]))
    places = drop_images(tmp_path, np.array([False, True]))
    assert read_images(tmp_path, int(places["shard"][0].as_py()), np.array([0])) == [b"b"]
