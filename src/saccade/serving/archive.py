"""Model bundle in; a model store out, in the shape that KServe's TorchServe runtime mounts."""

import os
import shutil
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from saccade.core.artifacts import (
    BUNDLE_JSON,
    CONFIG_PROPERTIES,
    FORMAT_VERSION,
    MODEL_STORE_DIR,
    MODEL_STORE_INDEX,
    SIGNATURE_SUFFIX,
    BundleInfo,
    file_digests,
)
from saccade.core.errors import BundleError, UsageError
from saccade.core.files import atomic_directory, sha256_of, write_json
from saccade.serving.model_store import ARCHIVED_BUNDLE, SERVABLE_NAME, read_index, store_properties
from saccade.serving.signing import sign
from saccade.serving.sources import is_model_store, signed_copy

ARCHIVED_MODULES = {"handler.py": "handler.py", "torch_stand_in.py": "torch.py"}
INDEX_SIGNATURE = MODEL_STORE_INDEX + SIGNATURE_SUFFIX
STORE_ENTRIES = {MODEL_STORE_DIR, MODEL_STORE_INDEX, INDEX_SIGNATURE, CONFIG_PROPERTIES.partition("/")[0], "README.md"}
ARCHIVE_FORMAT = "zip-store"  # weights hardly shrink, and TorchServe unpacks the archive at every start


def write_archive(
    bundle: Path, model_store: Path, *, keep_versions: int = 0, sign_key: Path | None = None
) -> dict[str, Any]:
    """Packs bundle into model_store, as the default version of its model. Returns its entry of index.json.

    keep_versions: how many other versions of the model stay, those published last.   sign_key: signs the index; without
    it a store that was signed is so no longer.   Other models stay. The store changes as a whole or not at all.
    Raises BundleError for an incomplete or altered bundle, UsageError for a name that no URL can hold.
    """
    info = BundleInfo.load(bundle / BUNDLE_JSON)
    _check(bundle, info)
    _check_store(model_store)
    with atomic_directory(model_store) as draft:
        kept = _copy_kept(model_store, draft, info, keep_versions)
        archive = draft / MODEL_STORE_DIR / f"{info.name}@{info.version}.mar"
        archive.parent.mkdir(exist_ok=True)
        _export(bundle, info, archive)
        entry = _entry(info, archive)
        models = sorted([entry, *kept], key=lambda model: model["name"])  # stable: the newest version stays first
        _write_config(draft / CONFIG_PROPERTIES, models)
        write_json(draft / MODEL_STORE_INDEX, {"models": models, "format_version": FORMAT_VERSION})
        if sign_key is not None:
            sign(draft, sign_key)
    return entry


def served_store(paths: Sequence[Path], scratch: Path, trusted_key: Path | None) -> tuple[Path, Path | None]:
    """Returns the model store at paths, or one made in scratch of the bundles there, and the key that it needs.

    Of several versions of one model the first is the default.
    Raises UsageError for a model store among others, BundleError for a bundle that trusted_key did not sign.
    """
    if len(paths) == 1 and is_model_store(paths[0]):
        return paths[0], trusted_key
    if store := next(filter(is_model_store, paths), None):
        raise UsageError(f"'{store}' is a model store, and TorchServe serves one alone. Use --server kserve.")
    model_store = scratch / "model_store"
    for number, bundle in enumerate(reversed(paths)):
        checked = bundle if trusted_key is None else signed_copy(bundle, scratch / f"signed-{number}", trusted_key)
        write_archive(checked, model_store, keep_versions=len(paths))
    return model_store, None


def _check(bundle: Path, info: BundleInfo) -> None:
    for option, text in (("name", info.name), ("version", info.version)):
        if not SERVABLE_NAME.fullmatch(text):
            raise UsageError(
                f"'{text}' cannot be the {option} of a served model: use letters, digits, '_', '-' and '.'. "
                f"Evaluate again with --{option}."
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
            (stage / archived_name).symlink_to(Path(__file__).parent / "torchserve" / module)
        config = ModelArchiverConfig(
            model_name=info.name, handler="handler.py", version=info.version, archive_format=ARCHIVE_FORMAT
        )
        manifest = ModelExportUtils.generate_manifest_json(config)
        ModelExportUtils.archive(str(archive.parent), archive.stem, str(stage), manifest, ARCHIVE_FORMAT)


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


def _copy_kept(store: Path, draft: Path, info: BundleInfo, keep_versions: int) -> list[dict[str, Any]]:
    """Copies what stays of a store and returns its models' entries."""
    if not store.exists():
        return []
    shutil.copytree(store, draft, dirs_exist_ok=True)
    (draft / INDEX_SIGNATURE).unlink(missing_ok=True)
    if not (store / MODEL_STORE_INDEX).exists():
        return []
    models = read_index(store)
    versions = [model for model in models if model["name"] == info.name]
    others = [model for model in versions if model["version"] != info.version]
    gone = [model for model in versions if model not in others[:keep_versions]]
    for model in gone:
        (draft / MODEL_STORE_DIR / model["archive"]).unlink(missing_ok=True)
    return [model for model in models if model not in gone]


def _write_config(path: Path, models: list[dict[str, Any]]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(store_properties(models), encoding="ascii")
