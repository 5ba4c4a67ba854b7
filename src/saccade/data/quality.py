"""What is wrong with an image file, and what can be said about a good one: one native pass over a batch."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

import saccade_native
from saccade.core.artifacts import IMAGE_STATISTICS
from saccade.data.sources.source import Fault, Reason, Record
from saccade.preprocess.spec import PreprocessSpec

INSPECT_PX = 32
_REASONS: dict[str, Reason] = {"unknown_format": "not_an_image", "limit": "too_large", "memory": "too_large"}


class Inspected(NamedTuple):
    """A batch of records, told apart. facts has a row for each good one, in order."""

    good: list[Record]
    facts: pa.Table  # width, height, sha256, perceptual_hash and the image statistics
    rejected: list[tuple[Record, Fault]]


class Inspector:
    """Decodes images at a small size to see that they are whole."""

    def __init__(self, threads: int) -> None:
        self._spec = PreprocessSpec.parse(["decode", f"resize({INSPECT_PX},{INSPECT_PX})"])
        self._threads = threads

    def inspect(self, records: Sequence[Record]) -> Inspected:
        """Returns which records are good images, and why the others are not."""
        rejected = [(record, record.fault) for record in records if record.fault]
        candidates = [record for record in records if not record.fault]
        pixels = np.empty((len(candidates), INSPECT_PX, INSPECT_PX, 3), np.uint8)
        infos = saccade_native.prepare(
            [record.data for record in candidates], self._spec.native, pixels, threads=self._threads
        )
        good = [pair for pair in zip(candidates, infos, strict=True) if pair[1].error is None]
        rejected += [
            (record, _fault(info.error))
            for record, info in zip(candidates, infos, strict=True)
            if info.error is not None
        ]
        facts = facts_table([info for _, info in good])
        digests = [hashlib.sha256(record.data).hexdigest() for record, _ in good]
        facts = facts.append_column("sha256", pa.array(digests, pa.string()))
        return Inspected([record for record, _ in good], facts, rejected)


def facts_table(infos: Sequence[saccade_native.ImageInfo]) -> pa.Table:
    """Returns width, height, perceptual hash and statistics of each image, in the types of INDEX_SCHEMA."""
    columns = {
        "width": pa.array([info.width for info in infos], pa.int32()),
        "height": pa.array([info.height for info in infos], pa.int32()),
        "perceptual_hash": pa.array([info.perceptual_hash for info in infos], pa.uint64()),
    }
    statistics = [info.statistics for info in infos]
    for name in IMAGE_STATISTICS:
        columns[name] = pa.array([getattr(item, name) for item in statistics], pa.float32())
    return pa.table(columns)


def _fault(error: saccade_native.Error) -> Fault:
    return Fault(_REASONS.get(error.code, "unreadable"), str(error))
