"""A network whose layers compute in int8, with the ranges that real images need. The one file that imports NNCF."""

import contextlib
import io
import logging
from pathlib import Path

import numpy as np

import saccade_native
from saccade.core.artifacts import ENGINE_XML
from saccade.core.errors import UsageError
from saccade.core.settings import opt_out_of_telemetry
from saccade.preprocess.spec import PreprocessSpec


def quantize_int8(engine_xml: Path, pixels: np.ndarray, spec: PreprocessSpec, directory: Path) -> None:
    """Writes ENGINE_XML and ENGINE_BIN into directory: engine_xml's network with int8 layers, its interface unchanged.

    pixels: (N, H, W, 3) uint8, prepared images of the training split; their activations set the ranges, so a few
    hundred should show what the network will see.
    Raises UsageError where NNCF is not installed.
    """
    opt_out_of_telemetry()
    import openvino

    try:
        import nncf  # 4 CPU seconds, most of them torch
    except ImportError as error:
        raise UsageError(
            f"int8 needs NNCF: {error}. Install 'saccade[train]', or choose --engine f32 or bf16."
        ) from error
    nncf.set_log_level(logging.WARNING)
    network = openvino.Core().read_model(engine_xml)
    images = nncf.Dataset(pixels, lambda image: _tensor(image, spec))
    # NNCF draws progress bars on stdout, where our callers' result goes.
    with contextlib.redirect_stdout(io.StringIO()):
        # MIXED: activations keep a zero point, which costs no time and serves GELU and hard-swish, whose negative side
        # is short.
        quantized = nncf.quantize(network, images, preset=nncf.QuantizationPreset.MIXED, subset_size=len(pixels))
    openvino.save_model(quantized, directory / ENGINE_XML, compress_to_fp16=False)


def _tensor(image: np.ndarray, spec: PreprocessSpec) -> np.ndarray:
    """Returns (1, 3, H, W) float32 of an (H, W, 3) uint8 image, as the server prepares it."""
    tensor = np.empty((1, 3, spec.height, spec.width), np.float32)
    saccade_native.normalize(image[None], spec.native, tensor, threads=1)
    return tensor
