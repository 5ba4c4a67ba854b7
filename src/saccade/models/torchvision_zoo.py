"""The torchvision network for larger images, with random weights: nothing is downloaded."""

import torch
from torch import Tensor, nn
from torchvision.models import resnet18

SMALL_SIDE_PX = 64  # up to here the ImageNet stem (stride 4) would leave too little


class ResNet18(nn.Module):
    """forward(pixels) -> (logits, features).

    pixels: (N, 3, H, W) normalised; bfloat16 input runs the network under autocast, weights stay float32.
    logits: (N, K) float32.   features: (N, 512) float32, the pooled activations under the head.
    Images up to 64 px a side get the CIFAR stem: a 3x3 convolution of stride 1 and no pool.
    """

    def __init__(self, classes: int, size: int) -> None:
        super().__init__()
        self.trunk = resnet18(weights=None)
        if size <= SMALL_SIDE_PX:
            self.trunk.conv1 = nn.Conv2d(3, 64, kernel_size=3, padding=1, bias=False)
            self.trunk.maxpool = nn.Identity()
        self.head = nn.Linear(self.trunk.fc.in_features, classes)
        self.trunk.fc = nn.Identity()

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        with torch.autocast(pixels.device.type, dtype=torch.bfloat16, enabled=pixels.dtype == torch.bfloat16):
            features = self.trunk(pixels)
        features = features.float()
        return self.head(features), features
