"""Prepared uint8 pixels to what the network takes."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from saccade.training.device import ComputeDevice


class InputNormalizer:
    """Scales pixels to [0, 1], subtracts mean and divides by std, as the dataset's preprocessing specification says."""

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...], compute: ComputeDevice) -> None:
        self.compute = compute
        self.mean = torch.tensor(mean, device=compute.device).view(1, 3, 1, 1) * 255
        self.std = torch.tensor(std, device=compute.device).view(1, 3, 1, 1) * 255

    def __call__(self, pixels: np.ndarray, side: int, dtype: torch.dtype | None = None) -> Tensor:
        """Returns (N, 3, side, side) in dtype (the compute dtype), channels last, resized with antialiasing if need be.

        pixels: (N, H, W, 3) uint8.
        """
        images = torch.from_numpy(pixels).to(self.compute.device).permute(0, 3, 1, 2).float()
        if side != images.size(2):
            images = F.interpolate(images, size=(side, side), mode="bilinear", antialias=True)
        return images.sub_(self.mean).div_(self.std).to(dtype or self.compute.dtype)
