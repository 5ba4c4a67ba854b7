"""Images in, dataset bundle out."""

from typing import NamedTuple

from kfp import dsl

from saccade_components.image import TRAIN_IMAGE


@dsl.component(base_image=TRAIN_IMAGE, install_kfp_package=False)
def import_images(
    dataset: dsl.Output[dsl.Dataset],
    sources: list,
    mapping: str,
    seed: int,
    source_id: str,
    code_id: str,
) -> NamedTuple("Outputs", [("content_id", str), ("summary", dict)]):  # type: ignore[valid-type]
    """Checks and stores every image. source_id and code_id only make the cache key tell new content from old."""
    from collections import namedtuple
    from pathlib import Path

    from saccade.steps.import_images import import_images as step

    summary = step(sources, Path(dataset.path), seed=seed, mapping=Path(mapping) if mapping else None)
    return namedtuple("Outputs", ["content_id", "summary"])(summary["content_id"], summary)
