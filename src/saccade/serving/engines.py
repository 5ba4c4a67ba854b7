"""The engines that a bundle may hold: the files of each, and the library that runs it."""

from pathlib import Path

from saccade.core.artifacts import ENGINE_BIN, ENGINE_PT2, ENGINE_XML
from saccade.core.errors import BundleError

# "kind" of the engine in bundle.json -> its files, first the one that is opened
ENGINE_FILES = {"openvino": (ENGINE_XML, ENGINE_BIN), "inductor": (ENGINE_PT2,)}


def engine_module(engine_file: Path) -> str | None:
    """Returns the path of the module that runs the file, or None for a file that saccade_native runs by itself.

    Raises BundleError where that module is not installed.
    """
    if engine_file.name != ENGINE_PT2:
        return None
    try:
        import saccade_native_torch  # imports no torch
    except ImportError as error:
        raise BundleError(
            f"'{engine_file}' is run by libtorch. Install saccade-native-torch, which brings it, or evaluate again "
            "with an engine of OpenVINO."
        ) from error
    return str(saccade_native_torch.library_path())
