"""The recipe: defaults and refusals."""

from dataclasses import replace

import pytest

from saccade.core.errors import SpecError
from saccade.training.config import TrainingConfig, default_config


@pytest.fixture
def config() -> TrainingConfig:
    return default_config("custom_cnn", train_images=48_000, side=32)


def test_config_survives_a_round_trip(config: TrainingConfig) -> None:
    assert TrainingConfig.from_dict(config.to_dict()) == config


def test_config_with_unknown_key_names_the_nearest(config: TrainingConfig) -> None:
    with pytest.raises(SpecError, match=r"no 'learning_rat'. Did you mean 'learning_rate'"):
        TrainingConfig.from_dict({**config.to_dict(), "learning_rat": 1})


def test_config_with_missing_key_names_it(config: TrainingConfig) -> None:
    values = config.to_dict()
    del values["momentum"]
    with pytest.raises(SpecError, match="lacks momentum"):
        TrainingConfig.from_dict(values)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs must be above 0, not 0"),
        ({"learning_rate": -1.0}, "learning_rate must be above 0, not -1.0"),
        ({"learning_rate": float("nan")}, "learning_rate must be above 0, not nan"),
        ({"label_smoothing": 1.5}, "label_smoothing must be between 0 and 1, not 1.5"),
        ({"architecture": "resnet"}, "no architecture 'resnet'"),
    ],
)
def test_impossible_value_is_refused(config: TrainingConfig, change: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        replace(config, **change)  # type: ignore[arg-type]


def test_low_resolution_lasts_for_its_part_of_training(config: TrainingConfig) -> None:
    chosen = replace(config, low_resolution=0.75, low_resolution_part=0.5)
    assert [chosen.side_at(progress, 32) for progress in (0, 0.49, 0.5, 1)] == [24, 24, 32, 32]


@pytest.mark.parametrize(
    ("images", "batch_size"), [(48_000, 1000), (1_400, 64), (80, 32)]
)  # 1,400 / 24 is nearest to 64; 32 is the least
def test_small_sets_get_smaller_batches(images: int, batch_size: int) -> None:
    assert default_config("custom_cnn", images, side=32).batch_size == batch_size


def test_tiny_set_gets_epochs_for_two_hundred_steps() -> None:
    config = default_config("custom_cnn", train_images=80, side=32)
    assert config.epochs == 100  # two batches of 32 in an epoch


def test_shift_is_a_sixteenth_of_the_side() -> None:
    assert [default_config("resnet18", 1000, side).translate_px for side in (8, 32, 128)] == [1, 2, 8]
