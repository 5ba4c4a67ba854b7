"""What this machine computes on, and in which number format."""

import contextlib
import ctypes
import time
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from saccade.core.log import logger
from saccade.core.settings import read_settings

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}  # of /proc/cpuinfo, on x86 and Arm
SLOWEST_BFLOAT16 = 2.0  # times float32
BFLOAT16_TOLERANCE = 0.02  # of the largest value: 8 bits of mantissa, sums over 576 products


@dataclass(frozen=True)
class ComputeDevice:
    """device: where the tensors are.   dtype: what the convolutions compute in; weights are float32 always."""

    device: torch.device
    dtype: torch.dtype

    @property
    def dtype_name(self) -> str:
        """The dtype as a word: float32 or bfloat16."""
        return str(self.dtype).removeprefix("torch.")


def choose_device(threads: int | None = None) -> ComputeDevice:
    """Returns CUDA where there is one, else the CPU with its threads set; bfloat16 where it is right and faster.

    threads: for the CPU; all that this process may use by default.
    """
    if torch.cuda.is_available():
        dtype = torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
        return ComputeDevice(torch.device("cuda"), dtype)
    keep_freed_memory()
    device = torch.device("cpu")
    dtype = torch.bfloat16 if bfloat16_pays() else torch.float32
    torch.set_num_threads(threads or read_settings().threads)
    return ComputeDevice(device, dtype)


def keep_freed_memory() -> None:
    """Tells glibc to keep large freed blocks for the next batch and not to give them back to the kernel.

    Every training step frees and takes the same blocks of many MB; without this each step pays for fresh zeroed pages:
    933 images/s become 1,037 at batch 500 (2 cores, custom_cnn, best of 8).
    """
    with contextlib.suppress(OSError, AttributeError):  # another C library: only slower
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(M_MMAP_THRESHOLD, 1 << 30)
        libc.mallopt(M_TRIM_THRESHOLD, (1 << 31) - 1)


def bfloat16_pays() -> bool:
    """Returns whether a bfloat16 convolution, forward and backward, is right and faster than float32 on this CPU.

    Some torch releases run bfloat16 convolutions many times slower, or wrong, on some CPUs (pytorch issues 183815 and
    169688). Leaves torch with one thread, whose CPU time is what counts: a busy machine must not change the choice.
    """
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randn(16, 64, 16, 16, generator=generator).contiguous(memory_format=torch.channels_last)
    filters = torch.randn(64, 64, 3, 3, generator=generator).contiguous(memory_format=torch.channels_last)
    expected, full_s = _convolve(pixels, filters)
    actual, half_s = _convolve(pixels.bfloat16(), filters.bfloat16())
    is_right = all(_agrees(one, other) for one, other in zip(actual, expected, strict=True))
    if not is_right:
        logger.warning("bfloat16 convolutions give wrong numbers with this torch on this CPU: training in float32.")
    return is_right and half_s < full_s


def _convolve(pixels: torch.Tensor, filters: torch.Tensor) -> tuple[tuple[torch.Tensor, ...], float]:
    """Returns (output, both gradients) and the CPU seconds of the fastest of five rounds."""
    seconds = []
    for _ in range(5):
        inputs, weights = pixels.clone().requires_grad_(), filters.clone().requires_grad_()
        started = time.process_time()
        output = F.conv2d(inputs, weights, padding=1)
        gradients = torch.autograd.grad(output.float().square().sum(), (inputs, weights))
        seconds.append(time.process_time() - started)
    return (output.detach(), *gradients), min(seconds)


def _agrees(actual: torch.Tensor, expected: torch.Tensor) -> bool:
    difference = (actual.float() - expected).abs().max()
    return bool(difference <= BFLOAT16_TOLERANCE * expected.abs().max())
