"""What the search tries, and when it changes the recipe."""

import numpy as np
import pytest

from saccade.training.candidates import Candidate, draw_candidates, is_clearly_better, proxy_config, proxy_data
from saccade.training.config import default_config
from saccade.training.dataset import TrainingData


def test_first_candidate_is_the_default_recipe() -> None:
    config = default_config("custom_cnn", 48_000, 32)
    assert draw_candidates("custom_cnn", 4, seed=0)[0].applied_to(config) == config


def test_candidates_stay_within_their_factors() -> None:
    candidates = draw_candidates("custom_cnn", 100, seed=0)
    assert all(0.5 <= candidate.learning_rate <= 2 for candidate in candidates)
    assert all(0.25 <= candidate.weight_decay <= 4 for candidate in candidates)
    assert {candidate.width for candidate in candidates} == {0.75, 1.0, 1.25}


def test_candidates_of_an_architecture_of_one_width_keep_it() -> None:
    assert {candidate.width for candidate in draw_candidates("resnet18", 20, seed=0)} == {1.0}


def test_candidates_of_one_seed_are_the_same() -> None:
    assert draw_candidates("custom_cnn", 5, seed=1) == draw_candidates("custom_cnn", 5, seed=1)


def test_wider_network_gets_fewer_epochs() -> None:
    config = default_config("custom_cnn", 48_000, 32)
    assert Candidate(width=2.0).applied_to(config).epochs == config.epochs / 4


@pytest.mark.parametrize(("accuracy", "is_better"), [(0.83, False), (0.86, True)])
def test_clearly_better_means_three_standard_errors(accuracy: float, is_better: bool) -> None:
    # 400 images, 0.8 right: one error of the difference is about sqrt(2 * 0.16 / 400) = 0.028 near 0.8, three are 0.08
    assert is_clearly_better(accuracy + 0.03, 0.8, 400) is is_better


def test_proxy_holds_its_own_rows_only() -> None:
    labels = np.arange(20_000) % 4
    pixels = np.repeat(labels.astype(np.uint8), 32 * 32 * 3).reshape(-1, 32, 32, 3)
    data = TrainingData(
        pixels, labels, np.arange(15_000), np.arange(15_000, 20_000), tuple("abcd"), (0.5,) * 3, (0.2,) * 3, True
    )
    small = proxy_data(data, seed=0)
    assert (len(small.train_rows), len(small.validation_rows), len(small.pixels)) == (10_000, 2_000, 12_000)
    np.testing.assert_array_equal(small.pixels[:, 0, 0, 0], small.labels)


def test_proxy_trains_a_quarter_of_the_width_at_low_resolution() -> None:
    data = TrainingData(
        np.zeros((8, 32, 32, 3), np.uint8), np.arange(8) % 2, np.arange(6), np.arange(6, 8), ("a", "b"),
        (0.5,) * 3, (0.2,) * 3, True,
    )  # fmt: skip
    config = proxy_config(default_config("custom_cnn", 48_000, 32), data)
    assert (config.width, config.side_at(1.0, 32)) == (0.25, 32)
    assert config.side_at(0.99, 32) == 24
