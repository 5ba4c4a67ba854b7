"""The drift step calls drift what changed, nothing else, and leaves verdict and report."""

import datetime
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from saccade.core.artifacts import (
    BUNDLE_JSON,
    CAPTURE_SCHEMA,
    DRIFT_HTML,
    DRIFT_JSON,
    EVIDENTLY_JSON,
    IMAGE_STATISTICS,
    REFERENCE_PARQUET,
    REFERENCE_SCHEMA,
    BundleInfo,
)
from saccade.core.errors import DataError, SpecError
from saccade.steps.drift import drift

CLASSES = ["cat", "<b>dog</b>"]


def records(count: int, seed: int, schema: pa.Schema, brightness: float = 0.5) -> pa.Table:
    generator = np.random.default_rng(seed)
    probability = generator.uniform(0.5, 1, count)
    columns: dict[str, Any] = {
        "request_id": [f"request-{number}" for number in range(count)],
        "time": [datetime.datetime(2026, 11, 20, 12, 0, number % 60, tzinfo=datetime.UTC) for number in range(count)],
        "model": ["pets"] * count,
        "version": ["1"] * count,
        "label": generator.choice(CLASSES, count),
        "probability": probability,
        "probabilities": np.stack([probability, 1 - probability], axis=1).tolist(),
        "ood_score": generator.normal(size=count),
        "is_ood": [False] * count,
        "width": [32] * count,
        "height": [32] * count,
        **{name: generator.normal(brightness, 0.1, count) for name in IMAGE_STATISTICS},
        "embedding": generator.normal(size=(count, 8)).tolist(),
        "image": [None] * count,
        "split": ["val"] * count,
        "true_label": ["cat"] * count,
    }
    return pa.table({field.name: pa.array(columns[field.name], field.type) for field in schema}, schema=schema)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("bundle")
    info = BundleInfo("pets", "1", "none", CLASSES, [], "", {}, {}, "dataset", "0.1.0", {})
    info.save(directory / BUNDLE_JSON)
    pq.write_table(records(400, 0, REFERENCE_SCHEMA), directory / REFERENCE_PARQUET)
    return directory


def captured(directory: Path, count: int, **changed: Any) -> Path:
    directory.mkdir()
    pq.write_table(records(count, 1, CAPTURE_SCHEMA, **changed), directory / "capture-1.parquet")
    return directory


def test_drift_of_unchanged_answers_is_none(bundle: Path, tmp_path: Path) -> None:
    result = drift(captured(tmp_path / "capture", 120), bundle, tmp_path / "out", seed=0)
    assert not result["drift"]
    assert result["moved"] == []
    assert (result["window"], result["reference"]) == (120, 400)


def test_drift_of_brighter_images_names_the_statistics(bundle: Path, tmp_path: Path) -> None:
    result = drift(captured(tmp_path / "capture", 120, brightness=0.6), bundle, tmp_path / "out", seed=0)
    assert result["drift"]
    assert set(result["moved"]) == set(IMAGE_STATISTICS)


def test_drift_writes_what_it_returns(bundle: Path, tmp_path: Path) -> None:
    result = drift(captured(tmp_path / "capture", 60), bundle, tmp_path / "out", seed=0)
    written = json.loads((tmp_path / "out" / DRIFT_JSON).read_text())
    assert {name: written[name] for name in ("drift", "p_value", "tests")} == {
        name: result[name] for name in ("drift", "p_value", "tests")
    }
    assert written["timing_seconds"]["all"] > 0


def test_drift_report_of_evidently_holds_every_column(bundle: Path, tmp_path: Path) -> None:
    drift(captured(tmp_path / "capture", 60), bundle, tmp_path / "out", seed=0)
    metrics = json.loads((tmp_path / "out" / EVIDENTLY_JSON).read_text())["metrics"]
    columns = {metric["config"].get("column") for metric in metrics} - {None}
    components = {f"embedding_{number}" for number in range(1, 6)}
    assert columns == {"probability", "ood_score", "predicted_class", *IMAGE_STATISTICS, *components}


def test_drift_report_shows_our_verdict_and_escapes_class_names(bundle: Path, tmp_path: Path) -> None:
    drift(captured(tmp_path / "capture", 60), bundle, tmp_path / "out", seed=0)
    page = (tmp_path / "out" / DRIFT_HTML).read_text()
    banner = page[page.index('aria-label="Verdict"') :][:3000]
    assert "No drift" in banner
    assert "<b>dog</b>" not in banner


def test_drift_of_too_few_answers_is_refused_and_leaves_nothing(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="drift needs 20"):
        drift(captured(tmp_path / "capture", 10), bundle, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_drift_at_an_impossible_false_alarm_rate_is_refused(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="outside"):
        drift(tmp_path, bundle, tmp_path / "out", false_alarm_rate=0.0)
