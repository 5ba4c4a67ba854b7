"""saccade-classify beside the Python predictor: the same bundle, the same answers, the same refusals, no Python."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from saccade.cli.answer_lines import text_line
from saccade.core.artifacts import BUNDLE_JSON, ENGINE_BIN, ENGINE_XML, OOD_NPZ, BundleInfo, file_digests
from saccade.core.errors import BundleError
from saccade.preprocess.spec import PreprocessSpec
from saccade.serving.answers import answer_document
from saccade.serving.predictor import Predictor

PROGRAM = Path(sys.executable).with_name("saccade-classify")
ROOT = Path(__file__).parents[2]
PERCENT = re.compile(r"[0-9.]+%")
TIMEOUT_S = 60

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not PROGRAM.exists(), reason="the wheel was built without saccade-classify: make classify"),
]


def classify(*arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """What the program says where nothing is known of Python or of this environment."""
    command = [PROGRAM, *arguments]
    return subprocess.run(
        command, input=stdin, capture_output=True, text=True, timeout=TIMEOUT_S, cwd="/", env={}, check=False
    )


@pytest.fixture
def bundle(colour_bundle, tmp_path) -> Path:
    """A copy of the bundle, to be changed."""
    return Path(shutil.copytree(colour_bundle, tmp_path / "bundle"))


@pytest.fixture
def images(colour_image, tmp_path) -> list[Path]:
    """Files of every class, format and shape."""
    contents = {
        "red.png": colour_image("red", 1),
        "green.jpg": colour_image("green", 2, size=(40, 33), kind="JPEG"),
        "blue.webp": colour_image("blue", 3, size=(90, 20), kind="WEBP"),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return [tmp_path / name for name in contents]


def rewrite(bundle: Path, **changes: Any) -> None:
    """Changes bundle.json, and its digests so that they fit the files."""
    info = asdict(BundleInfo.load(bundle / BUNDLE_JSON))
    BundleInfo(**{**info, "files": file_digests(bundle), **changes}).save(bundle / BUNDLE_JSON)


def approximately(document: Any) -> Any:
    """The document with its numbers in reach of 1e-6."""
    if isinstance(document, dict):
        return {key: approximately(value) for key, value in document.items()}
    if isinstance(document, list):
        return [approximately(value) for value in document]
    return pytest.approx(document, abs=1e-6) if isinstance(document, float) else document


def test_answers_have_the_fields_and_numbers_of_the_python_predictor(colour_bundle, images):
    predictor = Predictor(colour_bundle)
    expected = [
        {"path": str(path), **answer_document(answer, predictor.info, "")}
        for path, answer in zip(images, predictor.predict([path.read_bytes() for path in images]), strict=True)
    ]
    for document in expected:
        del document["request_id"]

    done = classify("--json", colour_bundle, *images)

    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert answers == [approximately(document) for document in expected]
    assert [list(answer) for answer in answers] == [list(document) for document in expected]
    assert (done.returncode, done.stderr) == (0, "")


def test_words_are_those_of_saccade_predict(colour_bundle, images):
    predictor = Predictor(colour_bundle)
    answers = predictor.predict([path.read_bytes() for path in images])
    documents = [answer_document(answer, predictor.info, "") for answer in answers]

    lines = classify(colour_bundle, *images).stdout.splitlines()

    assert lines == [text_line(str(path), document) for path, document in zip(images, documents, strict=True)]


def test_strange_image_is_said_to_be_unlike_the_training_data(bundle, images):
    scoring = BundleInfo.load(bundle / BUNDLE_JSON).scoring
    rewrite(bundle, scoring={**scoring, "ood_threshold": 0.0})  # an isolation forest's scores are above 0

    assert classify(bundle, images[0]).stdout.endswith("%, unlike the training data)\n")
    assert json.loads(classify("--json", bundle, images[0]).stdout)["ood"]["is_ood"] is True


def test_number_of_threads_changes_no_answer(colour_bundle, images):
    alone = classify("--json", "--threads", "1", colour_bundle, *images)
    together = classify("--json", "--threads=2", colour_bundle, *images)

    def parsed(done: subprocess.CompletedProcess[str]) -> list[Any]:
        return [json.loads(line) for line in done.stdout.splitlines()]

    assert parsed(together) == [approximately(document) for document in parsed(alone)]


def test_more_images_than_a_batch_are_answered_in_order(colour_bundle, images):
    many = images * 50

    lines = classify(colour_bundle, *many).stdout.splitlines()

    assert [line.split(" (")[0] for line in lines] == [f"{path}: {path.stem}" for path in many]


def test_bad_images_get_typed_errors_and_harm_no_neighbour(colour_bundle, images, tmp_path):
    (tmp_path / "text.jpg").write_text("no image", encoding="utf-8")
    (tmp_path / "cut.png").write_bytes(images[0].read_bytes()[:200])
    bad = [tmp_path / "text.jpg", tmp_path / "cut.png", tmp_path / "nothing.png", tmp_path]

    done = classify("--json", colour_bundle, *bad, *images)

    answers = [json.loads(line) for line in done.stdout.splitlines()]
    codes = [answer.get("error", {}).get("code") for answer in answers]
    assert codes == ["unknown_format", "truncated", "unreadable", "unreadable", None, None, None]
    assert "stops after 200 bytes" in answers[1]["error"]["message"]
    assert "No such file or directory" in answers[2]["error"]["message"]
    assert [answer["label"] for answer in answers[4:]] == ["red", "green", "blue"]
    assert (done.returncode, done.stderr) == (3, "4 of 7 images were refused; each says why in its own line.\n")


def test_bad_image_has_its_reason_in_words(colour_bundle, tmp_path):
    (tmp_path / "text.jpg").write_text("no image", encoding="utf-8")

    done = classify(colour_bundle, tmp_path / "text.jpg")

    assert done.stdout.startswith(f"{tmp_path / 'text.jpg'}: The 8 bytes are not a JPEG, PNG or WebP image.")
    assert done.returncode == 3


@pytest.mark.parametrize("arguments", [[], ["-"]])
def test_paths_come_from_standard_input(colour_bundle, images, arguments):
    done = classify("--json", colour_bundle, *arguments, stdin="\n".join(map(str, images)))

    assert [json.loads(line)["path"] for line in done.stdout.splitlines()] == [str(path) for path in images]
    assert done.returncode == 0


def test_program_that_waits_for_each_answer_gets_it(colour_bundle, images):
    """Nothing is held back until a batch is full: else this hangs, and the test with it."""
    with subprocess.Popen(
        [PROGRAM, colour_bundle], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        for path in images:
            running.stdin.write(f"{path}\n")
            assert running.stdout.readline().startswith(f"{path}: {path.stem}")
        running.stdin.close()
        assert running.wait(TIMEOUT_S) == 0


def test_path_that_is_not_unicode_is_answered(colour_bundle, images, tmp_path):
    path = os.fsencode(tmp_path) + b"/\xff.png"
    shutil.copy(images[0], path)

    command = [PROGRAM, "--json", colour_bundle, path]
    answer = subprocess.run(command, stdout=subprocess.PIPE, timeout=TIMEOUT_S, check=True).stdout

    assert json.loads(answer)["path"] == f"{tmp_path}/\ufffd.png"


def append(file: Path) -> None:
    with file.open("ab") as stream:
        stream.write(b" ")


def altered(bundle: Path) -> None:
    append(bundle / ENGINE_BIN)
    append(bundle / "golden" / "0.image")


def missing(bundle: Path) -> None:
    (bundle / ENGINE_BIN).unlink()


def added(bundle: Path) -> None:
    (bundle / "golden" / "more.image").write_bytes(b"")


def one_class_more(bundle: Path) -> None:
    rewrite(bundle, classes=[*BundleInfo.load(bundle / BUNDLE_JSON).classes, "violet"])


def unknown_line(bundle: Path) -> None:
    rewrite(bundle, preprocess=["decode", "resize(16,16)", "blur(3)"])


def other_temperature(bundle: Path) -> None:
    rewrite(bundle, scoring={**BundleInfo.load(bundle / BUNDLE_JSON).scoring, "temperature": 50.0})


def impossible_temperature(bundle: Path) -> None:
    rewrite(bundle, scoring={**BundleInfo.load(bundle / BUNDLE_JSON).scoring, "temperature": -1.0})


def swapped_normalisation(bundle: Path) -> None:
    """The hash fits its lines, but training normalised otherwise: only the golden answers can tell."""
    spec = PreprocessSpec.parse(["decode", "resize(16,16)", "normalize(0.9,0.1,0.4;0.2,0.1,0.3)"])
    rewrite(bundle, preprocess=list(spec.steps), preprocess_hash=spec.hash)


def damaged_model(bundle: Path) -> None:
    (bundle / ENGINE_XML).write_text("<?xml version='1.0'?>", encoding="utf-8")
    rewrite(bundle)


def circular_forest(bundle: Path) -> None:
    with np.load(bundle / OOD_NPZ) as archive:
        arrays = dict(archive)
    arrays["left"][:] = 0
    np.savez(bundle / OOD_NPZ, **arrays)
    rewrite(bundle)


def other_hash(bundle: Path) -> None:
    rewrite(bundle, preprocess_hash="0" * 64)


def golden_of_other_classes(bundle: Path) -> None:
    answers = json.loads((bundle / "golden" / "answers.json").read_text(encoding="utf-8"))
    (bundle / "golden" / "answers.json").write_text(
        json.dumps([{**answer, "probabilities": [0.5, 0.5]} for answer in answers]), encoding="utf-8"
    )
    rewrite(bundle)


@pytest.mark.parametrize(
    "change",
    [
        altered,
        missing,
        added,
        one_class_more,
        unknown_line,
        other_temperature,
        impossible_temperature,
        swapped_normalisation,
        damaged_model,
        circular_forest,
        other_hash,
        golden_of_other_classes,
    ],
)
def test_bundle_that_the_predictor_refuses_is_refused_for_the_same_reason(
    bundle, images, change: Callable[[Path], None]
):
    change(bundle)
    with pytest.raises(BundleError) as refusal:
        Predictor(bundle)

    done = classify(bundle, *images)

    # The advice differs: a server is served, this program is used.
    reason = str(refusal.value).split("; ")[0].split(". ")[0]
    assert done.stderr.startswith(f"saccade-classify: {reason}")
    assert (done.returncode, done.stdout) == (3, "")


def test_bundle_without_golden_answers_is_refused(bundle, images):
    (bundle / "golden" / "answers.json").write_text("[]", encoding="utf-8")
    rewrite(bundle)

    done = classify(bundle, *images)

    assert "has no golden answers to verify this program with" in done.stderr
    assert done.returncode == 3


def test_golden_image_outside_the_bundle_is_refused(bundle, images):
    answers = json.loads((bundle / "golden" / "answers.json").read_text(encoding="utf-8"))
    (bundle / "golden" / "answers.json").write_text(
        json.dumps([{**answer, "file": f"../../{images[0].name}"} for answer in answers]), encoding="utf-8"
    )
    rewrite(bundle)

    done = classify(bundle, *images)

    assert f"has no golden image 'golden/../../{images[0].name}'" in done.stderr
    assert done.returncode == 3


@pytest.mark.parametrize("arguments", [[], ["--fast"], ["model", "--threads"], ["model", "-", "image.png"]])
def test_wrong_use_ends_with_2_and_points_to_the_help(arguments):
    done = classify(*arguments)
    assert done.stderr.endswith("Try 'saccade-classify --help'.\n")
    assert (done.returncode, done.stdout) == (2, "")


def test_help_names_every_option_and_version_is_the_wheels():
    from importlib.metadata import version

    done = classify("--help")
    assert done.returncode == 0
    assert all(word in done.stdout for word in ("MODEL", "IMAGE", "--json", "--threads N", "--help", "--version"))
    assert classify("--version").stdout == f"saccade-classify {version('saccade-native')}\n"


def test_full_disk_is_our_fault_and_said(colour_bundle, images):
    with Path("/dev/full").open("w") as full:
        command = [PROGRAM, colour_bundle, *images]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=TIMEOUT_S, check=False)
    assert (done.returncode, done.stderr) == (1, "saccade-classify: Cannot write the answers: is the disk full?\n")


def test_example_of_the_reference_is_answered_as_it_says(colour_bundle, images, tmp_path):
    """But for the probabilities, which differ from processor to processor."""
    section = (ROOT / "docs" / "reference" / "native.md").read_text(encoding="utf-8").split("## Command line\n")[1]
    example = section.split("```\n")[1]
    commands = [line.removeprefix("$ ") for line in example.splitlines() if line.startswith("$ ")]
    shown = [line for line in example.splitlines() if not line.startswith("$ ")]
    (tmp_path / "bundle").symlink_to(colour_bundle)
    (tmp_path / "text.jpg").write_text("no image", encoding="utf-8")

    path = f"{PROGRAM.parent}:{os.environ['PATH']}"
    shell = ["bash", "-c", "\n".join(commands)]
    done = subprocess.run(
        shell, cwd=tmp_path, env={"PATH": path}, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )

    assert [PERCENT.sub("%", line) for line in done.stdout.splitlines()] == [PERCENT.sub("%", line) for line in shown]
    assert json.loads((tmp_path / "answers.jsonl").read_text(encoding="utf-8"))["label"] == "blue"


def test_program_links_the_engine_and_no_python():
    libraries = subprocess.run(["ldd", PROGRAM], capture_output=True, text=True, check=True, timeout=TIMEOUT_S).stdout
    assert "libopenvino" in libraries
    assert "not found" not in libraries
    assert "python3" not in libraries.replace("/lib/python3", "")  # which is where the engine's wheel lies
