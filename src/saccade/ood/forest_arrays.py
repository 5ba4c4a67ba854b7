"""An isolation forest as plain arrays: what ood.npz holds and the native classifier takes."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from saccade.core.errors import BundleError
from saccade.core.files import atomic_file


@dataclass(frozen=True)
class ForestArrays:
    """Trees over D features; all trees' nodes stand in one array, parents before children.

    The trees see float32(features / |features| - the nearest centre).
    score = 2 ** -(mean path length over the trees / normalizer), in (0, 1); larger means more unusual.
    """

    centres: NDArray[np.float32]  # (C, D) mean direction of each class's training features
    roots: NDArray[np.int32]  # (trees,) index of each tree's root
    feature: NDArray[np.int32]  # (nodes,) index of the deviation that a node compares; negative at a leaf
    threshold: NDArray[np.float64]  # (nodes,) go left where deviation <= threshold
    left: NDArray[np.int32]  # (nodes,) index of a child; any value at a leaf
    right: NDArray[np.int32]  # (nodes,)
    path_length: NDArray[np.float64]  # (nodes,) at a leaf: edges to it, plus the mean path in a tree of its samples
    normalizer: float  # mean path length in a tree of the samples that each tree saw


def save_ood(path: Path, forest: ForestArrays) -> None:
    """Writes the forest as an .npz file without pickled objects, whole or not at all."""
    # savez appends .npz to a path that lacks it, but writes into an open file as it is.
    with atomic_file(path) as draft, draft.open("wb") as file:
        np.savez(file, **_fields(forest))


def load_ood(path: Path) -> ForestArrays:
    """Returns the forest that save_ood wrote. Raises BundleError for a missing or damaged file.

    Whether the trees hang together is checked where they are used: in the native IsolationForest.
    """
    try:
        # Opened here: np.load leaves the file that it opens itself open when it is damaged.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        normalizer = float(arrays.pop("normalizer"))
        return ForestArrays(**arrays, normalizer=normalizer)
    except FileNotFoundError as error:
        raise BundleError(f"'{path}' is missing. Evaluate again to make the bundle whole.") from error
    except Exception as error:  # numpy raises half a dozen types for damaged archives
        raise BundleError(f"'{path}' is damaged ({type(error).__name__}: {error}). Evaluate again.") from error


def _fields(forest: ForestArrays) -> dict[str, Any]:
    return {field.name: getattr(forest, field.name) for field in dataclasses.fields(forest)}
