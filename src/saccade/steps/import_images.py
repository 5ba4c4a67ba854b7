"""Images in, dataset bundle out: every file is checked, and what is not used is listed with its reason."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from saccade.core.artifacts import (
    DATASET_JSON,
    INDEX_PARQUET,
    INDEX_SCHEMA,
    REJECTED_PARQUET,
    REJECTED_SCHEMA,
    DatasetInfo,
)
from saccade.core.errors import DataError, UsageError
from saccade.core.files import atomic_directory
from saccade.core.log import logger
from saccade.core.progress import progress
from saccade.core.settings import read_settings
from saccade.data.batches import ahead, batches
from saccade.data.bundle import content_id, count_images, index_table
from saccade.data.duplicates import find_copies
from saccade.data.merge import allows_flip, join_classes, load_mapping
from saccade.data.quality import Inspected, Inspector
from saccade.data.shards import ShardWriter, drop_images
from saccade.data.sources import open_source
from saccade.data.sources.source import Record, Source
from saccade.data.split import draw, held_out_for_test
from saccade.steps.step import step

BATCH_IMAGES = 512
BATCH_BYTES = 16 << 20
MAX_FAULTY_FRACTION = 0.5  # beyond this the user has pointed to the wrong place


@step
def import_images(sources: list[str], out: Path, *, seed: int = 0, mapping: Path | None = None) -> dict[str, Any]:
    """Writes a dataset bundle of all sources to out and returns what is in it.

    sources: what saccade.data.sources.open_source takes; none means the digits.   mapping: see load_mapping.
    A given test split is kept whole and never drawn from, and images without a split are then for training. If no
    source gives one, a fifth of each class becomes it. Nothing is left out silently: see rejected.parquet.
    Raises DataError or UsageError for what cannot become a training set, StorageError for a full or read-only disk.
    """
    texts = sources or ["digits"]
    _refuse_out_inside(texts, out)
    opened = [open_source(text) for text in texts]
    renames = load_mapping(mapping) if mapping else {}
    classes = join_classes(opened, renames)
    with atomic_directory(out) as draft:
        gathered = _gather(opened, classes, renames, draft)
        _refuse_mostly_faulty(gathered)
        index, rejected = _without_copies(gathered, classes, draft)
        index = _with_test_split(index, rejected, classes, seed)
        info = _describe(index, rejected, opened, classes, seed)
        pq.write_table(index, draft / INDEX_PARQUET)
        pq.write_table(rejected, draft / REJECTED_PARQUET)
        info.save(draft / DATASET_JSON)
    _tell_rejected(rejected, out)
    return {
        "dataset": str(out),
        "images": index.num_rows,
        "classes": classes,
        "counts": info.counts,
        "rejected": info.rejected,
        "ignored": sum(source.ignored for source in opened),
        "content_id": info.content_id,
    }


class _Gathered(NamedTuple):
    index: pa.Table  # INDEX_SCHEMA; split is null where the source gives none
    rejected: pa.Table  # REJECTED_SCHEMA


def _refuse_out_inside(texts: Sequence[str], out: Path) -> None:
    for text in texts:
        folder = Path(text).expanduser()
        if folder.is_dir() and out.resolve().is_relative_to(folder.resolve()):
            raise UsageError(
                f"Output '{out}' lies inside the images in '{folder}' and would be read as one of them the next time. "
                "Choose another directory with --out."
            )


def _gather(sources: Sequence[Source], classes: Sequence[str], renames: Mapping[str, str], draft: Path) -> _Gathered:
    """Reads, checks and stores every image of every source."""
    inspector = Inspector(read_settings().threads)
    good, rejected = [INDEX_SCHEMA.empty_table()], [REJECTED_SCHEMA.empty_table()]
    with ShardWriter(draft) as writer, progress(sum(source.count for source in sources), "Import", "files") as shown:
        for source in sources:
            for records in ahead(_renamed_batches(source, renames)):
                inspected = inspector.inspect(records)
                if inspected.good:
                    good.append(_store(inspected, source, classes, writer))
                rejected.append(_faulty(inspected, source))
                shown.update(len(records))
    return _Gathered(pa.concat_tables(good).combine_chunks(), pa.concat_tables(rejected))


def _renamed_batches(source: Source, renames: Mapping[str, str]) -> Iterator[list[Record]]:
    for batch in batches(source.read(), lambda record: len(record.data), BATCH_IMAGES, BATCH_BYTES):
        yield [record._replace(label=renames.get(record.label or "", record.label)) for record in batch]


def _store(inspected: Inspected, source: Source, classes: Sequence[str], writer: ShardWriter) -> pa.Table:
    """Writes the good images of a batch and returns their rows of the index."""
    records = inspected.good
    number_of = {name: number for number, name in enumerate(classes)}
    labels = [number_of[record.label or ""] for record in records]
    names = [record.name for record in records]
    told = pa.table(
        {
            "name": names,
            "label": labels,
            "split": pa.array([record.split for record in records], pa.string()),
            "source": [source.location] * len(records),
        }
    )
    return index_table(told, inspected.facts, writer.add([record.data for record in records], names, labels))


def _faulty(inspected: Inspected, source: Source) -> pa.Table:
    rows = [
        {
            "name": record.name,
            "label": record.label,
            "split": record.split,
            "source": source.location,
            **fault._asdict(),
        }
        for record, fault in inspected.rejected
    ]
    return pa.Table.from_pylist(rows, REJECTED_SCHEMA)


def _refuse_mostly_faulty(gathered: _Gathered) -> None:
    faulty, files = gathered.rejected.num_rows, gathered.rejected.num_rows + gathered.index.num_rows
    if faulty > MAX_FAULTY_FRACTION * files or files == 0:
        raise DataError(
            f"{faulty:,} of {files:,} files cannot be used: {_by_reason(gathered.rejected)}. "
            f"{_examples(gathered.rejected)} Check that the path holds JPEG, PNG or WebP images, or take the other "
            "files out."
        )


def _without_copies(gathered: _Gathered, classes: Sequence[str], draft: Path) -> tuple[pa.Table, pa.Table]:
    """Returns the index without the images that find_copies names, and the rejected files with them."""
    index = gathered.index
    columns = {name: index[name].to_pylist() for name in ("name", "label", "split", "source", "sha256")}
    copies = find_copies(columns["sha256"], columns["label"], columns["split"])
    if not copies:
        return index, gathered.rejected
    rows = [
        {
            **{name: columns[name][copy.row] for name in ("name", "split", "source")},
            "label": classes[columns["label"][copy.row]],
            "reason": copy.reason,
            "message": f"has the same bytes as '{columns['name'][copy.other]}' of class "
            f"'{classes[columns['label'][copy.other]]}' in {columns['split'][copy.other] or 'train'}",
        }
        for copy in copies
    ]
    keep = np.ones(index.num_rows, bool)
    keep[[copy.row for copy in copies]] = False
    kept = index.filter(pa.array(keep))
    if kept.num_rows:
        kept = index_table(kept.drop_columns(["id", "shard", "shard_row"]), drop_images(draft, keep))
    return kept, pa.concat_tables([gathered.rejected, pa.Table.from_pylist(rows, REJECTED_SCHEMA)])


def _with_test_split(index: pa.Table, rejected: pa.Table, classes: Sequence[str], seed: int) -> pa.Table:
    """Returns the index with a split in every row."""
    given = index["split"].to_pylist()
    splits = np.array([split or "train" for split in given], object)
    labels = index["label"].to_numpy()
    is_train = splits == "train"
    counts = np.bincount(labels[is_train], minlength=len(classes))
    if not counts.all():
        missing = int(np.argmin(counts))
        raise _untrainable(classes[missing], splits[labels == missing], rejected)
    if "test" not in given:
        digests = index["sha256"].filter(pa.array(is_train)).to_pylist()
        chosen = draw(labels[is_train], digests, held_out_for_test(counts, classes), seed, "test")
        splits[np.flatnonzero(is_train)[chosen]] = "test"
    return index_table(index.drop_columns(["split"]), pa.table({"split": pa.array(splits, pa.string())}))


def _untrainable(name: str, splits: np.ndarray, rejected: pa.Table) -> DataError:
    """Returns the error for a class without a training image."""
    own = rejected.filter(pc.equal(rejected["label"], name))
    lost = f" Files of it that cannot be used: {_by_reason(own)}. {_examples(own)}" if own.num_rows else ""
    if len(splits):
        return DataError(
            f"Class '{name}' has {len(splits):,} images in {splits[0]} but none in train.{lost} Add training images of "
            "it, join it with another class by --mapping, or take it out."
        )
    return DataError(f"Class '{name}' has no usable image.{lost} Add images of it or take it out.")


def _describe(
    index: pa.Table, rejected: pa.Table, sources: Sequence[Source], classes: Sequence[str], seed: int
) -> DatasetInfo:
    labels, splits = index["label"].to_numpy(), index["split"].to_pylist()
    return DatasetInfo(
        classes=list(classes),
        counts=count_images(classes, labels, np.array(splits)),
        sources=[
            {"kind": source.kind, "location": source.location, "files": source.count, "ignored": source.ignored}
            for source in sources
        ],
        content_id=content_id(splits, [classes[label] for label in labels], index["sha256"].to_pylist()),
        seed=seed,
        rejected=dict(Counter(rejected["reason"].to_pylist())),
        allow_flip=allows_flip(sources, classes),
    )


def _tell_rejected(rejected: pa.Table, out: Path) -> None:
    if rejected.num_rows:
        logger.info(
            "%d files are not used: %s. %s All are listed in '%s'.",
            rejected.num_rows,
            _by_reason(rejected),
            _examples(rejected),
            out / REJECTED_PARQUET,
        )


def _by_reason(rejected: pa.Table) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in Counter(rejected["reason"].to_pylist()).most_common())


def _examples(rejected: pa.Table, count: int = 3) -> str:
    return " ".join(f"'{row['name']}' {row['message']}." for row in rejected.slice(0, count).to_pylist())
