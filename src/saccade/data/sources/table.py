"""A CSV or Parquet table of images: a path or the bytes themselves, a label, and if known a split.

Columns, in any case: `path`, `file` or `image` (text: relative to the table's folder); `bytes`, or `image` holding
bytes or the struct of bytes and path that Hugging Face datasets writes; `label` or `class`; `split`.
"""

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from saccade.core.errors import DataError
from saccade.data.sources.files import File, read_files, size_fault, stat_fault
from saccade.data.sources.layout import class_name
from saccade.data.sources.source import Fault, Record, Source, displayable, split_name, split_names

_BYTES_COLUMNS = ("bytes", "image")
_PATH_COLUMNS = ("path", "file", "image")
_LABEL_COLUMNS = ("label", "class")
_SPLIT_COLUMNS = ("split",)
ROWS_PER_READ = 256

Chunks = Callable[[], Iterator[pa.RecordBatch]]  # image, label and perhaps split, a few rows at a time


class _Row(NamedTuple):
    image: Any  # path (str), bytes, {"bytes", "path"} or None
    label: str | None
    split: str | None


def open_table(path: Path) -> Source:
    """Returns the table as a source. Rows are records in order; a Parquet's bytes are read a few rows at a time.

    Raises DataError for a table that cannot be parsed, lacks a column, has no rows, no label at all, or an unknown
    split.
    """
    location = displayable(str(path))
    with _table_errors(location):
        return _open_csv(path, location) if path.suffix.lower() == ".csv" else _open_parquet(path, location)


@contextlib.contextmanager
def _table_errors(location: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"Table '{location}' cannot be read: {error}. Save it again as UTF-8 CSV or Parquet."
        ) from error


def _open_csv(path: Path, location: str) -> Source:
    table = _read_csv(path)
    columns = _columns(table.schema, location)
    return _source(path, location, table.select(columns[1:]), partial(_chunks_of_table, table.select(columns)))


def _open_parquet(path: Path, location: str) -> Source:
    with pq.ParquetFile(path) as file:
        columns = _columns(file.schema_arrow, location)
        # Arrow gives columns in the file's order, not in the order in which they are asked for.
        told = file.read(columns=columns[1:]).select(columns[1:])
    return _source(path, location, told, partial(_chunks_of_parquet, path, columns))


def _source(path: Path, location: str, told: pa.Table, chunks: Chunks) -> Source:
    """told: the label column and, if there is one, the split column, for all rows."""
    labels = frozenset(label for label in _labels(told.column(0)) if label)
    if told.num_rows == 0 or not labels:
        raise DataError(f"Table '{location}' has {told.num_rows} rows and no label. Give every image a label.")
    if told.num_columns > 1:
        _check_splits(told.column(1), location)
    read = partial(_read, path.parent, chunks, location)
    return Source(kind="table", location=location, labels=labels, count=told.num_rows, read=read)


def _read_csv(path: Path) -> pa.Table:
    """Returns the CSV with every column as text, so that a class "007" keeps its zeros."""
    with pa_csv.open_csv(path) as reader:
        names = reader.schema.names
    options = pa_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False)
    return pa_csv.read_csv(path, parse_options=pa_csv.ParseOptions(newlines_in_values=True), convert_options=options)


def _columns(schema: pa.Schema, location: str) -> list[str]:
    """Returns the names of the image column, the label column and, if there is one, the split column."""
    image = _find(schema, _BYTES_COLUMNS, _holds_bytes) or _find(schema, _PATH_COLUMNS, _holds_text)
    label = _find(schema, _LABEL_COLUMNS)
    if not image or not label:
        raise DataError(
            f"Table '{location}' has the columns {', '.join(map(displayable, schema.names))}. It needs paths (in "
            f"{' or '.join(_PATH_COLUMNS)}) or images (in {' or '.join(_BYTES_COLUMNS)}, Parquet only), and labels (in "
            f"{' or '.join(_LABEL_COLUMNS)})."
        )
    return image + label + _find(schema, _SPLIT_COLUMNS)


def _find(
    schema: pa.Schema, names: tuple[str, ...], suits: Callable[[pa.DataType], bool] = lambda _: True
) -> list[str]:
    """Returns the first column with one of the names, in any case, and a type that suits; at most one."""
    by_name = {field.name.strip().lower(): field for field in reversed(schema)}
    return [by_name[name].name for name in names if name in by_name and suits(by_name[name].type)][:1]


def _holds_bytes(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return any(field.name == "bytes" and _holds_bytes(field.type) for field in kind)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _holds_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _labels(column: pa.ChunkedArray | pa.Array) -> list[str | None]:
    """Returns labels as text; numbers and dictionaries too. None for a missing or empty one."""
    texts = [(text or "").strip() for text in pc.cast(column, pa.string()).to_pylist()]
    return [class_name(text) or None for text in texts]


def _check_splits(column: pa.ChunkedArray, location: str) -> None:
    for value in pc.unique(pc.cast(column, pa.string())).to_pylist():
        if value and split_name(value) is None:
            raise DataError(
                f"Table '{location}' has the split '{displayable(value)}'. Write one of {split_names()}, or leave it "
                "empty."
            )


def _chunks_of_table(table: pa.Table) -> Iterator[pa.RecordBatch]:
    yield from table.to_batches(max_chunksize=ROWS_PER_READ)


def _chunks_of_parquet(path: Path, columns: list[str]) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(path) as file:
        yield from (batch.select(columns) for batch in file.iter_batches(ROWS_PER_READ, columns=columns))


def _read(folder: Path, chunks: Chunks, location: str) -> Iterator[Record]:
    number = 0
    with _table_errors(location):
        for chunk in chunks():
            rows = list(enumerate(_rows(chunk), start=number))
            if _holds_text(chunk.column(0).type):
                yield from read_files([_file(folder, row, number) for number, row in rows])
            else:
                yield from (_record(row, number) for number, row in rows)
            number += len(rows)


def _rows(chunk: pa.RecordBatch) -> list[_Row]:
    labels = _labels(chunk.column(1))
    splits = pc.cast(chunk.column(2), pa.string()).to_pylist() if chunk.num_columns > 2 else [None] * len(labels)
    images = chunk.column(0).to_pylist()
    return [
        _Row(image, label, split_name(split or "")) for image, label, split in zip(images, labels, splits, strict=True)
    ]


def _file(folder: Path, row: _Row, number: int) -> File:
    name, path = displayable(row.image or _row_name(number)), folder / (row.image or "")
    size, fault = stat_fault(path) if row.image else (0, Fault("empty", "has no path in the table"))
    return File(path, size, name, row.label, row.split, _label_fault(row) or fault)


def _record(row: _Row, number: int) -> Record:
    image = row.image if isinstance(row.image, dict) else {"bytes": row.image}
    data = image.get("bytes") or b""
    name = displayable(image.get("path") or _row_name(number))
    fault = _label_fault(row) or size_fault(len(data))
    return Record(name, row.label, row.split, b"" if fault else data, fault)


def _label_fault(row: _Row) -> Fault | None:
    return None if row.label else Fault("unlabelled", "has no label in the table")


def _row_name(number: int) -> str:
    return f"row-{number + 1}"
