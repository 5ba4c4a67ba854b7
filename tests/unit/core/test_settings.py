"""What the environment decides."""

import subprocess
import sys


def test_openvino_and_nncf_send_nothing_home_after_opting_out(tmp_path):
    # Both would leave an identifier of the user in the home directory before they send anything. A process of its own:
    # NNCF is silent under pytest.
    script = (
        "from saccade.core.settings import opt_out_of_telemetry; opt_out_of_telemetry(); "
        "import openvino, nncf, nncf.telemetry; openvino.convert_model; print('imported')"
    )
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    finished = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True, timeout=300
    )
    assert finished.stdout == "imported\n"
    assert list(tmp_path.rglob("*")) == []
