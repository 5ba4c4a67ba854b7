"""Dataset bundle in, the same bundle with every image decoded at training size out."""

import dataclasses
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import saccade_native
from saccade.core.artifacts import DATASET_JSON, INDEX_PARQUET, PIXELS_NPY, REJECTED_PARQUET, DatasetInfo
from saccade.core.errors import BundleError, UsageError
from saccade.core.files import atomic_directory
from saccade.core.progress import progress
from saccade.core.settings import read_settings
from saccade.data.balance import BALANCES, Balance, class_weights, repeated_rows
from saccade.data.batches import ahead
from saccade.data.bundle import DatasetBundle, content_id, count_images, index_table
from saccade.data.quality import facts_table
from saccade.data.shards import StoredBatch, shard_paths, stored_batches
from saccade.data.split import draw, held_out_for_validation
from saccade.preprocess.spec import PreprocessSpec, normalize_line
from saccade.steps.step import step

SMALL_IMAGE_PX = 64
SMALL_SIZE_PX, LARGE_SIZE_PX = 32, 128
NEARLY_SQUARE = 1.1  # long side over short side: squeezing so little harms less than cutting
MIN_STD = 1 / 255  # images of one colour must not be divided by nothing
REPEAT_ROWS = 1_024


@step
def prepare(
    dataset: Path, out: Path, *, size: int | None = None, seed: int = 0, balance: Balance = "none"
) -> dict[str, Any]:
    """Writes the prepared bundle to out and returns what was chosen.

    size: side of the square training images in pixels; None is choose_size().
    balance: "weights" stores a loss weight for each class. "augment" repeats the training rows of smaller classes, in
    the index and in the pixels, so that the random augmentation of any training loop makes the copies differ.
    Validation images are drawn from train unless the dataset has some; test is left alone.
    Raises UsageError for a bundle that is prepared already or an unknown balance, SpecError for an impossible size.
    """
    if balance not in BALANCES:
        raise UsageError(f"Balance '{balance}' is unknown. Choose one of {', '.join(BALANCES)}.")
    bundle = _open_imported(dataset, out)
    splits = _splits(bundle, seed)
    train = np.flatnonzero(splits == "train")
    lines = _geometry_lines(bundle, train, size)
    repeated = repeated_rows(bundle.labels, train, seed) if balance == "augment" else np.empty(0, np.int64)
    with atomic_directory(out) as draft:
        written = _write_pixels(bundle, PreprocessSpec.parse(lines), splits == "train", repeated, draft)
        spec = PreprocessSpec.parse([*lines, normalize_line(written.mean.tolist(), written.std.tolist())])
        index = index_table(bundle.index, written.facts, pa.table({"split": pa.array(splits, pa.string())}))
        info = _describe(bundle, index, spec, seed, balance)
        index = _with_repeated(index, repeated)
        info = dataclasses.replace(info, counts=_counts(index, info))
        pq.write_table(index, draft / INDEX_PARQUET)
        _link_images(bundle.path, draft)
        info.save(draft / DATASET_JSON)
    return {
        "dataset": str(out),
        "images": index.num_rows,
        "repeated": len(repeated),
        "counts": info.counts,
        "content_id": info.content_id,
        "preprocess": info.preprocess,
        "preprocess_hash": info.preprocess_hash,
        "class_weights": info.class_weights,
    }


def choose_size(widths: np.ndarray, heights: np.ndarray) -> int:
    """Returns 32 if the median shorter side is at most 64 pixels, else 128. widths, heights: (N,)."""
    return SMALL_SIZE_PX if np.median(np.minimum(widths, heights)) <= SMALL_IMAGE_PX else LARGE_SIZE_PX


def geometry_lines(widths: np.ndarray, heights: np.ndarray, size: int) -> list[str]:
    """Returns the preprocessing lines before normalisation.

    Images that are all nearly square are squeezed to the square, so nothing is cut. Of others the middle square of the
    full shorter side is kept: objects keep their shape, and no more is lost than must be.
    """
    is_nearly_square = np.all(np.maximum(widths, heights) <= NEARLY_SQUARE * np.minimum(widths, heights))
    if is_nearly_square:
        return ["decode", f"resize({size},{size})"]
    return ["decode", f"resize_short({size})", f"center_crop({size})"]


def _open_imported(dataset: Path, out: Path) -> DatasetBundle:
    bundle = DatasetBundle.open(dataset)
    if bundle.info.preprocess is not None:
        raise UsageError(f"'{dataset}' is prepared already. Give the directory that 'saccade import' wrote.")
    if out.resolve() == dataset.resolve():
        raise UsageError(f"Output '{out}' is the dataset itself. Choose another directory with --out.")
    return bundle


def _splits(bundle: DatasetBundle, seed: int) -> np.ndarray:
    """Returns the split of each image, (N,) str, with a validation split."""
    splits = np.array(bundle.index["split"].to_pylist(), object)
    if "val" in splits:
        return splits
    train = np.flatnonzero(splits == "train")
    labels = bundle.labels[train]
    counts = held_out_for_validation(np.bincount(labels, minlength=len(bundle.info.classes)))
    digests = bundle.index["sha256"].take(train).to_pylist()
    splits[train[draw(labels, digests, counts, seed, "val")]] = "val"
    return splits


