"""Capture records and the bundle's reference, read into arrays."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from saccade.core.artifacts import CAPTURE_GLOB, CAPTURE_SCHEMA, IMAGE_STATISTICS
from saccade.core.errors import BundleError, DataError, UsageError
from saccade.core.log import logger
from saccade.watch.verdict import Answers

MIN_RECORDS = 20
DEFAULT_WINDOW = 500
SCALARS = ("probability", "ood_score", *IMAGE_STATISTICS)
_COLUMNS = ("request_id", "time", "model", "version", "label", "embedding", "width", "height", *SCALARS)


@dataclass(frozen=True)
class CaptureWindow:
    """The latest records of one model, oldest first, and what was left out."""

    records: pa.Table
    found: int  # records of this model in all files
    other_models: int  # records of other models or versions
    unreadable: list[str]  # names of damaged files


def read_capture(source: Path, model: str, version: str, window: int | None = None) -> CaptureWindow:
    """Returns the latest `window` records (default: at most DEFAULT_WINDOW) that this model answered.

    source: one capture file or a directory of them. A damaged file is named, logged and passed over: a file that a
    killed server left must not stop every later drift job.
    Raises UsageError for a missing path and DataError when fewer than MIN_RECORDS records are left.
    """
    tables, unreadable = [], []
    for path in _capture_files(source):
        try:
            tables.append(pq.read_table(path, columns=list(_COLUMNS)))
        except (pa.ArrowException, OSError) as error:
            logger.warning("Capture file '%s' is damaged and left out: %s", path, error)
            unreadable.append(path.name)
    empty = pa.schema([CAPTURE_SCHEMA.field(name) for name in _COLUMNS]).empty_table()
    everything = pa.concat_tables([empty, *tables])
    usable = everything.filter(pc.is_valid(everything["embedding"]))
    ours = usable.filter(pc.and_(pc.equal(usable["model"], model), pc.equal(usable["version"], version)))
    if len(ours) < MIN_RECORDS:
        raise DataError(_too_few(source, len(ours), usable, model, version))
    latest = ours.sort_by("time")[-(window or DEFAULT_WINDOW) :]
    if len(latest) < MIN_RECORDS:
        raise UsageError(
            f"A window of {window} records is too small to judge. Ask for at least {MIN_RECORDS} with --window."
        )
    return CaptureWindow(latest, found=len(ours), other_models=len(usable) - len(ours), unreadable=unreadable)


def read_reference(path: Path) -> pa.Table:
    """Returns the reference's records. Raises BundleError when the file is missing or damaged."""
    try:
        return pq.read_table(path, columns=list(_COLUMNS))
    except (pa.ArrowException, OSError) as error:
        raise BundleError(f"The reference '{path}' cannot be read: {error}. Evaluate the model again.") from error


def answers(records: pa.Table, classes: list[str]) -> Answers:
    """Returns the records as arrays. Raises DataError for a label that is no class of the model."""
    place = {name: index for index, name in enumerate(classes)}
    labels = records["label"].to_pylist()
    if unknown := sorted(set(labels) - place.keys()):
        raise DataError(
            f"The records hold labels {unknown} that the model does not have. Capture with the same bundle."
        )
    return Answers(
        embedding=_matrix(records["embedding"]),
        predicted=np.array([place[label] for label in labels], np.int64),
        scalars={name: records[name].to_numpy().astype(np.float32) for name in SCALARS},
    )


def _capture_files(source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise UsageError(f"There is no capture at '{source}'. Serve with SACCADE_CAPTURE_DIR set, then send images.")
    return sorted(source.rglob(CAPTURE_GLOB))


def _matrix(column: pa.ChunkedArray) -> NDArray[np.float32]:
    lists = column.combine_chunks()
    return lists.flatten().to_numpy(zero_copy_only=False).astype(np.float32).reshape(len(lists), -1)


def _too_few(source: Path, found: int, usable: pa.Table, model: str, version: str) -> str:
    message = f"'{source}' holds {found} records of model '{model}' version '{version}'; drift needs {MIN_RECORDS}."
    others = sorted({f"{name} {number}" for name, number in zip(*_names(usable), strict=True)} - {f"{model} {version}"})
    if others:
        return f"{message} It also holds records of {', '.join(others)}: choose the bundle that was served."
    return f"{message} Send more images, then try again."


def _names(usable: pa.Table) -> tuple[list[str], list[str]]:
    return usable["model"].to_pylist(), usable["version"].to_pylist()
