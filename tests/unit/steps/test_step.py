import os
import subprocess
import sys
import time

import psutil

from saccade.steps.step import step

SLEEPING_STEP = """
import time
from saccade.steps.step import step
@step
def sleep():
    print("started", flush=True)
    time.sleep(60)
    return {}
sleep()
"""


def test_step_adds_time_and_memory_to_its_result():
    result = step(lambda: {"images": 3})()
    assert result["images"] == 3
    assert 0 <= result["seconds"] < 60
    assert result["peak_rss_bytes"] >= psutil.Process().memory_info().rss / 2


def test_step_ends_when_its_run_is_killed():
    run = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    environment = {**os.environ, "SACCADE_RUN_PID": str(run.pid)}
    started = subprocess.Popen(
        [sys.executable, "-c", SLEEPING_STEP], env=environment, stdout=subprocess.PIPE, text=True
    )
    with started:
        assert started.stdout.readline() == "started\n"
        run.kill()
        run.wait()
        assert started.wait(timeout=20) == -9


def test_step_of_a_run_that_is_gone_does_not_start():
    run = subprocess.Popen([sys.executable, "-c", ""])
    run.wait()
    time.sleep(0.05)
    environment = {**os.environ, "SACCADE_RUN_PID": str(run.pid)}
    finished = subprocess.run(
        [sys.executable, "-c", SLEEPING_STEP], env=environment, capture_output=True, text=True, timeout=20, check=False
    )
    assert finished.returncode == -9
    assert "started" not in finished.stdout
