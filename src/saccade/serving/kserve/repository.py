"""Loads what is to be served, at the start and again while the old keeps serving."""

import asyncio
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from saccade.core.errors import SaccadeError
from saccade.core.log import logger
from saccade.core.settings import Settings
from saccade.serving.kserve.batching import CALLS, BatchLimits
from saccade.serving.kserve.loading import load_model
from saccade.serving.kserve.models import Key, Models
from saccade.serving.kserve.served_model import ServedModel
from saccade.serving.kserve.telemetry import Telemetry
from saccade.serving.sources import Source, find_models

DIRECTORIES = re.compile(r"/(?:[^/\s']+/)+")  # what goes over the network holds no path of this machine


class Repository:
    """The models at some paths. Lives in one event loop; close it when the doors are closed."""

    def __init__(self, paths: Sequence[Path], limits: BatchLimits, settings: Settings, telemetry: Telemetry) -> None:
        self.models = Models()
        self._paths, self._limits, self._settings = paths, limits, settings
        self._telemetry = telemetry
        self._threads = ThreadPoolExecutor(CALLS, "predict")  # of all models: more would only share the same cores
        self._closing: set[asyncio.Task[None]] = set()

    async def load(self) -> None:
        """Loads everything for the first time. Raises the error of the first model that cannot be served."""
        sources = await asyncio.to_thread(find_models, self._paths, self._settings.trusted_key)
        self._switch([await self._verified(source) for source in sources], {})

    async def reload(self) -> None:
        """Serves what is at the paths now, without a gap: every new version is verified before it gets a request.

        What is wrong is refused, with the reason in the log and in the repository index, and the old keeps serving.
        """
        try:
            sources = await asyncio.to_thread(find_models, self._paths, self._settings.trusted_key)
        except Exception as error:
            logger.error(f"Nothing is reloaded: {error}")
            return
        found: list[ServedModel] = []
        refused: dict[Key, str] = {}
        for source in sources:
            try:
                found.append(self._current(source) or await self._verified(source))
            except Exception as error:
                refused[source.name, source.version] = _reason(source, error)
        self._switch(found, refused)
        logger.info(f"Serving {', '.join(f'{model.info.name} {model.info.version}' for model in self.models)}.")

    async def close(self) -> None:
        """Waits for the requests under way in all models and gives the models up."""
        await asyncio.gather(*(model.close() for model in self.models), *self._closing)
        self._threads.shutdown()

    def _current(self, source: Source) -> ServedModel | None:
        model = self.models.get((source.name, source.version))
        return model if model is not None and model.digest == source.digest else None

    async def _verified(self, source: Source) -> ServedModel:
        loaded = await asyncio.to_thread(load_model, source, self._settings.threads)
        telemetry = self._telemetry.of(loaded.predictor.info, loaded.predictor.precision)
        model = ServedModel(loaded, self._limits, telemetry, self._threads)
        try:
            await model.check_golden()
        except BaseException:
            await model.close()
            raise
        return model

    def _switch(self, found: Sequence[ServedModel], refused: dict[Key, str]) -> None:
        gone = self.models.switch(found, refused)
        for model in gone:
            model.metrics.retire()
            closing = asyncio.create_task(_closed(model))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
        for model in self.models:
            model.metrics.serve()
            model.metrics.watch(partial(getattr, model, "queued_images"), partial(getattr, self.models, "is_ready"))


async def _closed(model: ServedModel) -> None:
    await model.close()
    logger.info(f"{model.info.name} {model.info.version} is gone.")


def _reason(source: Source, error: Exception) -> str:
    if not isinstance(error, SaccadeError):
        logger.error(f"{source.name} {source.version} failed to load.", exc_info=error)
        return "It failed to load. The server's log says why."
    logger.error(f"{source.name} {source.version} is refused, and what was served stays: {error}")
    return DIRECTORIES.sub("", str(error))
