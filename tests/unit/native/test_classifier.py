"""The classifier against torch, NumPy and SciPy: encoded images in, answers out."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import logsumexp, softmax
from torch import nn

import saccade_native
from saccade.models.export import export_openvino
from saccade.ood.isolation_forest import fit_isolation_forest
from saccade_native import Classifier, PreprocessSpec, Scoring, View

SIZE_PX, CLASSES, FEATURES = 12, 5, 32
MEAN, STD = (0.49, 0.48, 0.45), (0.25, 0.24, 0.26)
SPEC = PreprocessSpec(["decode", f"resize({SIZE_PX},{SIZE_PX})", "normalize(0.49,0.48,0.45;0.25,0.24,0.26)"])
VIEWS = [View(weight=2.0), View(flip=True), View(dy=3, dx=-2, weight=0.5), View(flip=True, dy=-11, dx=5, weight=0.25)]
BAD = b"\xff\xd8\xff no photograph"


class Network(nn.Module):
    """Convolutions whose features still know where in the image they come from, so that every view differs."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.GELU(), nn.Conv2d(16, 8, 3, 2), nn.GELU()
        )
        self.features = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten())
        self.head = nn.Linear(FEATURES, CLASSES)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = self.features(self.body(images))
        return 6 * self.head(features), features


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(3)
    return Network().eval()


