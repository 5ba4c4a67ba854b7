"""The whole `saccade run` on digits, as a user starts it."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from subprocess import DEVNULL

import numpy as np
import psutil
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from saccade.core.artifacts import BUNDLE_JSON
from saccade.preprocess.spec import PreprocessSpec
from saccade.serving.predictor import Predictor

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]
SACCADE = [sys.executable, "-m", "saccade"]
QUICK = ["--trials", "3", "--tune-seconds", "20"]
FINISH_S = 600
BILINEAR, BICUBIC = Image.Resampling.BILINEAR, Image.Resampling.BICUBIC
STEPS = ("import-images", "prepare", "tune", "train", "evaluate", "publish")


def executions(out: Path, step: str) -> int:
    """How often kfp started the step, by its log."""
    log = out / "pipeline.log"
    return len(re.findall(rf"Executing task .*'{step}'", log.read_text())) if log.exists() else 0


def jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def started(out: Path, step: str) -> bool:
    return executions(out, step) > 0


def run_saccade(out: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [*SACCADE, "run", "--out", str(out), *QUICK, "--json", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=FINISH_S, check=False)


def processes_of(out: Path) -> list[str]:
    """Every live process whose command line or working directory names the run."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or [])
        if str(out) in line and process.pid != os.getpid():
            found.append(line)
    return found


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    out = tmp_path_factory.mktemp("run") / "digits"
    completed = run_saccade(out)
    assert completed.returncode == 0, completed.stderr[-4000:]
    return out, json.loads(completed.stdout.splitlines()[-1])


def test_run_on_digits_reaches_the_target_accuracy(finished):
    _, result = finished
    assert result["accuracy"] >= 0.985
    assert result["accuracy_low"] <= result["accuracy"] <= result["accuracy_high"]


def test_served_answers_agree_with_the_evaluation(finished):
    _, result = finished
    assert result["served_accuracy"] >= 0.97


def test_scaled_decoding_changes_at_most_one_answer_in_two_hundred(finished):
    """Digits as photographs of 512 px: decoded at 1/8 by the predictor, in full by Pillow for the same network."""
    out, _ = finished
    bundle = next(out.rglob(BUNDLE_JSON)).parent
    predictor = Predictor(bundle)
    digits = load_digits().images[::4]
    large = [
        Image.fromarray((digit * 15).astype(np.uint8)).resize((512, 512), Image.Resampling.BICUBIC) for digit in digits
    ]
    files = [jpeg(image) for image in large]
    side = PreprocessSpec.parse(predictor.info.preprocess).native.height
    full = [png(Image.open(io.BytesIO(file)).convert("RGB").resize((side, side), BILINEAR)) for file in files]
    scaled, exact = ([answer.label for answer in predictor.predict(images)] for images in (files, full))
    assert np.mean(np.array(scaled) == np.array(exact)) >= 0.995


def test_run_finds_drift_in_the_corrupted_stream_only(finished):
    _, result = finished
    assert result["drift"] == {"clean": False, "corrupted": True}


def test_run_leaves_reports_that_need_no_network(finished):
    _, result = finished
    for report in (result["report"], *result["drift_reports"].values()):
        text = Path(report).read_text(encoding="utf-8")
        assert "<html" in text.lower()
    assert 'src="http' not in Path(result["report"]).read_text(encoding="utf-8")


def test_run_leaves_no_process(finished):
    out, _ = finished
    assert processes_of(out) == []


def test_second_run_does_no_step_again(finished):
    out, first = finished
    completed = run_saccade(out)
    second = json.loads(completed.stdout.splitlines()[-1])
    assert [executions(out, step) for step in STEPS] == [1] * len(STEPS)
    assert second["accuracy"] == first["accuracy"]


def test_run_killed_in_every_step_goes_on_and_ends_with_the_same_result(finished, tmp_path, wait_until):
    _, whole = finished
    out = tmp_path / "killed"
    for step in STEPS:
        process = subprocess.Popen([*SACCADE, "run", "--out", str(out), *QUICK], stdout=DEVNULL, stderr=DEVNULL)
        wait_until(lambda step=step: started(out, step), running=process)
        time.sleep(1)  # into the middle of it
        process.kill()
        process.wait()
        wait_until(lambda: not processes_of(out))
    completed = run_saccade(out)
    assert completed.returncode == 0, completed.stderr[-4000:]
    result = json.loads(completed.stdout.splitlines()[-1])
    # At most once more than the kill in it costs; a quick step may have finished within the second before its kill.
    assert all(1 <= executions(out, step) <= 2 for step in STEPS)
    assert result["dataset"]["content_id"] == whole["dataset"]["content_id"]
    # The search ends by the clock, so another machine load may leave another trial: a few images of 359 at most.
    assert result["accuracy"] == pytest.approx(whole["accuracy"], abs=0.01)


def test_interrupted_run_leaves_no_process_and_exits_with_130(tmp_path, wait_until):
    out = tmp_path / "interrupted"
    process = subprocess.Popen([*SACCADE, "run", "--out", str(out), *QUICK], stdout=DEVNULL, stderr=DEVNULL)
    wait_until(lambda: started(out, "tune"), running=process)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    wait_until(lambda: not processes_of(out))
