"""What several integration tests start from."""

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
