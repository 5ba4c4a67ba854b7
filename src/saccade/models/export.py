"""A trained network as an OpenVINO IR: the file that the serving engine runs."""

import copy
import warnings
from pathlib import Path

import torch
from torch import nn

from saccade.core.artifacts import ENGINE_XML


def export_openvino(model: nn.Module, size: int, directory: Path) -> None:
    """Writes ENGINE_XML and ENGINE_BIN into directory: float32 weights, input `pixels`, any batch size.

    model: takes (N, 3, size, size) float32, returns logits (N, K) and features (N, D), on any device. A copy is
    exported, in eval mode; the model itself does not change.
    """
    import openvino  # takes half a second to import

    network = copy.deepcopy(model).cpu().float().eval()
    images = torch.zeros(2, 3, size, size)
    with torch.inference_mode(), warnings.catch_warnings():
        # OpenVINO's converter traces, which torch wants its callers to leave behind.
        warnings.filterwarnings("ignore", category=FutureWarning, module="torch.jit")
        converted = openvino.convert_model(network, example_input=images, input=[-1, 3, size, size])
    converted.inputs[0].get_tensor().set_names({"pixels"})
    for output, name in zip(converted.outputs, ("logits", "features"), strict=True):
        output.get_tensor().set_names({name})
    openvino.save_model(converted, directory / ENGINE_XML, compress_to_fp16=False)
