"""A published model store as a server reads it: nothing is unpacked or loaded before it is what the index says."""

import hashlib
import json
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from saccade.core.artifacts import GOLDEN_ANSWERS_JSON, GOLDEN_DIR, MODEL_STORE_DIR, MODEL_STORE_INDEX
from saccade.core.errors import BundleError, UsageError
from saccade.serving.golden import surest
from saccade.serving.signing import check_signature
from saccade.serving.torchserve.configuration import ServedModel, config_properties
from saccade.serving.unpacking import BLOCK_BYTES, check_archive

ARCHIVED_BUNDLE = "bundle"  # the directory of the bundle inside an archive
SERVABLE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
ARCHIVE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]*\.mar")
DIGEST = re.compile("[0-9a-f]{64}")


def read_index(model_store: Path, trusted_key: Path | None = None) -> list[dict[str, Any]]:
    """Returns the entries of a store's models. Of several versions of one model the first is the default.

    trusted_key: whose signature the index must have; None asks for none.
    Raises UsageError when there is no store, BundleError when it is not signed so or names something impossible.
    """
    index = model_store / MODEL_STORE_INDEX
    try:
        content = index.read_bytes()
        if trusted_key is not None:
            check_signature(index, content, trusted_key)
        models: list[dict[str, Any]] = json.loads(content)["models"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"'{model_store}' is not a model store ({MODEL_STORE_INDEX}: {error}). "
            f"Make one with 'saccade publish BUNDLE --model-store {model_store}'."
        ) from error
    if wrong := next((model for model in models if not _is_entry(model)), None):
        raise BundleError(f"'{index}' has an entry that no 'saccade publish' wrote: {str(wrong)[:200]}. Publish again.")
    return models


def take_archives(model_store: Path, models: Sequence[dict[str, Any]], private: Path) -> None:
    """Makes private, an empty directory, a store of copies of the models' archives, which nobody else can alter.

    Raises BundleError for an archive that differs from its entry or must not be unpacked.
    """
    (private / MODEL_STORE_DIR).mkdir()
    for model in models:
        take_archive(model_store, model, private / MODEL_STORE_DIR)


def take_archive(model_store: Path, model: dict[str, Any], directory: Path) -> Path:
    """Copies one model's archive into directory and returns the copy. Raises as take_archives."""
    source, copy = model_store / MODEL_STORE_DIR / model["archive"], directory / model["archive"]
    try:
        digest = _copied(source, copy, model["bytes"])
    except FileNotFoundError as error:
        raise BundleError(f"'{model_store}' lacks the archive '{model['archive']}'. Publish it again.") from error
    if digest != model["sha256"]:
        raise BundleError(
            f"'{model['archive']}' has the sha256 {digest[:12]}…, {MODEL_STORE_INDEX} says {model['sha256'][:12]}…. "
            "Publish it again, and find out who changed it."
        )
    check_archive(copy)
    return copy


def read_golden(model_store: Path, model: dict[str, Any]) -> tuple[bytes, str]:
    """Returns the surest golden image of a model's archive, encoded, and the label that it must get."""
    with zipfile.ZipFile(model_store / MODEL_STORE_DIR / model["archive"]) as archive:
        golden = json.loads(archive.read(f"{ARCHIVED_BUNDLE}/{GOLDEN_DIR}/{GOLDEN_ANSWERS_JSON}"))
        entry = surest(golden)
        return archive.read(f"{ARCHIVED_BUNDLE}/{GOLDEN_DIR}/{entry['file']}"), entry["label"]


def store_properties(models: Sequence[dict[str, Any]]) -> str:
    """Returns the config.properties that serves the models of an index."""
    return config_properties([ServedModel(model["name"], model["version"], model["archive"]) for model in models])


def _is_entry(model: Any) -> bool:
    texts = {"name": SERVABLE_NAME, "version": SERVABLE_NAME, "archive": ARCHIVE_NAME, "sha256": DIGEST}
    if not isinstance(model, dict) or type(model.get("bytes")) is not int:
        return False
    return all(isinstance(model.get(key), str) and form.fullmatch(model[key]) for key, form in texts.items())


def _copied(source: Path, copy: Path, announced_bytes: int) -> str:
    """Copies a file and returns its sha256. One that is longer than announced is not read to its end."""
    digest, left = hashlib.sha256(), announced_bytes + 1
    with source.open("rb") as reading, copy.open("xb") as writing:
        while block := reading.read(min(BLOCK_BYTES, left)):
            left -= len(block)
            digest.update(block)
            writing.write(block)
    return digest.hexdigest()
