"""Which versions are served after a reload. Of a model only its name and version count here."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from saccade.serving.kserve.models import Models
from saccade.serving.request_error import RequestError


@dataclass(frozen=True, eq=False)
class Version:
    info: Any


def version(name: str, number: str) -> Any:
    return Version(SimpleNamespace(name=name, version=number))


@pytest.fixture
def served() -> list[Any]:
    return [version("cats", "2"), version("cats", "1"), version("dogs", "1")]


@pytest.fixture
def models(served) -> Models:
    models = Models()
    assert models.switch(served, {}) == []
    return models


def test_first_version_is_the_default(models, served):
    assert models.find("cats", "") is served[0]
    assert models.find("cats", "1") is served[1]
    assert (models.names, models.versions("cats")) == (["cats", "dogs"], ["2", "1"])


def test_what_is_no_longer_found_is_gone(models, served):
    assert models.switch(served[:1], {}) == served[1:]
    with pytest.raises(RequestError, match="no version '1' here, only '2'"):
        models.find("cats", "1")
    with pytest.raises(RequestError, match="no model 'dogs' here, only 'cats'"):
        models.find("dogs", "")


def test_model_with_a_refused_version_keeps_its_default_and_its_others(models, served):
    new = version("cats", "3")
    assert models.switch([new], {("cats", "4"): "too bad"}) == served[2:]
    assert models.find("cats", "") is served[0]
    assert models.versions("cats") == ["2", "1", "3"]
    assert models.refused("cats", "4") == "too bad"
    assert [(entry["version"], entry["state"], entry["reason"]) for entry in models.index()] == [
        ("2", "READY", ""),
        ("1", "READY", ""),
        ("3", "READY", ""),
        ("4", "UNAVAILABLE", "too bad"),
    ]


def test_refused_model_that_never_served_is_not_there(models, served):
    assert models.switch(served, {("birds", "1"): "too bad"}) == []
    with pytest.raises(RequestError):
        models.find("birds", "1")


def test_same_version_with_other_content_takes_the_place_of_the_old(models, served):
    other = version("cats", "2")
    assert models.switch([other, *served[1:]], {}) == [served[0]]
    assert models.find("cats", "") is other


def test_reload_without_a_refusal_forgets_older_ones(models, served):
    models.switch(served, {("cats", "3"): "too bad"})
    models.switch(served, {})
    assert models.refused("cats", "3") is None


def test_server_without_models_says_so():
    with pytest.raises(RequestError, match="only none yet"):
        Models().find("cats", "")
