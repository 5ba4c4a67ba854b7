"""import -> prepare -> tune -> train -> evaluate -> publish."""

from typing import NamedTuple

from kfp import dsl

from saccade_components.evaluate.component import evaluate
from saccade_components.import_images.component import import_images
from saccade_components.prepare.component import prepare
from saccade_components.publish.component import publish
from saccade_components.train.component import train
from saccade_components.tune.component import tune


class TrainingOutputs(NamedTuple):
    prepared: dsl.Dataset
    bundle: dsl.Model
    model_store: dsl.Artifact
    imported: dict
    preparation: dict
    tuning: dict
    training: dict
    evaluation: dict
    publication: dict


@dsl.pipeline(name="saccade-training", description="Folders of images in, a published classifier out.")
def training_pipeline(
    sources: list,
    source_id: str,
    code_id: str,
    mapping: str = "",
    name: str = "classifier",
    version: str = "1",
    size: int = 0,
    balance: str = "none",
    architecture: str = "",
    trials: int = 8,
    tune_seconds: float = 60.0,
    epochs: float = 0.0,
    engine: str = "auto",
    seed: int = 0,
) -> TrainingOutputs:
    """Every step takes the dataset's content id, since the cache knows an artifact's address and not its content."""
    imported = import_images(sources=sources, mapping=mapping, seed=seed, source_id=source_id, code_id=code_id)
    identity = {"content_id": imported.outputs["content_id"], "code_id": code_id}
    prepared = prepare(dataset=imported.outputs["dataset"], size=size, balance=balance, seed=seed, **identity)
    pixels = prepared.outputs["prepared"]
    tuned = tune(prepared=pixels, architecture=architecture, trials=trials, seconds=tune_seconds, seed=seed, **identity)
    trained = train(
        prepared=pixels, tuning=tuned.outputs["tuning"], architecture=architecture, epochs=epochs, seed=seed, **identity
    )
    evaluated = evaluate(
        prepared=pixels,
        training=trained.outputs["training"],
        name=name,
        version=version,
        engine=engine,
        seed=seed,
        **identity,
    )
    published = publish(bundle=evaluated.outputs["bundle"], **identity)
    return TrainingOutputs(
        prepared=pixels,
        bundle=evaluated.outputs["bundle"],
        model_store=published.outputs["model_store"],
        imported=imported.outputs["summary"],
        preparation=prepared.outputs["Output"],
        tuning=tuned.outputs["Output"],
        training=trained.outputs["Output"],
        evaluation=evaluated.outputs["Output"],
        publication=published.outputs["Output"],
    )
