"""Where models come from: bundles and published model stores, each version known by the digest of its content."""

import shutil
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saccade.core.artifacts import BUNDLE_JSON, MODEL_STORE_INDEX, BundleInfo
from saccade.core.errors import BundleError, UsageError
from saccade.core.files import sha256_of
from saccade.serving.model_store import ARCHIVED_BUNDLE, read_index, take_archive
from saccade.serving.signing import check_signature
from saccade.serving.unpacking import unpack


@dataclass(frozen=True)
class Source(ABC):
    """One version of one model that can be loaded. Two of the same digest are the same."""

    name: str
    version: str
    digest: str

    @abstractmethod
    def bundle(self, private: Path) -> Path:
        """Returns the directory of the bundle, below private, an empty directory, where something had to be copied.

        Raises BundleError for what must not be loaded.
        """


@dataclass(frozen=True)
class StoredModel(Source):
    """An archive of a model store."""

    model_store: Path
    entry: dict[str, Any]  # of the index

    def bundle(self, private: Path) -> Path:
        archive = take_archive(self.model_store, self.entry, private)
        unpack(archive, ARCHIVED_BUNDLE, private / ARCHIVED_BUNDLE)
        archive.unlink()
        return private / ARCHIVED_BUNDLE


@dataclass(frozen=True)
class BundleDirectory(Source):
    """A bundle as `evaluate` left it. With a trusted key, a copy is checked and loaded, which nobody else can alter."""

    directory: Path
    trusted_key: Path | None

    def bundle(self, private: Path) -> Path:
        return self.directory if self.trusted_key is None else signed_copy(self.directory, private, self.trusted_key)


def signed_copy(bundle: Path, private: Path, trusted_key: Path) -> Path:
    """Copies a bundle to below private and returns the copy. Raises BundleError unless trusted_key signed it."""
    copy = private / ARCHIVED_BUNDLE
    try:
        shutil.copytree(bundle, copy)
        document = copy / BUNDLE_JSON
        check_signature(document, document.read_bytes(), trusted_key)
    except OSError as error:
        raise BundleError(f"'{bundle}' cannot be copied: {error}. Is it a whole bundle?") from error
    return copy


def is_model_store(path: Path) -> bool:
    """Whether `saccade publish` wrote this directory."""
    return (path / MODEL_STORE_INDEX).is_file()


def find_models(paths: Sequence[Path], trusted_key: Path | None) -> list[Source]:
    """Returns what the bundles and model stores at paths hold. Of the versions of one model the first is the default.

    Raises UsageError for two models of one name and version, BundleError for a store without the signature.
    """
    sources = [source for path in paths for source in _models_at(path, trusted_key)]
    if not sources:
        raise UsageError(f"There is no model in {', '.join(map(str, paths))}.")
    counts = Counter((source.name, source.version) for source in sources)
    (name, version), count = counts.most_common(1)[0]
    if count > 1:
        raise UsageError(f"Model '{name}' version '{version}' is there {count} times. Leave all but one out.")
    return sources


def _models_at(path: Path, trusted_key: Path | None) -> list[Source]:
    if not is_model_store(path):
        info = BundleInfo.load(path / BUNDLE_JSON)
        return [BundleDirectory(info.name, info.version, sha256_of(path / BUNDLE_JSON), path, trusted_key)]
    entries = read_index(path, trusted_key)
    return [StoredModel(entry["name"], entry["version"], entry["sha256"], path, entry) for entry in entries]
