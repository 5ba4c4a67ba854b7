"""A trained network compiled for torch's engine."""

from pathlib import Path

import torch
from safetensors.torch import load_file

from saccade.core.artifacts import ENGINE_PT2, WEIGHTS, TrainingInfo
from saccade.core.log import logger
from saccade.models.export_inductor import export_inductor
from saccade.models.registry import build_model
from saccade.preprocess.spec import PreprocessSpec
from saccade.serving.engines import engine_module


def compile_inductor(training: Path, info: TrainingInfo, directory: Path) -> None:
    """Writes ENGINE_PT2 into directory: bfloat16 for the GPU here, or float32 for the CPU where there is none.

    Raises BundleError where the package that runs it is not installed, UsageError where there is no C++ compiler.
    """
    engine_module(directory / ENGINE_PT2)  # what is missing should show before the wait
    size = PreprocessSpec.parse(info.preprocess).height
    model = build_model(info.architecture, len(info.classes), size, info.config["width"])
    model.load_state_dict(load_file(training / WEIGHTS))
    if torch.cuda.is_available():
        logger.info(f"Compiling for {torch.cuda.get_device_name()} in bfloat16.")
        export_inductor(model, size, directory, device="cuda", precision="bf16")
    else:
        logger.info("Compiling for the CPU in float32.")
        export_inductor(model, size, directory)
