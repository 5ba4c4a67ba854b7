"""Training batches: shuffled, flipped and shifted; seed and position alone decide how, so that training can resume."""

import torch

from saccade.preprocess.spec import PreprocessSpec
from saccade.training.config import TrainingConfig
from saccade.training.dataset import TrainingData
from saccade_native import Loader


def training_loader(data: TrainingData, config: TrainingConfig, seed: int) -> Loader:
    """Returns the batches of the training rows, (B, H, W, 3) uint8, made ahead on threads of their own.

    Of an alternate flip, two epochs show each image both ways (Jordan 2024, section 3: worth about one epoch in sixteen
    over random flips).
    """
    steps = ["flip(alternate)"] if data.allow_flip else []
    if config.translate_px:
        steps.append(f"translate({config.translate_px})")
    return Loader(
        data.pixels,
        data.labels,
        data.train_rows,
        PreprocessSpec.parse(["decode", f"resize({data.pixels.shape[1]},{data.pixels.shape[2]})"]).native,
        min(config.batch_size, len(data.train_rows)),
        steps,
        seed=seed,
        dtype="uint8",
        threads=torch.get_num_threads(),
    )
