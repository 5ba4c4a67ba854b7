"""What several integration tests start from."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from saccade.steps.import_images import import_images
from saccade.steps.prepare import prepare


@pytest.fixture(scope="session")
def prepared_digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The prepared bundle of scikit-learn's digits."""
    directory = tmp_path_factory.mktemp("digits")
    import_images([], directory / "imported")
    prepare(directory / "imported", directory / "prepared")
    return directory / "prepared"


@pytest.fixture(autouse=True)
def heard_interrupts() -> Iterator[None]:
    """A shell that starts pytest in the background has it ignore SIGINT, and children inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
