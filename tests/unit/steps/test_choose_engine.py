"""Which engine is taken: by hand-made figures, and by what is measured of small networks."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saccade.core.artifacts import BUNDLE_JSON, MODEL_CARD, REPORT_HTML, BundleInfo
from saccade.core.errors import QualityGateError
from saccade.serving.predictor import Predictor
from saccade.steps.choose_engine import Candidate, judge
from saccade.steps.evaluate import evaluate


def candidate(engine: str, speed: float, right: int) -> Candidate:
    """An engine of that many images a second whatever the batch, right on so many of 1,000 validation images."""
    return Candidate(engine, {"1": speed, "64": speed}, right / 1_000, verdict="")


@pytest.mark.parametrize(
    ("bf16", "int8", "chosen"),
    [
        ((200, 990), (300, 987), "int8"),  # 0.3 points fewer than float32's 990 are allowed
        ((200, 990), (300, 986), "bf16"),
        ((200, 986), (300, 986), "f32"),
        ((104, 990), (104, 990), "f32"),  # 4 % is no gain that is clear
        ((200, 990), (208, 990), "bf16"),
        ((200, 990), (190, 995), "bf16"),
        ((90, 990), (106, 990), "int8"),
    ],
)
def test_fastest_within_the_rule_is_chosen(bf16, int8, chosen):
    measured = [candidate("f32", 100, 990), candidate("bf16", *bf16), candidate("int8", *int8)]
    assert [each.engine for each in judge(measured, "auto") if each.verdict == "chosen"] == [chosen]


def test_speed_is_the_geometric_mean_over_batch_sizes():
    # sqrt(100 * 400) = 200: a quarter slower alone and three times as fast together is a gain.
    assert Candidate("int8", {"1": 100, "64": 400}, 1.0, "").speed == pytest.approx(200)


def test_every_verdict_says_why():
    measured = [candidate("f32", 100, 990), candidate("bf16", 200, 989), candidate("int8", 300, 985)]
    verdicts = [each.verdict for each in judge(measured, "auto")]
    assert verdicts == ["0.50 times as fast as bf16", "chosen", "loses 0.50 points"]


def test_stated_engine_is_taken_though_it_is_slower():
    measured = [candidate("f32", 100, 990), candidate("int8", 50, 990)]
    assert [each.verdict for each in judge(measured, "int8")] == ["2.00 times as fast as int8", "chosen"]


@pytest.mark.parametrize("engine", ["int8", "inductor"])
def test_stated_engine_that_loses_is_refused_with_its_loss(engine):
    measured = [candidate("f32", 100, 990), candidate(engine, 300, 986)]
    with pytest.raises(QualityGateError, match=rf"{engine} is right on 0\.40 points fewer.*0\.3 are allowed"):
        judge(measured, engine)


@pytest.fixture(scope="module")
def int8_bundle(colour_training, tmp_path_factory) -> Path:
    """The bundle of colours that was asked to be int8."""
    bundle = tmp_path_factory.mktemp("int8") / "bundle"
    evaluate(colour_training / "prepared", colour_training / "training", bundle, engine="int8")
    return bundle


def test_int8_bundle_passes_its_golden_answers_and_answers_right(int8_bundle, colour_image):
    predictor = Predictor(int8_bundle)  # verifies the golden answers
    answers = predictor.predict([colour_image("red", 1), colour_image("blue", 3)])
    assert predictor.precision == "int8"
    assert [predictor.info.classes[answer.label] for answer in answers] == ["red", "blue"]


def test_bundle_records_what_was_measured(int8_bundle):
    engine = BundleInfo.load(int8_bundle / BUNDLE_JSON).engine
    assert (engine["kind"], engine["precision"]) == ("openvino", "int8")
    assert [each["engine"] for each in engine["candidates"]] == ["f32", "int8"]
    for each in engine["candidates"]:
        assert len(each["images_per_second"]) == 2  # a lone image, and as many as keep this machine busy
        assert "1" in each["images_per_second"]
        assert all(rate > 0 for rate in each["images_per_second"].values())
        assert each["validation_accuracy"] == 1


def test_report_and_model_card_show_every_engine(int8_bundle):
    engine = BundleInfo.load(int8_bundle / BUNDLE_JSON).engine
    page = (int8_bundle / REPORT_HTML).read_text(encoding="utf-8")
    card = (int8_bundle / MODEL_CARD).read_text(encoding="utf-8")
    for each in engine["candidates"]:
        assert f"<td>{each['engine']}</td>" in page
        assert f'<td class="text">{each["verdict"]}</td>' in page
        assert f"{each['engine']} {int(each['images_per_second']['1'])} / " in card
    assert engine["measured_on"] in page


@pytest.fixture(scope="module")
def close_colours(make_training, tmp_path_factory) -> Path:
    """Grey noise with a fifth of a level more red, or more green: finer than 256 steps between black and white."""
    directory = tmp_path_factory.mktemp("close")
    for channel, label in enumerate(("red", "green")):
        (directory / "images" / label).mkdir(parents=True)
        for number in range(60):
            image = io.BytesIO()
            Image.fromarray(nearly_grey(channel, 1_000 * channel + number)).save(image, "PNG")
            (directory / "images" / label / f"{number}.png").write_bytes(image.getvalue())
    return make_training(directory)


def nearly_grey(channel: int, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    grey = generator.integers(0, 60, (16, 16, 1)) + generator.integers(20, 180)
    pixels = np.repeat(grey, 3, axis=2)
    pixels[..., channel] += generator.permuted(np.arange(256) < 51).reshape(16, 16)
    return pixels.astype(np.uint8)


def test_auto_does_not_take_int8_where_it_loses(close_colours, tmp_path):
    engine = evaluate(close_colours / "prepared", close_colours / "training", tmp_path / "bundle")["engine"]
    exact, *_, int8 = engine["candidates"]
    assert exact["validation_accuracy"] == 1
    assert int8["verdict"].startswith("loses")
    assert engine["precision"] != "int8"


def test_stated_int8_that_loses_leaves_no_bundle(close_colours, tmp_path):
    with pytest.raises(QualityGateError, match="Choose --engine auto, f32 or bf16"):
        evaluate(close_colours / "prepared", close_colours / "training", tmp_path / "bundle", engine="int8")
    assert not (tmp_path / "bundle").exists()
