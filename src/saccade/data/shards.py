"""The encoded images of a dataset bundle: Parquet files of about 64 MiB, written and read a row group at a time."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from saccade.core.artifacts import IMAGES_GLOB, IMAGES_SCHEMA
from saccade.core.errors import BundleError

SHARD_BYTES = 64 << 20
_IMAGE_FIELDS = list(IMAGES_SCHEMA.field("image").type)


class StoredBatch(NamedTuple):
    """The images of one row group."""

    images: list[bytes]
    names: list[str]
    labels: list[int]
    ids: np.ndarray  # (n,) int64


class ShardWriter:
    """Appends encoded images to images-00000.parquet and so on. Close it, or use it in a with statement.

    A batch is a row group, so memory holds a batch and not a shard. Images get the ids 0, 1, 2 and so on.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._writer: pq.ParquetWriter | None = None
        self._shard = -1
        self._shard_rows = 0
        self._shard_bytes = 0
        self._next_id = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, images: Sequence[bytes], names: Sequence[str], labels: Sequence[int]) -> pa.Table:
        """Writes a batch and returns the columns id, shard and shard_row, one row an image."""
        count, size = len(images), sum(map(len, images))
        if self._writer is None or self._shard_bytes + size > SHARD_BYTES:
            self._start_shard()
        ids = np.arange(self._next_id, self._next_id + count)
        self._write(images, names, labels, ids)
        rows = np.arange(self._shard_rows, self._shard_rows + count, dtype=np.int32)
        self._next_id += count
        self._shard_rows += count
        self._shard_bytes += size
        return pa.table({"id": ids, "shard": np.full(count, self._shard, np.int32), "shard_row": rows})

    def close(self) -> None:
        """Finishes the last shard."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.close()

    def _start_shard(self) -> None:
        self.close()
        self._shard += 1
        self._shard_rows = self._shard_bytes = 0
        path = shard_path(self._directory, self._shard)
        # Encoded images do not compress, and a dictionary or statistics of them would double their size.
        self._writer = pq.ParquetWriter(
            path, IMAGES_SCHEMA, compression="none", use_dictionary=False, write_statistics=False
        )

    def _write(self, images: Sequence[bytes], names: Sequence[str], labels: Sequence[int], ids: np.ndarray) -> None:
        image = pa.StructArray.from_arrays(
            [pa.array(images, pa.binary()), pa.array(names, pa.string())], fields=_IMAGE_FIELDS
        )
        columns = [image, pa.array(labels, pa.int32()), pa.array(ids, pa.int64())]
        assert self._writer is not None
        self._writer.write_batch(pa.record_batch(columns, schema=IMAGES_SCHEMA))


def shard_path(directory: Path, shard: int) -> Path:
    """Returns where a shard's images lie."""
    return directory / IMAGES_GLOB.replace("*", f"{shard:05}")


def shard_paths(directory: Path) -> list[Path]:
    """Returns all shards in order."""
    return sorted(directory.glob(IMAGES_GLOB))


def stored_batches(path: Path) -> Iterator[StoredBatch]:
    """Yields the row groups of one shard in order. Raises BundleError for a damaged shard."""
    try:
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                table = file.read_row_group(group)
                image = table["image"].combine_chunks()
                images, names = image.field("bytes").to_pylist(), image.field("path").to_pylist()
                yield StoredBatch(images, names, table["label"].to_pylist(), table["id"].to_numpy())
    except (OSError, pa.ArrowException) as error:
        raise _damaged(path, error) from error


def read_images(directory: Path, shard: int, rows: np.ndarray) -> list[bytes]:
    """Returns the images at rows (n,) of one shard, in that order. Raises BundleError for a damaged shard."""
    path = shard_path(directory, shard)
    try:
        with pq.ParquetFile(path) as file:
            sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
            starts = np.concatenate([[0], np.cumsum(sizes)])
            groups = np.searchsorted(starts, rows, side="right") - 1
            images = [b""] * len(rows)
            for group in np.unique(groups):
                column = file.read_row_group(int(group), columns=["image"])["image"].combine_chunks().field("bytes")
                for place in np.flatnonzero(groups == group):
                    images[place] = column[int(rows[place] - starts[group])].as_py()
            return images
    except (OSError, pa.ArrowException, IndexError) as error:
        raise _damaged(path, error) from error


def drop_images(directory: Path, keep: np.ndarray) -> pa.Table:
    """Rewrites the shards with the kept images only and returns their new id, shard and shard_row.

    keep: (N,) bool by id.   One shard at a time is on disk twice.
    """
    fresh = directory / "kept"
    fresh.mkdir()
    places = []
    with ShardWriter(fresh) as writer:
        for path in shard_paths(directory):
            for batch in stored_batches(path):
                rows = np.flatnonzero(keep[batch.ids])
                images, names = [batch.images[row] for row in rows], [batch.names[row] for row in rows]
                places.append(writer.add(images, names, [batch.labels[row] for row in rows]))
            path.unlink()
    for path in shard_paths(fresh):
        path.rename(directory / path.name)
    fresh.rmdir()
    return pa.concat_tables(places)


def _damaged(path: Path, error: Exception) -> BundleError:
    return BundleError(f"'{path}' is missing or damaged: {error}. Import the images again.")