def _geometry_lines(bundle: DatasetBundle, train: np.ndarray, size: int | None) -> list[str]:
    widths, heights = (bundle.index[name].to_numpy()[train] for name in ("width", "height"))
    return geometry_lines(widths, heights, choose_size(widths, heights) if size is None else size)


class _Written(NamedTuple):
    facts: pa.Table  # of the prepared images, so that they compare with what a server sees
    mean: np.ndarray  # (3,) of the training pixels in [0, 1]
    std: np.ndarray


def _write_pixels(
    bundle: DatasetBundle, spec: PreprocessSpec, is_train: np.ndarray, repeated: np.ndarray, draft: Path
) -> _Written:
    """Decodes every image into pixels.npy and appends the repeated rows.

    Written by file and not through a memory map: a full disk is then an error and not a SIGBUS.
    """
    threads = read_settings().threads
    moments = _Moments()
    facts = []
    shape = (spec.height, spec.width, 3)
    with (draft / PIXELS_NPY).open("w+b") as file, progress(len(is_train), "Prepare", "images") as shown:
        _write_header(file, (len(is_train) + len(repeated), *shape))
        start = file.tell()
        for batch in ahead(_stored(bundle)):
            pixels = np.empty((len(batch.images), *shape), np.uint8)
            infos = saccade_native.prepare(batch.images, spec.native, pixels, threads=threads)
            _refuse_damaged(infos, batch, bundle)
            facts.append(facts_table(infos))
            moments.add(pixels[is_train[batch.ids]])
            file.write(pixels.data)
            shown.update(len(pixels))
        file.flush()
        stored = np.memmap(file, np.uint8, "r", offset=start, shape=(len(is_train), *shape))
        for first in range(0, len(repeated), REPEAT_ROWS):
            file.write(stored[repeated[first : first + REPEAT_ROWS]].data)
    return _Written(pa.concat_tables(facts), *moments.mean_and_std())


def _write_header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})


def _stored(bundle: DatasetBundle) -> Iterator[StoredBatch]:
    for path in shard_paths(bundle.path):
        yield from stored_batches(path)


def _refuse_damaged(infos: list[saccade_native.ImageInfo], batch: StoredBatch, bundle: DatasetBundle) -> None:
    for info, name in zip(infos, batch.names, strict=True):
        if info.error is not None:
            raise BundleError(f"Image '{name}' in '{bundle.path}' is damaged: {info.error} Import the images again.")


class _Moments:
    """Mean and standard deviation of each channel, over batches."""

    def __init__(self) -> None:
        self._pixels = 0
        self._sum = np.zeros(3)
        self._sum_of_squares = np.zeros(3)

    def add(self, images: np.ndarray) -> None:
        """Counts images, (n, H, W, 3) uint8."""
        if len(images):
            rows = images.reshape(-1, images.shape[2], 3)
            mean, std = (moment[:, 0] for moment in cv2.meanStdDev(rows))  # 10 times numpy's speed on uint8
            count = rows.shape[0] * rows.shape[1]
            self._pixels += count
            self._sum += mean * count
            self._sum_of_squares += (std**2 + mean**2) * count

    def mean_and_std(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns both for pixels scaled to [0, 1], each (3,) float64."""
        mean = self._sum / self._pixels
        std = np.sqrt(np.maximum(self._sum_of_squares / self._pixels - mean**2, 0))
        return mean / 255, np.maximum(std / 255, MIN_STD)


def _describe(bundle: DatasetBundle, index: pa.Table, spec: PreprocessSpec, seed: int, balance: Balance) -> DatasetInfo:
    """index: with the final splits, before rows are repeated."""
    classes = bundle.info.classes
    names = [classes[label] for label in bundle.labels]
    splits = np.array(index["split"].to_pylist(), object)
    train_counts = np.bincount(bundle.labels[splits == "train"], minlength=len(classes))
    return dataclasses.replace(
        bundle.info,
        content_id=content_id(splits.tolist(), names, index["sha256"].to_pylist()),
        seed=seed,
        preprocess=list(spec.steps),
        preprocess_hash=spec.hash,
        class_weights=class_weights(train_counts) if balance == "weights" else None,
    )


def _with_repeated(index: pa.Table, repeated: np.ndarray) -> pa.Table:
    """Returns the index with the repeated rows at its end; ids count all rows."""
    rows = pa.concat_tables([index, index.take(repeated)])
    return index_table(rows, pa.table({"id": np.arange(rows.num_rows)}))


def _counts(index: pa.Table, info: DatasetInfo) -> dict[str, dict[str, int]]:
    return count_images(info.classes, index["label"].to_numpy(), np.array(index["split"].to_pylist(), object))


def _link_images(source: Path, target: Path) -> None:
    """Puts the images and the list of rejected files beside the pixels, without a second copy where links work."""
    for path in [*shard_paths(source), source / REJECTED_PARQUET]:
        try:
            os.link(path, target / path.name)
        except OSError:  # another file system, or one without hard links
            shutil.copyfile(path, target / path.name)
