"""Model bundle in; a model store out, in the shape that KServe's TorchServe runtime mounts."""

import json
import os
import re
import shutil
import tempfile
import warnings
import zipfile
from pathlib import Path
from typing import Any

from saccade.core.artifacts import (
    BUNDLE_JSON,
    CONFIG_PROPERTIES,
    FORMAT_VERSION,
    GOLDEN_ANSWERS_JSON,
    GOLDEN_DIR,
    MODEL_STORE_DIR,
    MODEL_STORE_INDEX,
    BundleInfo,
    file_digests,
)
from saccade.core.errors import BundleError, UsageError
from saccade.core.files import atomic_directory, sha256_of, write_json
from saccade.serving.configuration import ServedModel, config_properties
from saccade.serving.golden import surest

ARCHIVED_BUNDLE = "bundle"  # the directory of the bundle inside an archive
ARCHIVED_MODULES = {"handler.py": "handler.py", "torch_stand_in.py": "torch.py"}
STORE_ENTRIES = {MODEL_STORE_DIR, MODEL_STORE_INDEX, CONFIG_PROPERTIES.partition("/")[0], "README.md"}
ARCHIVE_FORMAT = "zip-store"  # weights hardly shrink, and TorchServe unpacks the archive at every start
SERVABLE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def write_archive(bundle: Path, model_store: Path) -> dict[str, Any]:
    """Packs bundle into model_store and returns the model's entry of index.json.

    What else the store holds stays; a model of the same name is replaced. The store changes as a whole or not at all.
    Raises BundleError for an incomplete or altered bundle, UsageError for a name that no URL can hold.
    """
    info = BundleInfo.load(bundle / BUNDLE_JSON)
    _check(bundle, info)
    _check_store(model_store)
    with atomic_directory(model_store) as draft:
        if model_store.exists():
            shutil.copytree(model_store, draft, dirs_exist_ok=True)
        archive = draft / MODEL_STORE_DIR / f"{info.name}.mar"
        archive.parent.mkdir(exist_ok=True)
        _export(bundle, info, archive)
        entry = _entry(info, archive)
        models = sorted([entry, *_others(draft, info.name)], key=lambda model: model["name"])
        _write_config(draft / CONFIG_PROPERTIES, models)
        write_json(draft / MODEL_STORE_INDEX, {"models": models, "format_version": FORMAT_VERSION})
    return entry


def read_index(model_store: Path) -> list[dict[str, Any]]:
    """Returns the entries of a store's models. Raises UsageError when there is no store."""
    try:
        index = json.loads((model_store / MODEL_STORE_INDEX).read_text(encoding="utf-8"))
        models: list[dict[str, Any]] = index["models"]
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(
            f"'{model_store}' is not a model store ({MODEL_STORE_INDEX}: {error}). "
            f"Make one with 'saccade publish BUNDLE --model-store {model_store}'."
        ) from error
    return models


def read_golden(model_store: Path, model: dict[str, Any]) -> tuple[bytes, str]:
    """Returns the surest golden image of a model's archive, encoded, and the label that it must get."""
    with zipfile.ZipFile(model_store / MODEL_STORE_DIR / model["archive"]) as archive:
        golden = json.loads(archive.read(f"{ARCHIVED_BUNDLE}/{GOLDEN_DIR}/{GOLDEN_ANSWERS_JSON}"))
        entry = surest(golden)
        return archive.read(f"{ARCHIVED_BUNDLE}/{GOLDEN_DIR}/{entry['file']}"), entry["label"]


def _check(bundle: Path, info: BundleInfo) -> None:
    if not SERVABLE_NAME.fullmatch(info.name):
        raise UsageError(
            f"'{info.name}' cannot name a served model: use letters, digits, '_', '-' and '.'. "
            "Evaluate again with --name."
        )
    found = file_digests(bundle)
    if changed := sorted(name for name in found.keys() | info.files.keys() if found.get(name) != info.files.get(name)):
        raise BundleError(
            f"'{bundle}' differs from its {BUNDLE_JSON} in {', '.join(changed)}. Evaluate again to make it whole."
        )


def _check_store(model_store: Path) -> None:
    """Refuses a directory that is something else: it would be copied and replaced as a whole."""
    if not model_store.exists():
        return
    if not model_store.is_dir():
        raise UsageError(f"'{model_store}' is a file. Choose a new directory for the model store.")
    if foreign := {path.name for path in model_store.iterdir()} - STORE_ENTRIES:
        raise UsageError(
            f"'{model_store}' holds {', '.join(sorted(foreign)[:3])} and is no model store. Choose a new directory."
        )


def _export(bundle: Path, info: BundleInfo, archive: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves its version file open
        from model_archiver.model_archiver_config import ModelArchiverConfig
        from model_archiver.model_packaging_utils import ModelExportUtils

    # The archiver's own staging directory is <temporary directory>/<model name>, which it deletes if it is there.
    with tempfile.TemporaryDirectory(prefix="saccade-archive-") as staging:
        stage = Path(staging)
        shutil.copytree(bundle.resolve(), stage / ARCHIVED_BUNDLE, copy_function=os.symlink)
        for module, archived_name in ARCHIVED_MODULES.items():
            (stage / archived_name).symlink_to(Path(__file__).with_name(module))
        config = ModelArchiverConfig(
            model_name=info.name, handler="handler.py", version=info.version, archive_format=ARCHIVE_FORMAT
        )
        manifest = ModelExportUtils.generate_manifest_json(config)
        ModelExportUtils.archive(str(archive.parent), info.name, str(stage), manifest, ARCHIVE_FORMAT)


def _entry(info: BundleInfo, archive: Path) -> dict[str, Any]:
    return {
        "name": info.name,
        "version": info.version,
        "archive": archive.name,
        "sha256": sha256_of(archive),
        "bytes": archive.stat().st_size,
        "dataset_id": info.dataset_id,
        "preprocess_hash": info.preprocess_hash,
    }


def _others(store: Path, name: str) -> list[dict[str, Any]]:
    if not (store / MODEL_STORE_INDEX).exists():
        return []
    return [model for model in read_index(store) if model["name"] != name]


def _write_config(path: Path, models: list[dict[str, Any]]) -> None:
    served = [ServedModel(model["name"], model["version"], model["archive"]) for model in models]
    path.parent.mkdir(exist_ok=True)
    path.write_text(config_properties(served), encoding="ascii")
