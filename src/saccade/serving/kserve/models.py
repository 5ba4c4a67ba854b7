"""The models that are served and the versions that were refused, by name and version."""

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from saccade.serving.kserve.served_model import ServedModel
from saccade.serving.request_error import RequestError

Key = tuple[str, str]  # name and version


class Models:
    """What can be asked. Of the versions of one model the first is the default."""

    def __init__(self) -> None:
        self.is_ready = False  # whether a load balancer should send requests: what the server says, once it was asked
        self._served: dict[str, dict[str, ServedModel]] = {}
        self._refused: dict[Key, str] = {}

    def __iter__(self) -> Iterator[ServedModel]:
        return (model for versions in self._served.values() for model in versions.values())

    @property
    def names(self) -> list[str]:
        """Of every served model."""
        return list(self._served)

    def versions(self, name: str) -> list[str]:
        """The served versions of a model, the default first."""
        return list(self._served.get(name, ()))

    def get(self, key: Key) -> ServedModel | None:
        """The served model of that name and version, if there is one."""
        return self._served.get(key[0], {}).get(key[1])

    def refused(self, name: str, version: str) -> str | None:
        """Why a version is not served although it was published."""
        return self._refused.get((name, version))

    def find(self, name: str, version: str) -> ServedModel:
        """Returns the model that answers. version: empty for the default.

        Raises RequestError 404, which names what exists.
        """
        versions = self._served.get(name)
        if versions is None:
            raise RequestError(
                "unknown_model",
                f"There is no model '{name[:100]}' here, only {_listed(self._served)}.",
                HTTPStatus.NOT_FOUND,
            )
        if version and version not in versions:
            raise RequestError(
                "unknown_version",
                f"Model '{name}' has no version '{version[:100]}' here, only {_listed(versions)}.",
                HTTPStatus.NOT_FOUND,
            )
        return versions[version] if version else next(iter(versions.values()))

    def switch(self, found: Sequence[ServedModel], refused: Mapping[Key, str]) -> list[ServedModel]:
        """Serves what was found from now on. Returns the models that are gone; requests may still be under way in them.

        found: the default of each name first.   refused: reason by name and version. A model with a refused version
        keeps its default and its other versions beside what was found of it.
        """
        before = list(self)
        kept = {name: self._served[name] for name, _ in refused if name in self._served}
        served: dict[str, dict[str, ServedModel]] = {name: dict(versions) for name, versions in kept.items()}
        for model in found:
            served.setdefault(model.info.name, {})[model.info.version] = model
        self._served, self._refused = served, dict(refused)
        remaining = set(self)
        return [model for model in before if model not in remaining]

    def index(self) -> list[dict[str, Any]]:
        """The answer to V2's repository index: every version with its state."""
        served = [
            {"name": model.info.name, "version": model.info.version, "state": "READY", "reason": ""} for model in self
        ]
        refused = [
            {"name": name, "version": version, "state": "UNAVAILABLE", "reason": reason}
            for (name, version), reason in self._refused.items()
        ]
        return served + refused


def _listed(names: Mapping[str, Any]) -> str:
    return ", ".join(f"'{name}'" for name in names) or "none yet"
