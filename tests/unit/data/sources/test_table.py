import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from saccade.core.artifacts import IMAGES_SCHEMA
from saccade.core.errors import DataError
from saccade.data.sources.table import ROWS_PER_READ, open_table


def write_parquet(path, **columns):
    pq.write_table(pa.table(columns), path)
    return path


def write_csv(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def faults(source):
    return {record.name: record.fault.reason for record in source.read() if record.fault}


def test_csv_of_paths_reads_them_beside_the_table(image_folder):
    root = image_folder({"photos": 2})
    table = write_csv(root / "list.csv", "path,label,split\nphotos/0.jpg,cat,train\nphotos/1.jpg,dog,\n")
    source = open_table(table)
    assert list(source.read()) == [
        ("photos/0.jpg", "cat", "train", (root / "photos/0.jpg").read_bytes(), None),
        ("photos/1.jpg", "dog", None, (root / "photos/1.jpg").read_bytes(), None),
    ]
    assert (source.count, source.labels) == (2, {"cat", "dog"})


def test_csv_with_other_column_names_and_case_is_read(image_folder):
    root = image_folder({"photos": 1})
    table = write_csv(root / "list.csv", "Class,File,note\ncat,photos/0.jpg,x\n")
    assert [(record.label, len(record.data) > 0) for record in open_table(table).read()] == [("cat", True)]


def test_csv_with_numbers_as_labels_keeps_their_zeros(image_folder):
    root = image_folder({"photos": 1})
    assert open_table(write_csv(root / "list.csv", "path,label\nphotos/0.jpg,007\n")).labels == {"007"}


def test_csv_with_file_sizes_in_bytes_still_takes_the_paths(image_folder):
    root = image_folder({"photos": 1})
    table = write_csv(root / "list.csv", "bytes,path,label\n512,photos/0.jpg, cat \n")
    assert [(record.name, record.label, record.fault) for record in open_table(table).read()] == [
        ("photos/0.jpg", "cat", None)
    ]


def test_csv_with_missing_files_and_labels_lists_them(image_folder):
    root = image_folder({"photos": 2})
    table = write_csv(
        root / "list.csv", "path,label\nphotos/0.jpg,cat\nphotos/1.jpg,\nphotos/2.jpg,cat\n,cat\n\0,cat\n"
    )
    assert faults(open_table(table)) == {
        "photos/1.jpg": "unlabelled",
        "photos/2.jpg": "unreadable",
        "row-4": "empty",
        r"\x00": "unreadable",
    }


def test_csv_without_label_column_names_what_it_has(tmp_path):
    with pytest.raises(DataError, match=r"has the columns path, colour. It needs paths"):
        open_table(write_csv(tmp_path / "list.csv", "path,colour\n1.jpg,red\n"))


def test_csv_with_unknown_split_names_it(tmp_path):
    with pytest.raises(DataError, match=r"has the split 'holdout'"):
        open_table(write_csv(tmp_path / "list.csv", "path,label,split\n1.jpg,cat,holdout\n"))


@pytest.mark.parametrize("text", ["path,label\n", "path,label\n1.jpg,\n"])
def test_csv_without_any_label_is_refused(tmp_path, text):
    with pytest.raises(DataError, match=r"no label"):
        open_table(write_csv(tmp_path / "list.csv", text))


@pytest.mark.parametrize("content", [b"", b"path,label\n1.jpg\n", b"path,label\n\xff.jpg,cat\n"])
def test_csv_that_cannot_be_parsed_is_refused(tmp_path, content):
    (tmp_path / "list.csv").write_bytes(content)
    with pytest.raises(DataError, match=r"list.csv' cannot be read: .* Save it again as UTF-8"):
        open_table(tmp_path / "list.csv")


def test_parquet_of_bytes_reads_them_in_order(tmp_path, encode):
    images = [encode(seed, (2, 2)) for seed in range(ROWS_PER_READ + 5)]
    labels = ["cat", "dog"] * (len(images) // 2) + ["cat"]
    source = open_table(write_parquet(tmp_path / "set.parquet", label=labels, bytes=images))
    assert [(record.data, record.label) for record in source.read()] == list(zip(images, labels, strict=True))


def test_parquet_of_numbers_as_labels_takes_them_as_names(tmp_path, encode):
    path = write_parquet(tmp_path / "set.parquet", bytes=[encode(0), encode(1)], label=[3, 11])
    assert open_table(path).labels == {"3", "11"}


def test_parquet_in_the_layout_of_our_bundles_is_read(tmp_path, encode):
    rows = [{"image": {"bytes": encode(0), "path": "a.jpg"}, "label": 1, "id": 0}]
    pq.write_table(pa.Table.from_pylist(rows, IMAGES_SCHEMA), tmp_path / "set.parquet")
    assert list(open_table(tmp_path / "set.parquet").read()) == [("a.jpg", "1", None, encode(0), None)]


def test_parquet_with_split_before_label_tells_them_apart(tmp_path, encode):
    path = write_parquet(tmp_path / "set.parquet", split=["test"], label=["cat"], bytes=[encode(0)])
    assert [record[1:3] for record in open_table(path).read()] == [("cat", "test")]


def test_parquet_with_null_image_lists_the_row(tmp_path, encode):
    path = write_parquet(tmp_path / "set.parquet", bytes=[encode(0), None], label=["cat", "dog"])
    assert faults(open_table(path)) == {"row-2": "empty"}


def test_parquet_of_paths_reads_the_files(image_folder):
    root = image_folder({"photos": 1})
    path = write_parquet(root / "set.parquet", image=["photos/0.jpg"], label=["cat"])
    assert next(open_table(path).read()).data == (root / "photos/0.jpg").read_bytes()


def test_parquet_of_numbers_as_images_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"It needs paths"):
        open_table(write_parquet(tmp_path / "set.parquet", image=[1], label=["cat"]))


def test_parquet_that_is_damaged_is_refused(tmp_path):
    (tmp_path / "set.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(DataError, match=r"set.parquet' cannot be read"):
        open_table(tmp_path / "set.parquet")
