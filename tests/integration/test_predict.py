"""`saccade predict` as a process, against real servers."""

import csv
import json
import os
import pty
import signal
import socket
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration
LABELS = ("blue", "green", "red")
PREDICT = (sys.executable, "-m", "saccade", "predict")
MANY = 100_000  # paths: more than are answered before the test ends it


@pytest.fixture(scope="module")
def folder(colour_image, tmp_path_factory) -> Path:
    """30 images of three colours in turn, of which number 7 is cut off."""
    directory = tmp_path_factory.mktemp("photos")
    for n in range(30):
        image = colour_image(LABELS[n % 3], n, (300, 200), "JPEG")
        (directory / f"{n:02}.jpg").write_bytes(image[:900] if n == 7 else image)
    return directory


@pytest.fixture
def silent_socket() -> Iterator[socket.socket]:
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


@pytest.fixture
def silent(silent_socket) -> str:
    return f"http://127.0.0.1:{silent_socket.getsockname()[1]}"


def predict(*arguments: Any, **options: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*PREDICT, *map(str, arguments)], capture_output=True, check=False, timeout=120, **options)


@pytest.mark.parametrize("protocol", ["raw", "v1", "v2", "v2-binary", "grpc"])
def test_every_image_has_its_line_in_order(door, folder, protocol):
    url = door.grpc_url if protocol == "grpc" else door.url
    finished = predict(folder, "--url", url, "--protocol", protocol, "--json")
    lines = [json.loads(line) for line in finished.stdout.splitlines()]
    assert [line["path"] for line in lines] == [str(folder / f"{n:02}.jpg") for n in range(30)]
    assert [line.get("label") for line in lines] == [None if n == 7 else LABELS[n % 3] for n in range(30)]
    assert lines[7]["error"]["code"] == "truncated"
    assert finished.stderr == b"Error: 1 of 30 images were refused; each says why in its own line.\n"
    assert finished.returncode == 3


def test_csv_is_read_by_its_header(door, folder):
    finished = predict(folder / "00.jpg", folder / "07.jpg", "--url", door.url, "--format", "csv")
    good, bad = csv.DictReader(finished.stdout.decode().splitlines())
    assert (good["label"], good["is_ood"] in ("true", "false"), good["error_code"]) == ("blue", True, "")
    assert (bad["label"], bad["error_code"]) == ("", "truncated")


def test_image_and_paths_come_from_standard_input(door, folder):
    image = (folder / "02.jpg").read_bytes()
    finished = predict("-", "--url", door.url, input=image)
    assert finished.stdout.startswith(b"-: red (")
    listed = b"".join(os.fsencode(folder / name) + b"\0" for name in ("00.jpg", "gone.jpg", "02.jpg"))
    finished = predict("--paths-from", "-", "--url", door.url, input=listed)
    first, second, third = finished.stdout.decode().splitlines()
    assert first.startswith(f"{folder / '00.jpg'}: blue")
    assert second == f"{folder / 'gone.jpg'}: The file cannot be read: No such file or directory."
    assert third.startswith(f"{folder / '02.jpg'}: red")
    assert finished.returncode == 3


def test_standard_input_cannot_be_both_image_and_list(door):
    finished = predict("-", "--paths-from", "-", "--url", door.url, input=b"")
    assert (finished.returncode, finished.stdout) == (2, b"")
    assert b"only once" in finished.stderr


def test_name_that_is_not_text_is_written_as_it_is(door, folder, tmp_path):
    name = os.fsencode(tmp_path) + b"/\xff.jpg"
    Path(os.fsdecode(name)).write_bytes((folder / "01.jpg").read_bytes())
    assert predict(os.fsdecode(name), "--url", door.url).stdout.startswith(name + b": green")


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--model", "nobody"], 2, "nobody"),
        (["--url", "127.0.0.1:8080"], 2, "not a server's address"),
        (["--url", "http://127.0.0.1:9"], 1, "No server answers"),
        (["--protocol", "v3"], 2, "v3"),
        (["/nowhere.jpg"], 2, "/nowhere.jpg"),
        (["--token-file", "/nowhere"], 2, "/nowhere"),
    ],
)
def test_wrong_use_and_no_server_are_told_before_any_answer(door, folder, arguments, code, told):
    finished = predict("--url", door.url, folder, *arguments)
    assert (finished.returncode, finished.stdout) == (code, b"")
    assert told in finished.stderr.decode()
    assert b"Traceback" not in finished.stderr


