"""Images that occur more than once, byte for byte."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from saccade.data.sources.source import Reason


class Copy(NamedTuple):
    """A row that is not used because another row has the same bytes."""

    row: int
    reason: Reason  # "duplicate", "leak" or "conflicting"
    other: int


def find_copies(digests: Sequence[str], labels: Sequence[int], splits: Sequence[str | None]) -> list[Copy]:
    """Returns the rows to leave out, in ascending order; all three sequences have one entry an image.

    A given test split stays as it is, copies within it included, so that accuracy on it compares with others'.
    Elsewhere the copy that is held out wins: what is in test leaves train and validation, what is in validation leaves
    train (leak). The same bytes under two classes are all left out (conflicting). Of equal images in one class and
    split the first stays (duplicate). No split (None) counts as train.
    """
    found: list[Copy] = []
    for rows in _groups(digests):
        found.extend(_copies_in_group(rows, labels, splits))
    return sorted(found)


def _groups(digests: Sequence[str]) -> list[list[int]]:
    """Returns the rows of each digest that occurs at least twice."""
    _, group, counts = np.unique(np.asarray(digests), return_inverse=True, return_counts=True)
    groups: dict[int, list[int]] = {}
    for row in np.flatnonzero(counts[group] > 1):
        groups.setdefault(int(group[row]), []).append(int(row))
    return list(groups.values())


def _copies_in_group(rows: list[int], labels: Sequence[int], splits: Sequence[str | None]) -> list[Copy]:
    tested = [row for row in rows if splits[row] == "test"]
    if tested:
        return [Copy(row, "leak", tested[0]) for row in rows if splits[row] != "test"]
    if len({labels[row] for row in rows}) > 1:
        return [Copy(row, "conflicting", next(other for other in rows if labels[other] != labels[row])) for row in rows]
    kept = min(rows, key=lambda row: (splits[row] != "val", row))
    return [Copy(row, "duplicate" if _same_split(splits, row, kept) else "leak", kept) for row in rows if row != kept]


def _same_split(splits: Sequence[str | None], row: int, other: int) -> bool:
    return (splits[row] or "train") == (splits[other] or "train")
