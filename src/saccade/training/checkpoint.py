"""Training that goes on after kill -9: the state of the last whole epoch, in one file that is replaced at once."""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch

from saccade.core.files import atomic_file
from saccade.core.log import logger


def fingerprint(**identity: Any) -> str:
    """Returns a digest of what must be equal for a checkpoint to be of use: config, dataset, seed, code."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def save_checkpoint(path: Path, identity: str, state: dict[str, Any]) -> None:
    """Writes the state, whole or not at all. Raises StorageError when the disk is full."""
    with atomic_file(path) as draft:
        torch.save({"identity": identity, "state": state}, draft)


def load_checkpoint(path: Path, identity: str, device: torch.device) -> dict[str, Any] | None:
    """Returns the state saved under identity; None where there is none, it is of another training, or it is damaged."""
    if not path.exists():
        return None
    try:
        content = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:  # torch.load has no exception of its own for a damaged file
        logger.warning(f"Checkpoint '{path}' cannot be read ({error}); training starts anew.")
        return None
    if content["identity"] != identity:
        return None
    state: dict[str, Any] = content["state"]
    return state
