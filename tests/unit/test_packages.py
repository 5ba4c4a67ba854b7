import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = {"saccade": "src/saccade", "saccade_components": "components", "saccade_pipelines": "pipelines"}


def packages_below(name: str, folder: Path) -> set[str]:
    found = {path.parent.relative_to(folder) for path in folder.rglob("__init__.py")}
    return {".".join((name, *path.parts)) for path in found}


def test_wheel_holds_every_package_of_the_tree():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    assert set(listed) == set().union(*(packages_below(name, ROOT / folder) for name, folder in FOLDERS.items()))


def test_torch_module_is_built_and_installed_against_the_locked_torch():
    locked = next(line for line in (ROOT / "requirements.lock").read_text().splitlines() if line.startswith("torch=="))
    module = tomllib.loads((ROOT / "native" / "torch" / "pyproject.toml").read_text())
    assert locked in module["build-system"]["requires"]
    assert module["project"]["dependencies"] == [locked]
