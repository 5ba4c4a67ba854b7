"""Checkpoints: whole, of the same training, or none."""

import logging
from pathlib import Path

import pytest
import torch

from saccade.training.checkpoint import fingerprint, load_checkpoint, save_checkpoint

CPU = torch.device("cpu")


def test_checkpoint_of_the_same_training_comes_back(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "work" / "checkpoint.pt", "a", {"weights": torch.arange(3), "step": 7})
    state = load_checkpoint(tmp_path / "work" / "checkpoint.pt", "a", CPU)
    assert state is not None
    assert (state["weights"].tolist(), state["step"]) == ([0, 1, 2], 7)


def test_checkpoint_of_another_training_is_not_used(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "checkpoint.pt", "a", {"step": 7})
    assert load_checkpoint(tmp_path / "checkpoint.pt", "b", CPU) is None


def test_missing_checkpoint_is_none(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path / "checkpoint.pt", "a", CPU) is None


def test_damaged_checkpoint_is_named_and_not_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(b"not a checkpoint")
    with caplog.at_level(logging.WARNING, logger="saccade"):
        assert load_checkpoint(path, "a", CPU) is None
    assert f"Checkpoint '{path}' cannot be read" in caplog.text


def test_fingerprint_depends_on_values_and_not_on_their_order() -> None:
    assert fingerprint(seed=1, config={"a": 1, "b": 2}) == fingerprint(config={"b": 2, "a": 1}, seed=1)
    assert fingerprint(seed=1, config={}) != fingerprint(seed=2, config={})