@pytest.fixture(scope="module")
def model(network, tmp_path_factory) -> str:
    directory = tmp_path_factory.mktemp("engine")
    export_openvino(network, SIZE_PX, directory)
    return str(next(directory.glob("*.xml")))


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    """150 images, more than go through the engine at once, from dark to full of contrast."""
    generator = np.random.default_rng(5)
    low, high = np.sort(generator.integers(0, 256, (2, 150, 1, 1, 3)), axis=0)
    return generator.integers(low, high + 1, (150, SIZE_PX, SIZE_PX, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def classify(model):
    """classify(scoring options): a classifier in float32, on two threads."""

    def make(**scoring) -> Classifier:
        return Classifier(model, SPEC, Scoring(**scoring), threads=2, precision="f32")

    return make


def normalised(pixels: np.ndarray) -> np.ndarray:
    return (pixels / 255 - MEAN) / STD


def run(network: Network, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logits and features of normalised (N, H, W, 3) images, by torch."""
    with torch.inference_mode():
        logits, features = network(torch.from_numpy(images.astype(np.float32)).permute(0, 3, 1, 2))
    return logits.numpy().astype(np.float64), features.numpy()


def averaged(network: Network, pixels: np.ndarray) -> np.ndarray:
    """Logits averaged over VIEWS, each made by NumPy: padded by reflection, cut out again, mirrored."""
    border = SIZE_PX - 1

    def seen(flip: bool, dy: int, dx: int) -> np.ndarray:
        padded = np.pad(normalised(pixels), ((0, 0), (border, border), (border, border), (0, 0)), mode="reflect")
        top, left = border - dy, border - dx
        moved = padded[:, top : top + SIZE_PX, left : left + SIZE_PX]
        return run(network, moved[:, :, ::-1].copy() if flip else moved)[0]

    weighted = 2.0 * seen(False, 0, 0) + seen(True, 0, 0) + 0.5 * seen(False, 3, -2) + 0.25 * seen(True, -11, 5)
    return weighted / 3.75


def test_float32_logits_and_features_are_torchs(classify, network, pixels):
    logits, features = run(network, normalised(pixels))
    batch = classify().predict_pixels(pixels)
    np.testing.assert_allclose(batch.logits, logits, atol=1e-4)
    np.testing.assert_allclose(batch.features, features, atol=1e-4)


def test_preferred_precision_is_near_torch(model, network, pixels):
    # bfloat16 keeps 8 bits: 0.4 % a layer. Where the processor lacks it, this is float32 and nearer still.
    logits, _ = run(network, normalised(pixels))
    classifier = Classifier(model, SPEC, Scoring(), threads=2)
    np.testing.assert_allclose(classifier.predict_pixels(pixels).logits, logits, atol=0.03 * np.abs(logits).max())


def test_bfloat16_is_used_exactly_where_the_processor_has_it(model):
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    has_bfloat16 = "avx512_bf16" in flags or "amx_bf16" in flags
    assert Classifier(model, SPEC, Scoring()).precision == ("bf16" if has_bfloat16 else "f32")
    assert Classifier(model, SPEC, Scoring(), precision="f32").precision == "f32"


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_probabilities_and_energy_are_scipys(classify, pixels, temperature):
    batch = classify(temperature=temperature).predict_pixels(pixels)
    scaled = batch.logits.astype(np.float64) / temperature
    np.testing.assert_allclose(batch.probabilities, softmax(scaled, axis=1), atol=1e-6)
    np.testing.assert_allclose(batch.energy, -temperature * logsumexp(scaled, axis=1), rtol=1e-5)


def test_logits_of_all_views_are_averaged_by_weight(classify, network, pixels):
    batch = classify(views=VIEWS, view_threshold=2).predict_pixels(pixels)
    np.testing.assert_allclose(batch.logits, averaged(network, pixels), atol=1e-4)


def test_only_unsure_images_are_looked_at_again(classify, network, pixels):
    plain, temperature = run(network, normalised(pixels))[0], 1.3
    certainty = softmax(plain / temperature, axis=1).max(axis=1)
    threshold = float(np.median(certainty))
    unsure = certainty < threshold

    batch = classify(views=VIEWS, view_threshold=threshold, temperature=temperature).predict_pixels(pixels)

    expected = np.where(unsure[:, None], averaged(network, pixels), plain)
    np.testing.assert_allclose(batch.logits, expected, atol=1e-4)
    np.testing.assert_allclose(batch.probabilities, softmax(expected / temperature, axis=1), atol=1e-4)


def test_features_and_energy_are_those_of_the_image_as_it_is(classify, pixels):
    alone, with_views = (classify(views=VIEWS, view_threshold=limit).predict_pixels(pixels) for limit in (0, 2))
    assert np.abs(alone.logits - with_views.logits).max() > 0.1
    np.testing.assert_array_equal(alone.features, with_views.features)
    np.testing.assert_array_equal(alone.energy, with_views.energy)


def test_views_can_be_left_out_of_a_call(classify, pixels):
    classifier = classify(views=VIEWS, view_threshold=2)
    plain = classify().predict_pixels(pixels).logits
    np.testing.assert_array_equal(classifier.predict_pixels(pixels, with_views=False).logits, plain)


def test_encoded_image_is_answered_exactly_as_its_prepared_pixels(classify, noise, encode):
    classifier = classify(views=VIEWS, view_threshold=0.9, ood_threshold=-3.0)
    pictures = [noise(height, width, seed) for seed, (height, width) in enumerate([(40, 30), (12, 12), (7, 90)])]
    files = [encode(picture, "PNG") for picture in pictures]
    prepared = np.empty((3, SIZE_PX, SIZE_PX, 3), np.uint8)
    saccade_native.prepare(files, SPEC, prepared)

    answers, batch = classifier.predict(files), classifier.predict_pixels(prepared)

    for name in ("probabilities", "features", "ood_score", "is_ood"):
        np.testing.assert_array_equal([getattr(answer, name) for answer in answers], getattr(batch, name))
    assert [(answer.height, answer.width) for answer in answers] == [(40, 30), (12, 12), (7, 90)]
    assert [answer.scores for answer in answers] == [{"energy": energy} for energy in batch.energy]


def test_top_k_are_the_most_probable_classes_in_order(classify, noise, encode):
    answer = classify(top_k=3).predict([encode(noise(20, 20), "PNG")])[0]
    order = np.argsort(-answer.probabilities)[:3]
    assert answer.top_k == [(index, answer.probabilities[index]) for index in order]
    assert answer.label == order[0]


def test_top_k_beyond_the_classes_are_all_classes(classify, noise, encode):
    answer = classify(top_k=99).predict([encode(noise(20, 20), "PNG")])[0]
    assert sorted(index for index, _ in answer.top_k) == list(range(CLASSES))


def test_bad_images_have_their_own_errors_and_harm_no_neighbour(classify, noise, encode):
    classifier = classify()
    good = [encode(noise(20, 20, seed), "PNG") for seed in range(3)]
    mixed = classifier.predict([BAD, good[0], b"", good[1], good[2][:-30], good[2]])

    assert [type(answer.error).__name__ for answer in mixed] == [
        "FormatError",
        "NoneType",
        "UnknownFormatError",
        "NoneType",
        "TruncatedError",
        "NoneType",
    ]
    for alone, among in zip(good, (mixed[1], mixed[3], mixed[5]), strict=True):
        np.testing.assert_allclose(among.probabilities, classifier.predict([alone])[0].probabilities, atol=1e-6)


def test_batch_of_bad_images_only_is_answered(classify):
    answers = classify(views=VIEWS, view_threshold=2).predict([BAD, b"", b"text"])
    assert all(isinstance(answer.error, saccade_native.Error) for answer in answers)


def test_empty_batches_have_empty_answers(classify):
    classifier = classify()
    batch = classifier.predict_pixels(np.empty((0, SIZE_PX, SIZE_PX, 3), np.uint8))
    assert classifier.predict([]) == []
    assert (batch.logits.shape, batch.features.shape, batch.ood_score.shape) == ((0, CLASSES), (0, FEATURES), (0,))


def test_threads_that_share_a_classifier_get_the_answers_of_one(classify, noise, encode):
    classifier = classify(views=VIEWS, view_threshold=0.9)
    files = [[encode(noise(15 + seed, 20, 10 * seed + i), "PNG") for i in range(5 + seed)] for seed in range(4)]
    alone = [[answer.probabilities for answer in classifier.predict(batch)] for batch in files]
    differences: list[float] = []

    def ask(number: int) -> None:
        for _ in range(20):
            found = [answer.probabilities for answer in classifier.predict(files[number])]
            differences.append(float(np.abs(np.subtract(found, alone[number])).max()))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(differences) == 80
    assert max(differences) < 1e-6


@pytest.mark.parametrize(("above", "is_ood"), [(-1e-3, True), (0.0, False), (1e-3, False)])
def test_score_above_the_threshold_only_is_out_of_distribution(classify, pixels, above, is_ood):
    energy = float(classify().predict_pixels(pixels[:1]).energy[0])
    batch = classify(ood_threshold=energy + above).predict_pixels(pixels[:1])
    assert batch.is_ood.tolist() == [is_ood]
    assert batch.ood_score[0] == energy


@pytest.fixture(scope="module")
def forest(network, pixels):
    """A forest on the network's features. (tests/unit/ood compares its scores with scikit-learn's.)"""
    arrays = fit_isolation_forest(run(network, normalised(pixels))[1], np.arange(len(pixels)) % 3, seed=0)
    return saccade_native.IsolationForest(**vars(arrays))


def test_forest_decides_when_it_is_the_detector(classify, forest, pixels):
    batch = classify(forest=forest, ood_detector="isolation_forest", ood_threshold=0.5).predict_pixels(pixels)
    alone = np.array([forest.score(features) for features in batch.features], np.float32)
    np.testing.assert_allclose(batch.isolation_forest, alone, atol=1e-6)
    np.testing.assert_array_equal(batch.ood_score, batch.isolation_forest)
    np.testing.assert_array_equal(batch.is_ood, batch.isolation_forest > 0.5)


def test_classifier_without_a_forest_has_no_forest_scores(classify, pixels, noise, encode):
    assert classify().predict_pixels(pixels).isolation_forest.shape == (0,)
    assert list(classify().predict([encode(noise(9, 9), "PNG")])[0].scores) == ["energy"]


TREE = {
    "centres": [[1.0, 0.0]],
    "roots": [0],
    "feature": [0, -2, -2],
    "threshold": [0.0, 0.0, 0.0],
    "left": [1, 0, 0],
    "right": [2, 0, 0],
    "path_length": [0.0, 1.0, 2.0],
    "normalizer": 2.0,
}


def test_tree_is_walked_by_hand():
    forest = saccade_native.IsolationForest(**TREE)
    # (3, 4) / 5 is 0.6: 0.4 left of the centre, so one edge: 2 ** (-1 / 2). (5, 0) is the centre, and goes left too.
    assert forest.score(np.array([3, 4], np.float32)) == pytest.approx(2**-0.5)
    assert forest.score(np.array([5, 0], np.float32)) == pytest.approx(2**-0.5)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"left": [0, 0, 0]}, "child out of place, at node 0"),  # its own child: a cycle
        ({"right": [-1, 0, 0]}, "child out of place"),
        ({"right": [3, 0, 0]}, "child out of place"),
        ({"roots": [3]}, "root that is no node"),
        ({"roots": [-1]}, "root that is no node"),
        ({"roots": []}, "no trees"),
        ({"feature": [2, -2, -2]}, "feature that does not exist"),
        ({"threshold": [0.0]}, "different lengths"),
        ({"path_length": [0.0, 1.0]}, "different lengths"),
        ({"normalizer": 0.0}, "normalizer"),
        ({"normalizer": float("nan")}, "normalizer"),
        ({"centres": [1.0, 0.0]}, r"must be \(C, D\)"),
        ({"centres": np.empty((0, 2))}, "no centres"),
    ],
)
def test_forest_that_does_not_hang_together_is_refused(change, reason):
    with pytest.raises(saccade_native.SpecError, match=reason):
        saccade_native.IsolationForest(**{**TREE, **change})


@pytest.mark.parametrize(
    ("scoring", "reason"),
    [
        ({"temperature": 0.0}, "temperature is 0"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"top_k": 0}, "top_k is 0"),
        ({"views": []}, "There is no view"),
        ({"views": [View(flip=True)]}, "first view must be the image as it is"),
        ({"views": [View(), View(weight=0)]}, "weighs 0"),
        ({"views": [View(), View(dx=SIZE_PX)]}, "moves the image by"),
        ({"view_threshold": float("nan")}, "threshold is not a number"),
        ({"ood_detector": "isolation_forest"}, "forest decides but is missing"),
        ({"ood_detector": "magic"}, "no detector 'magic'"),
        ({"forest": saccade_native.IsolationForest(**TREE)}, "takes 2 features, the model gives 32"),
    ],
)
def test_impossible_scoring_is_refused_by_name(classify, scoring, reason):
    with pytest.raises(saccade_native.SpecError, match=reason):
        classify(**scoring)


def test_unknown_precision_is_refused(model):
    with pytest.raises(saccade_native.SpecError, match="no precision 'int3'"):
        Classifier(model, SPEC, Scoring(), precision="int3")


def test_model_of_another_input_shape_is_an_engine_error(model):
    with pytest.raises(saccade_native.EngineError, match=r"\(N, 3, 9, 8\)"):
        Classifier(model, PreprocessSpec(["decode", "resize(9,8)"]), Scoring())


def test_missing_damaged_and_foreign_models_are_engine_errors(tmp_path):
    (tmp_path / "damaged.xml").write_text("<net", encoding="utf-8")
    (tmp_path / "foreign.onnx").write_bytes(b"\x08\x07")
    for name in ("missing.xml", "damaged.xml", "foreign.onnx"):
        with pytest.raises(saccade_native.EngineError, match=name):
            Classifier(str(tmp_path / name), SPEC, Scoring())


@pytest.mark.parametrize("shape", [(2, SIZE_PX, SIZE_PX), (2, SIZE_PX, SIZE_PX + 1, 3), (2, SIZE_PX, SIZE_PX, 4)])
def test_pixels_of_another_shape_are_refused(classify, shape):
    with pytest.raises(saccade_native.ArgumentError, match="pixels"):
        classify().predict_pixels(np.zeros(shape, np.uint8))


def test_times_of_an_answer_are_within_the_call(model, noise, encode):
    good = [encode(noise(20, 20, seed), "PNG") for seed in range(2)]
    classifier = Classifier(model, SPEC, Scoring(views=VIEWS, view_threshold=2.0), threads=1, precision="f32")
    started = time.perf_counter()
    answers = classifier.predict([*good, BAD])
    call_seconds = time.perf_counter() - started
    assert all(answer.prepare_seconds > 0 for answer in answers)
    assert answers[0].infer_seconds == answers[1].infer_seconds > 0
    assert sum(answer.prepare_seconds for answer in answers) + answers[0].infer_seconds <= call_seconds
