"""Writes the pipelines' YAML: python -m saccade_pipelines.compile [DIRECTORY]."""

import sys
from pathlib import Path

from kfp import compiler

from saccade_pipelines.drift import drift_pipeline
from saccade_pipelines.training import training_pipeline

COMPILED = Path(__file__).parent / "compiled"
PIPELINES = {"training.yaml": training_pipeline, "drift.yaml": drift_pipeline}


def compile_pipelines(directory: Path = COMPILED) -> list[Path]:
    """Writes one YAML file a pipeline into directory and returns their paths."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, pipeline in PIPELINES.items():
        compiler.Compiler().compile(pipeline, str(directory / name))
    return [directory / name for name in PIPELINES]


if __name__ == "__main__":
    compile_pipelines(Path(sys.argv[1]) if len(sys.argv) > 1 else COMPILED)
