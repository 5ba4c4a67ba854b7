import subprocess
import sys

import pytest

from saccade.cli import main as main_module
from saccade.cli.main import VERBS, main
from saccade.core.errors import BundleError, DataError, QualityGateError, SaccadeError, UsageError


def exit_code(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
        raise SystemExit(0)
    return int(stop.value.code or 0)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb, capsys):
    assert exit_code(verb, "--help") == 0
    assert f"saccade {verb}" in capsys.readouterr().out


def test_help_lists_the_verbs_without_loading_torch():
    script = "import sys; from saccade.cli.main import main; main(['--help'])"
    check = "; sys.exit(any(name in sys.modules for name in ('torch', 'ray', 'kfp', 'numpy')))"
    finished = subprocess.run([sys.executable, "-c", script + check], capture_output=True, text=True, check=False)
    assert finished.returncode == 0
    assert "Classify images" in finished.stdout


def test_unknown_verb_is_wrong_use(capsys):
    assert exit_code("trian") == 2
    assert "trian" in capsys.readouterr().err


def test_missing_dataset_is_wrong_use(capsys):
    assert exit_code("prepare", "/nowhere", "--out", "x") == 2
    assert "/nowhere" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SaccadeError, 1),
        (UsageError, 2),
        (DataError, 3),
        (BundleError, 3),
        (QualityGateError, 4),
        (KeyboardInterrupt, 130),
    ],
)
def test_error_ends_with_its_exit_code(monkeypatch, error, code):
    def fail(*_: object, **__: object) -> None:
        raise error("what happened")

    monkeypatch.setattr(main_module.cli, "main", fail)
    assert exit_code("doctor") == code
