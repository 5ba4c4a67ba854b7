"""Every file name and schema that crosses a room's border.

A dataset bundle and a model bundle are plain directories. They are written to a temporary name and renamed when whole.
"""

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from saccade.core.errors import BundleError
from saccade.core.files import sha256_of, write_json

FORMAT_VERSION = 1
SPLITS = ("train", "val", "test")

# Dataset bundle
DATASET_JSON = "dataset.json"
INDEX_PARQUET = "index.parquet"  # one row a usable image; row i is pixels[i]
REJECTED_PARQUET = "rejected.parquet"  # one row a file that is not used, with its reason
IMAGES_GLOB = "images-*.parquet"
PIXELS_NPY = "pixels.npy"  # (N, H, W, 3) uint8, after prepare

# What `train` leaves, and what `evaluate` completes to a model bundle
TRAINING_JSON = "training.json"
WEIGHTS = "weights.safetensors"
ENGINE_XML = "model.xml"
ENGINE_BIN = "model.bin"
ENGINE_PT2 = "model.pt2"  # in place of both, of an inductor engine
CURVES_PARQUET = "curves.parquet"
CHECKPOINT = "checkpoint.pt"
BUNDLE_JSON = "bundle.json"
CALIBRATION_JSON = "calibration.json"
OOD_NPZ = "ood.npz"
REFERENCE_PARQUET = "reference.parquet"
GOLDEN_DIR = "golden"
GOLDEN_ANSWERS_JSON = "answers.json"
REPORT_HTML = "report.html"
MODEL_CARD = "MODEL_CARD.md"

# Tuning, publishing, watching
TUNING_JSON = "tuning.json"
TRIALS_PARQUET = "trials.parquet"
MLFLOW_DB = "mlflow.db"
CONFIG_PROPERTIES = "config/config.properties"
MODEL_STORE_DIR = "model-store"
MODEL_STORE_INDEX = "index.json"
DRIFT_JSON = "drift.json"
DRIFT_HTML = "drift.html"
EVIDENTLY_JSON = "evidently.json"
SIGNATURE_SUFFIX = ".sig"  # Ed25519, 64 bytes, beside the file that it signs: a store's index.json or a bundle.json
CAPTURE_GLOB = "capture-*.parquet"

IMAGE_STATISTICS = ("brightness", "contrast", "sharpness", "saturation", "entropy")

INDEX_SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("name", pa.string()),  # path inside its source
        ("label", pa.int32()),  # index into dataset.json's classes
        ("split", pa.string()),
        ("source", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("sha256", pa.string()),
        ("perceptual_hash", pa.uint64()),
        *((name, pa.float32()) for name in IMAGE_STATISTICS),
        ("shard", pa.int32()),  # images-<shard>.parquet
        ("shard_row", pa.int32()),
    ]
)

REJECTED_SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("label", pa.string()),
        ("split", pa.string()),
        ("source", pa.string()),
        (
            "reason",
            pa.string(),
        ),  # unreadable | empty | duplicate | leak | conflicting | unlabelled | too_large | not_an_image
        ("message", pa.string()),
    ]
)

