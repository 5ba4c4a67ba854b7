"""The fast network for small images, after airbench94 (Jordan 2024, cifar10-airbench).

A whitening 2x2 convolution, three groups of (convolution, 2x2 max pool, norm, GELU, convolution, norm, GELU), a global
max pool and a linear head. Differences from the source: the last pool takes the maximum over whatever is left, so any
image side from 9 px works; the network computes in the dtype of its input and keeps float32 weights.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from saccade.core.errors import SpecError

WHITENING_KERNEL_PX = 2
WHITENING_CHANNELS = 2 * 3 * WHITENING_KERNEL_PX**2  # every eigenvector and its negative
GROUP_CHANNELS = (64, 256, 256)
CHANNEL_MULTIPLE = 16  # what one vector register of bfloat16 pairs holds
ROUNDING_VARIANCE = 1e-5  # of normalised pixels in bfloat16
SMALLEST_SIDE_PX = 9  # one pixel must be left after the whitening layer and three halvings


class CustomCnn(nn.Module):
    """forward(pixels) -> (logits, features).

    pixels: (N, 3, H, W) normalised; float32 or bfloat16 decides what the convolutions compute in.
    logits: (N, K) float32.   features: (N, D) float32, the pooled activations under the head.
    """

    def __init__(self, classes: int, size: int, width: float = 1.0) -> None:
        """size: side of the images in px.   width: factor on the channels of every group.

        Raises SpecError for images that are too small.
        """
        super().__init__()
        if size < SMALLEST_SIDE_PX:
            raise SpecError(
                f"custom_cnn needs images of at least {SMALLEST_SIDE_PX} px a side, not {size}. "
                f"Prepare the dataset again with a larger --size."
            )
        channels = [_scaled(count, width) for count in GROUP_CHANNELS]
        self.whitening = Whitening()
        inputs = [WHITENING_CHANNELS, *channels[:-1]]
        self.groups = nn.Sequential(*(ConvGroup(*pair) for pair in zip(inputs, channels, strict=True)))
        self.head = nn.Linear(channels[-1], classes, bias=False)
        with torch.no_grad():
            self.head.weight.div_(self.head.weight.std())

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        features = self.groups(F.gelu(self.whitening(pixels))).amax((2, 3)).float()
        return self.head(features) / features.size(1), features


class Whitening(nn.Module):
    """A 2x2 convolution with fixed filters, fitted to a sample of the training images; only its bias learns.

    The bias of a filter that is zero stays zero. The channel is constant then, the norm after it magnifies the rounding
    of its gradient, and in bfloat16 such a bias ran away to hundreds within 40 steps on grey images.
    """

    filters: Tensor
    is_live: Tensor

    def __init__(self) -> None:
        super().__init__()
        kernel = (WHITENING_CHANNELS, 3, WHITENING_KERNEL_PX, WHITENING_KERNEL_PX)
        self.register_buffer("filters", torch.zeros(kernel))
        self.register_buffer("is_live", torch.ones(WHITENING_CHANNELS))
        self.bias = nn.Parameter(torch.zeros(WHITENING_CHANNELS))

    def forward(self, pixels: Tensor) -> Tensor:
        bias = self.bias * self.is_live
        return F.conv2d(pixels, self.filters.to(pixels.dtype), bias.to(pixels.dtype))

    def fit(self, pixels: Tensor, epsilon: float) -> None:
        """Sets the filters from normalised images, (N, 3, H, W) float32."""
        self.filters.copy_(whitening_filters(pixels, epsilon))
        self.is_live.copy_(self.filters.flatten(1).any(dim=1))


class ConvGroup(nn.Module):
    """Halves the image side and changes the channels from inputs to outputs."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = Conv3x3(inputs, outputs)
        self.norm1 = BiasNorm(outputs)
        self.conv2 = Conv3x3(outputs, outputs)
        self.norm2 = BiasNorm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = F.gelu(self.norm1(F.max_pool2d(self.conv1(x), 2)))
        return F.gelu(self.norm2(self.conv2(x)))


class Conv3x3(nn.Conv2d):
    """A 3x3 convolution that starts as the identity on as many channels as it can."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, kernel_size=3, padding=1, bias=False)
        nn.init.dirac_(self.weight.data[:inputs])

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight.to(x.dtype), padding=1)


class BiasNorm(nn.BatchNorm2d):
    """Batch norm whose only learned part is the bias; its statistics follow the last few batches.

    eps is large enough that a channel which is constant, as on grey images, does not blow up the gradient.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-3, momentum=0.4)
        self.weight.requires_grad = False


def whitening_filters(pixels: Tensor, epsilon: float) -> Tensor:
    """Returns filters (24, 3, 2, 2) whose outputs on pixels are uncorrelated and of mean square near 1, then -filters.

    pixels: (N, 3, H, W) float32, normalised. The filters come in order of falling variance.
    epsilon: added to every eigenvalue, so that directions of little variance are not blown up: JPEG with halved chroma
    leaves 1e-4 in 2x2 patches, where bfloat16 pixels carry rounding noise of 1e-5. Directions below that, as between
    the channels of grey images, get no filter: all that they would pass on is the rounding.
    """
    patches = F.unfold(pixels, WHITENING_KERNEL_PX).transpose(1, 2).flatten(0, 1).double()
    covariance = patches.T @ patches / len(patches)
    variances, directions = (part.flip(-1) for part in torch.linalg.eigh(covariance))
    gains = torch.where(variances > ROUNDING_VARIANCE, torch.rsqrt(variances + epsilon), 0)
    filters = (directions.T * gains[:, None]).float().view(-1, 3, WHITENING_KERNEL_PX, WHITENING_KERNEL_PX)
    return torch.cat((filters, -filters))


def _scaled(channels: int, width: float) -> int:
    return max(1, round(channels * width / CHANNEL_MULTIPLE)) * CHANNEL_MULTIPLE
