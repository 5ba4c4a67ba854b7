import pytest
from kfp import dsl

from saccade.core.errors import DataError, SaccadeError
from saccade_pipelines.local import remove_unreferenced_runs, run_pipeline


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def count(total: int, note: dsl.Output[dsl.Artifact]) -> int:
    from pathlib import Path

    print("counting")
    Path(note.path).write_text("x" * total)
    return total


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def fail(kind: str):
    from saccade.core.errors import DataError

    if kind == "data":
        raise DataError("Folder 'x' is empty. Put images into it.")
    raise ZeroDivisionError("our fault")


@dsl.pipeline(name="count")
def counting(total: int) -> int:
    return count(total=total).outputs["Output"]


@dsl.pipeline(name="fail")
def failing(kind: str):
    fail(kind=kind)


def test_pipeline_returns_its_outputs_and_shows_what_steps_print(tmp_path, capsys):
    outputs = run_pipeline(counting, {"total": 3}, tmp_path)
    captured = capsys.readouterr()
    assert outputs == {"Output": 3}
    assert captured.out == ""
    assert "counting" in captured.err


def test_finished_step_is_not_run_again(tmp_path, capsys):
    run_pipeline(counting, {"total": 3}, tmp_path)
    capsys.readouterr()
    assert run_pipeline(counting, {"total": 3}, tmp_path) == {"Output": 3}
    assert "counting" not in capsys.readouterr().err


def test_step_error_keeps_its_kind_and_message(tmp_path):
    with pytest.raises(DataError, match=r"^Folder 'x' is empty\. Put images into it\.$"):
        run_pipeline(failing, {"kind": "data"}, tmp_path)


def test_unforeseen_error_points_to_the_log(tmp_path):
    with pytest.raises(SaccadeError, match=r"pipeline\.log"):
        run_pipeline(failing, {"kind": "bug"}, tmp_path)
    assert "our fault" in (tmp_path / "pipeline.log").read_text()


def test_only_runs_without_a_cached_step_are_removed(tmp_path):
    run_pipeline(counting, {"total": 3}, tmp_path)
    kept = list((tmp_path / "artifacts").iterdir())
    (tmp_path / "artifacts" / "count-interrupted").mkdir()
    remove_unreferenced_runs(tmp_path / "artifacts", tmp_path / "cache")
    assert list((tmp_path / "artifacts").iterdir()) == kept