# The layout that Hugging Face `datasets` and Ray Data read as an image column.
IMAGES_SCHEMA = pa.schema(
    [("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])), ("label", pa.int32()), ("id", pa.int64())]
)

CAPTURE_SCHEMA = pa.schema(
    [
        ("request_id", pa.string()),
        ("time", pa.timestamp("us", tz="UTC")),
        ("model", pa.string()),
        ("version", pa.string()),
        ("label", pa.string()),
        ("probability", pa.float32()),
        ("probabilities", pa.list_(pa.float32())),  # (K,) calibrated
        ("ood_score", pa.float32()),
        ("is_ood", pa.bool_()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        *((name, pa.float32()) for name in IMAGE_STATISTICS),
        ("embedding", pa.list_(pa.float32())),  # (D,)
        ("image", pa.binary()),  # null unless image keeping is on
    ]
)
# One row a training step. validation_accuracy is null but on the last step of an epoch.
CURVES_SCHEMA = pa.schema(
    [
        ("step", pa.int32()),
        ("epoch", pa.float32()),
        ("loss", pa.float32()),
        ("accuracy", pa.float32()),  # on the step's own batch, before the step
        ("validation_accuracy", pa.float32()),
        ("learning_rate", pa.float32()),
        ("side_px", pa.int32()),
        ("images_per_second", pa.float32()),
    ]
)

# One row a trial of the search, the default recipe first.
TRIALS_SCHEMA = pa.schema(
    [
        ("trial", pa.int32()),
        ("learning_rate", pa.float32()),
        ("weight_decay", pa.float32()),
        ("width", pa.float32()),
        ("rounds", pa.int32()),  # of ASHA, that the trial lived through
        ("validation_accuracy", pa.float32()),  # after its last round
        ("seconds", pa.float32()),
    ]
)

# reference.parquet holds the validation and test answers in the same columns, plus `split` and `true_label`.
REFERENCE_SCHEMA = pa.schema([*CAPTURE_SCHEMA, ("split", pa.string()), ("true_label", pa.string())])


@dataclass(frozen=True)
class _Document:
    """A frozen dataclass that is one JSON file."""

    def save(self, path: Path) -> None:
        """Writes the document, whole or not at all."""
        write_json(path, asdict(self))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads the document. Raises BundleError for a missing or foreign file."""
        try:
            content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise BundleError(
                f"'{path.parent}' has no {path.name}. Point to a directory that Saccade wrote."
            ) from error
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise BundleError(f"'{path}' is not JSON: {error}. Make the artifact again.") from error
        version = content.get("format_version")
        if version != FORMAT_VERSION:
            raise BundleError(
                f"'{path}' has format version {version}, this Saccade reads {FORMAT_VERSION}. Make it again."
            )
        names = {item.name for item in fields(cls)}
        if unknown := sorted(content.keys() - names):
            raise BundleError(f"'{path}' has unknown keys {unknown}. It was written by another version; make it again.")
        try:
            return cls(**content)
        except TypeError as error:
            raise BundleError(f"'{path}' is incomplete: {error}. Make the artifact again.") from error


@dataclass(frozen=True)
class DatasetInfo(_Document):
    """dataset.json."""

    classes: list[str]
    counts: dict[str, dict[str, int]]  # split -> class -> images
    sources: list[dict[str, Any]]
    content_id: str  # sha256 over the sorted (split, class, image sha256): the same images give the same id
    seed: int
    rejected: dict[str, int]  # reason -> files
    allow_flip: bool  # a mirrored image still means the same (false for digits and letters)
    preprocess: list[str] | None = None  # after prepare
    preprocess_hash: str | None = None
    class_weights: list[float] | None = None  # after prepare, when balancing is by weights
    format_version: int = FORMAT_VERSION


@dataclass(frozen=True)
class TuningInfo(_Document):
    """tuning.json: the training configuration that a search recommends."""

    config: dict[str, Any]
    is_default: bool  # no trial was clearly better than the default recipe
    trials: int
    seconds: float
    default_accuracy: float | None  # of the short trial on the validation split; None when no trial ended in time
    best_accuracy: float | None
    dataset_id: str
    format_version: int = FORMAT_VERSION


@dataclass(frozen=True)
class TrainingInfo(_Document):
    """training.json: what `train` leaves beside weights and engine."""

    architecture: str
    config: dict[str, Any]
    classes: list[str]
    preprocess: list[str]
    preprocess_hash: str
    dataset_id: str
    seconds: float
    epochs: int
    parameters: int
    device: str
    dtype: str
    validation_accuracy: float
    views: list[
        dict[str, Any]
    ]  # test-time views: {"flip": bool, "dy": px, "dx": px, "weight": float}; the first is the plain image
    format_version: int = FORMAT_VERSION


@dataclass(frozen=True)
class BundleInfo(_Document):
    """bundle.json: what a server must know before it opens anything else."""

    name: str
    version: str
    architecture: str
    classes: list[str]
    preprocess: list[str]
    preprocess_hash: str
    # {"kind": "openvino"|"inductor", "precision": "f32"|"bf16"|"int8", "measured_on", "candidates": what was measured}
    engine: dict[str, Any]
    scoring: dict[str, Any]  # temperature, views, view_threshold, ood detector and threshold: the native Scoring
    dataset_id: str
    code_version: str
    metrics: dict[str, Any]
    files: dict[str, str] = field(default_factory=dict)  # relative path -> sha256, every file that file_digests lists
    format_version: int = FORMAT_VERSION


def file_digests(directory: Path) -> dict[str, str]:
    """Returns relative path -> sha256 of every file below directory except bundle.json and its signature."""
    paths = sorted(path for path in directory.rglob("*") if path.is_file())
    relative = {path.relative_to(directory).as_posix(): path for path in paths}
    unlisted = {BUNDLE_JSON, BUNDLE_JSON + SIGNATURE_SUFFIX}
    return {name: sha256_of(path) for name, path in relative.items() if name not in unlisted}