def test_token_is_read_from_its_file(guarded_door, folder):
    answered = predict(folder / "00.jpg", "--url", guarded_door.url, "--token-file", guarded_door.token_file)
    assert answered.returncode == 0
    refused = predict(folder, "--url", guarded_door.url)
    assert (refused.returncode, refused.stdout) == (2, b"")
    assert b"Bearer" in refused.stderr


def test_server_that_is_not_ours_is_told(folder):
    with ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as foreign:
        thread = threading.Thread(target=foreign.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        finished = predict(folder / "00.jpg", "--url", f"http://127.0.0.1:{foreign.server_port}")
        foreign.shutdown()
        thread.join()
    assert finished.returncode == 1
    assert b"00.jpg: The server answered 501" in finished.stdout


def test_silent_server_is_given_up(silent, folder):
    finished = predict(folder, "--url", silent, "--timeout", "0.3")
    assert (finished.returncode, finished.stdout) == (1, b"")
    assert f"{silent} did not answer within 0.3 s" in finished.stderr.decode()


def test_interrupt_does_not_wait_for_a_silent_server(silent_socket, silent, folder):
    with subprocess.Popen([*PREDICT, str(folder), "--url", silent], stderr=subprocess.PIPE) as process:
        connection, _ = silent_socket.accept()
        process.send_signal(signal.SIGINT)
        told = process.communicate(timeout=30)[1]
        connection.close()
    assert (process.returncode, told) == (130, b"Interrupted after 0 of 30 images.\n")


def many_paths(folder: Path, tmp_path: Path) -> Path:
    listed = tmp_path / "paths"
    listed.write_text(f"{folder / '00.jpg'}\n" * MANY)
    return listed


def test_interrupt_leaves_whole_lines(door, folder, tmp_path):
    command = [*PREDICT, "--paths-from", str(many_paths(folder, tmp_path)), "--url", door.url, "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
    lines = (first + rest).split(b"\n")
    assert process.returncode == 130
    assert lines.pop() == b""
    assert len(lines) < MANY
    assert {json.loads(line)["label"] for line in lines} == {"blue"}


def test_reader_that_goes_away_ends_it_quietly(door, folder, tmp_path):
    command = [*PREDICT, "--paths-from", str(many_paths(folder, tmp_path)), "--url", door.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.parametrize("protocol", ["raw", "grpc"])
def test_server_killed_on_the_way_is_named_after_the_answers_it_gave(start_door, folder, tmp_path, protocol):
    dying = start_door()
    url = dying.grpc_url if protocol == "grpc" else dying.url
    command = [*PREDICT, "--paths-from", str(many_paths(folder, tmp_path)), "--url", url, "--protocol", protocol]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        dying.process.kill()
        rest, told = process.communicate(timeout=60)
    assert process.returncode == 1
    assert set((first + rest).splitlines()) == {first.rstrip()}
    assert (first + rest).endswith(b"\n")
    assert url in told.decode()
    assert b"Traceback" not in told


def test_bar_is_shown_on_a_terminal_when_lines_go_elsewhere(door, folder):
    controller, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 80))
    command = [*PREDICT, str(folder), "--url", door.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=terminal) as process:
        os.close(terminal)
        assert process.stdout is not None
        assert len(process.stdout.read().splitlines()) == 30
    shown = os.read(controller, 10_000)
    os.close(controller)
    assert b"Predict" in shown
