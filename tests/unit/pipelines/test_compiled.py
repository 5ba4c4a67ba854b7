from pathlib import Path

import pytest
import yaml

from saccade_pipelines.compile import COMPILED, PIPELINES, compile_pipelines


@pytest.mark.parametrize("name", PIPELINES)
def test_compiled_yaml_is_fresh(name, tmp_path):
    compile_pipelines(tmp_path)
    assert (tmp_path / name).read_text() == (COMPILED / name).read_text(), "run python -m saccade_pipelines.compile"


def test_every_training_step_takes_the_content_id():
    pipeline = next(yaml.safe_load_all((COMPILED / "training.yaml").read_text()))
    tasks = pipeline["root"]["dag"]["tasks"]
    assert set(tasks) == {"import-images", "prepare", "tune", "train", "evaluate", "publish"}
    without = {name for name, task in tasks.items() if "content_id" not in task["inputs"]["parameters"]}
    assert without == {"import-images"}


def test_drift_is_never_cached():
    pipeline = next(yaml.safe_load_all((COMPILED / "drift.yaml").read_text()))
    assert pipeline["root"]["dag"]["tasks"]["drift"]["cachingOptions"] == {}


def test_no_step_installs_packages():
    assert not [path for path in Path(COMPILED).glob("*.yaml") if "pip install" in path.read_text()]
