"""Evidently's report over captured answers: to look at. The verdict above it is ours and decides."""

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from saccade.core.files import atomic_file
from saccade.core.settings import opt_out_of_telemetry
from saccade.watch.verdict import PREDICTED_CLASS, Answers

# Evidently's EmbeddingsDrift draws a t-SNE for 6 to 16 s and its result is one number; the directions in which the
# reference varies most are ordinary columns that a person can read.
EMBEDDING_COMPONENTS = 5


@dataclass(frozen=True)
class _Frames:
    """Reference and window as data frames with the same columns."""

    reference: Any
    window: Any
    numerical: list[str]


def write_evidently_report(
    reference: Answers,
    window: Answers,
    classes: list[str],
    *,
    html_path: Path,
    json_path: Path,
    false_alarm_rate: float,
    banner: str,
    seed: int,
) -> None:
    """Writes Evidently's HTML and JSON report over scalars, predicted class and embedding components.

    banner: HTML that is put above Evidently's own content. Takes about 7 s for the first import and 1 s for the work.
    Every column is tested by Kolmogorov-Smirnov or chi-squared at false_alarm_rate / columns: Evidently's own defaults
    call a column drifted on most unchanged windows of 100 images.
    """
    frames = _frames(reference, window, classes, seed)
    columns = len(frames.numerical) + 1
    with _quiet():
        from evidently import DataDefinition, Dataset, Report
        from evidently.presets import DataDriftPreset

        definition = DataDefinition(numerical_columns=frames.numerical, categorical_columns=[PREDICTED_CLASS])
        preset = DataDriftPreset(
            num_method="ks", cat_method="chisquare", threshold=false_alarm_rate / columns, drift_share=1 / columns
        )
        snapshot = Report([preset]).run(
            Dataset.from_pandas(frames.window, data_definition=definition),
            Dataset.from_pandas(frames.reference, data_definition=definition),
        )
        with atomic_file(json_path) as draft:
            snapshot.save_json(str(draft))
        with atomic_file(html_path) as draft:
            page: str = snapshot.get_html_str(as_iframe=False)
            draft.write_text(page.replace("<body>", f"<body>{banner}", 1), encoding="utf-8")


def _frames(reference: Answers, window: Answers, classes: list[str], seed: int) -> _Frames:
    import pandas as pd
    from sklearn.decomposition import PCA

    components = min(EMBEDDING_COMPONENTS, *reference.embedding.shape)
    projection = PCA(components, svd_solver="randomized", random_state=seed).fit(reference.embedding)
    embedding_columns = [f"embedding_{number}" for number in range(1, components + 1)]

    def frame(answers: Answers) -> Any:
        columns: dict[str, Any] = {name: values.astype(np.float64) for name, values in answers.scalars.items()}
        columns |= dict(zip(embedding_columns, projection.transform(answers.embedding).T, strict=True))
        return pd.DataFrame(columns | {PREDICTED_CLASS: np.array(classes)[answers.predicted]})

    return _Frames(frame(reference), frame(window), [*reference.scalars, *embedding_columns])


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Sends nothing home and hides warnings about Evidently's own code, which a user cannot act on."""
    opt_out_of_telemetry()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
