"""A trained network as an AOTInductor package: machine code for one kind of device, which libtorch runs."""

import copy
import platform
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn
from torch._inductor.exc import InductorError, InvalidCxxCompiler

from saccade.core.artifacts import ENGINE_PT2
from saccade.core.errors import UsageError

# Kernels that any x86-64 processor since 2013 runs, not only one like this. Convolutions and matrix products, which
# take most of the time, are oneDNN's, and that chooses by the processor it finds.
PORTABLE_X86_64 = {"cpp.simdlen": 256, "cpp.march": ""}


class _Served(nn.Module):
    """The network as the engine calls it: float32 in, float32 out, bfloat16 between where that is asked for."""

    def __init__(self, network: nn.Module, device: str, *, is_bfloat16: bool) -> None:
        super().__init__()
        self.network, self.device, self.is_bfloat16 = network, device, is_bfloat16

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        with torch.autocast(self.device, torch.bfloat16, enabled=self.is_bfloat16):
            logits, features = self.network(pixels)
        return logits.float(), features.float()


def export_inductor(
    model: nn.Module,
    size: int,
    directory: Path,
    *,
    device: Literal["cpu", "cuda"] = "cpu",
    precision: Literal["f32", "bf16"] = "f32",
) -> None:
    """Writes ENGINE_PT2 into directory, for any batch size. Needs a C++ compiler; takes tens of seconds.

    model: takes (N, 3, size, size) float32, returns logits (N, K) and features (N, D), on any device. A copy is
    compiled, in eval mode; the model itself does not change.
    device: a GPU must be here, and the package runs on GPUs of its kind only.
    Raises UsageError where there is no C++ compiler.
    """
    served = _Served(copy.deepcopy(model).float().eval(), device, is_bfloat16=precision == "bf16").to(device)
    images = torch.zeros(2, 3, size, size, device=device)
    with torch.no_grad():
        program = torch.export.export(served, (images,), dynamic_shapes={"pixels": {0: torch.export.Dim("N", min=1)}})
    try:
        torch._inductor.aoti_compile_and_package(
            program, package_path=str(directory / ENGINE_PT2), inductor_configs=_settings(size, precision)
        )
    except InductorError as error:
        if not isinstance(error.inner_exception, InvalidCxxCompiler):
            raise
        raise UsageError("torch finds no C++ compiler for the engine. Install g++, or name one in CXX.") from error


def _settings(size: int, precision: str) -> dict[str, Any]:
    # Read by native/torch/src/torch_engine.cpp before it runs anything.
    metadata = {"saccade_size": f"{size}x{size}", "saccade_precision": precision}
    return {
        "aot_inductor.metadata": metadata,
        "cpp.dynamic_threads": True,  # as many as the server has, not as this process has
        **(PORTABLE_X86_64 if platform.machine() == "x86_64" else {}),
    }
