"""The engine of saccade-native that runs AOTInductor packages, as a shared library. Importing this loads no torch."""

from pathlib import Path


def library_path() -> Path:
    """Returns the engine module, for saccade_native.Classifier(engine_module=...)."""
    return Path(__file__).parent / "libsaccade_torch.so"
