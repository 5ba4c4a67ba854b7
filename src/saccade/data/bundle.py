"""The dataset bundle on disk: read by every step after import."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from saccade.core.artifacts import (
    DATASET_JSON,
    INDEX_PARQUET,
    INDEX_SCHEMA,
    PIXELS_NPY,
    REJECTED_PARQUET,
    SPLITS,
    DatasetInfo,
)
from saccade.core.errors import BundleError
from saccade.data.shards import read_images


@dataclass(frozen=True)
class DatasetBundle:
    """A directory that `import` or `prepare` wrote. Row i of the index is row i of pixels and of labels."""

    path: Path
    info: DatasetInfo

    @classmethod
    def open(cls, path: Path) -> Self:
        """Returns the bundle; tables are read when they are asked for. Raises BundleError for another directory."""
        return cls(path, DatasetInfo.load(path / DATASET_JSON))

    @cached_property
    def index(self) -> pa.Table:
        """INDEX_SCHEMA, one row an image."""
        return _read_table(self.path / INDEX_PARQUET).combine_chunks()

    @cached_property
    def rejected(self) -> pa.Table:
        """REJECTED_SCHEMA, one row a file that is not used."""
        return _read_table(self.path / REJECTED_PARQUET)

    @cached_property
    def pixels(self) -> np.memmap:
        """(N, H, W, 3) uint8, read from disk as needed. Raises BundleError before `prepare`."""
        try:
            pixels = np.load(self.path / PIXELS_NPY, mmap_mode="r")
        except FileNotFoundError as error:
            raise BundleError(f"'{self.path}' has no {PIXELS_NPY}. Run 'saccade prepare' on it first.") from error
        except ValueError as error:
            raise BundleError(
                f"'{self.path / PIXELS_NPY}' is damaged: {error}. Run 'saccade prepare' again."
            ) from error
        if pixels.shape[0] != self.index.num_rows:
            raise BundleError(
                f"'{self.path}' has {self.index.num_rows:,} images but pixels of {pixels.shape[0]:,}. Run 'saccade "
                "prepare' again."
            )
        return pixels

    @cached_property
    def labels(self) -> np.ndarray:
        """(N,) int64 indices into info.classes."""
        return self.index["label"].to_numpy().astype(np.int64)

    def indices(self, split: str) -> np.ndarray:
        """Returns the rows of a split, ascending, (n,) int64; empty if the bundle has no such split."""
        if split not in SPLITS:
            raise ValueError(f"split is '{split}', not one of {SPLITS}")
        return np.flatnonzero(self.index["split"].to_numpy(zero_copy_only=False) == split)

    def images(self, rows: Sequence[int] | np.ndarray) -> list[bytes]:
        """Returns the encoded bytes of rows, in their order. Reads only the row groups that hold them."""
        chosen = np.asarray(rows, np.int64)
        shards = self.index["shard"].to_numpy()[chosen]
        shard_rows = self.index["shard_row"].to_numpy()[chosen]
        found: list[bytes] = [b""] * len(chosen)
        for shard in np.unique(shards):
            places = np.flatnonzero(shards == shard)
            for place, image in zip(places, read_images(self.path, int(shard), shard_rows[places]), strict=True):
                found[place] = image
        return found


def content_id(splits: Sequence[str], classes: Sequence[str], digests: Sequence[str]) -> str:
    """Returns the sha256 over the sorted lines "split TAB class TAB sha256": the same images give the same id.

    All three sequences have one entry an image; classes are names.
    """
    lines = sorted(f"{split}\t{name}\t{digest}\n" for split, name, digest in zip(splits, classes, digests, strict=True))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def count_images(classes: Sequence[str], labels: np.ndarray, splits: np.ndarray) -> dict[str, dict[str, int]]:
    """Returns split -> class -> images, for the splits that have any. labels: (N,) int64; splits: (N,) str."""
    counts = {split: np.bincount(labels[splits == split], minlength=len(classes)) for split in SPLITS}
    return {
        split: {name: int(number) for name, number in zip(classes, numbers, strict=True)}
        for split, numbers in counts.items()
        if numbers.any()
    }


def index_table(*parts: pa.Table) -> pa.Table:
    """Returns the columns of all parts as one table of INDEX_SCHEMA: its order and its types."""
    columns = {name: part[name] for part in parts for name in part.column_names}
    return pa.table([columns[name].cast(kind) for name, kind in _INDEX_TYPES.items()], schema=INDEX_SCHEMA)


_INDEX_TYPES = {field.name: field.type for field in INDEX_SCHEMA}


def _read_table(path: Path) -> pa.Table:
    try:
        return pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise BundleError(f"'{path}' is missing or damaged: {error}. Make the dataset again.") from error
