"""The verdict keeps its false-alarm rate, sees changes, and names what changed."""

import numpy as np
import pytest
from scipy import stats

from saccade.watch.verdict import Answers, Verdict, class_distance, judge, largest_gap

CLASSES = ["cat", "dog", "bird"]


def made_up(count: int, seed: int, *, embedding: float = 0.0, brightness: float = 0.0, cats: float = 1 / 3) -> Answers:
    generator = np.random.default_rng(seed)
    return Answers(
        embedding=generator.normal(embedding, 1, (count, 16)).astype(np.float32),
        predicted=generator.choice(3, count, p=[cats, (1 - cats) / 2, (1 - cats) / 2]),
        scalars={
            "probability": generator.beta(8, 1, count).astype(np.float32),
            "brightness": generator.normal(0.5 + brightness, 0.1, count).astype(np.float32),
        },
    )


@pytest.fixture(scope="module")
def unchanged() -> list[Verdict]:
    """Verdicts on 300 windows that were drawn as their references were."""
    return [
        judge(made_up(120, 2 * seed), made_up(40, 2 * seed + 1), CLASSES, false_alarm_rate=0.1, seed=seed)
        for seed in range(300)
    ]


def test_verdict_on_unchanged_windows_alarms_at_the_stated_rate(unchanged: list[Verdict]) -> None:
    low, high = stats.binom.interval(0.999, len(unchanged), 0.1)
    assert low <= sum(verdict.drift for verdict in unchanged) <= high


def test_verdict_on_unchanged_windows_has_uniform_p_values_of_each_test(unchanged: list[Verdict]) -> None:
    for position in range(2):  # embedding and predicted class; the class distance has few values, so compare its mean
        values = [verdict.tests[position].p_value for verdict in unchanged]
        assert abs(np.mean(values) - 0.5) < 4 * np.sqrt(1 / 12 / len(values))


def test_verdict_on_a_shifted_embedding_names_the_embedding_alone() -> None:
    verdict = judge(made_up(500, 0), made_up(100, 1, embedding=0.4), CLASSES, false_alarm_rate=0.01, seed=0)
    assert verdict.drift
    assert verdict.moved == ["embedding"]


def test_verdict_on_brighter_images_names_brightness_and_its_shift() -> None:
    verdict = judge(made_up(500, 0), made_up(100, 1, brightness=0.1), CLASSES, false_alarm_rate=0.01, seed=0)
    assert verdict.moved == ["brightness"]
    effect = next(test.effect for test in verdict.tests if test.name == "brightness")
    assert effect["shift_in_deviations"] == pytest.approx(1.0, abs=0.3)


def test_verdict_on_more_cats_names_the_class() -> None:
    verdict = judge(made_up(500, 0), made_up(100, 1, cats=0.8), CLASSES, false_alarm_rate=0.01, seed=0)
    assert verdict.moved == ["predicted_class"]
    assert "'cat'" in next(test.words for test in verdict.tests if test.moved)


def test_verdict_with_the_same_seed_is_the_same() -> None:
    reference, window = made_up(300, 0), made_up(50, 1)
    first, second = (judge(reference, window, CLASSES, false_alarm_rate=0.1, seed=5) for _ in range(2))
    assert first == second


def test_verdict_on_a_column_that_never_varies_has_p_value_one() -> None:
    reference, window = made_up(100, 0), made_up(30, 1)
    for answers in (reference, window):
        answers.scalars["brightness"][:] = 0
    verdict = judge(reference, window, CLASSES, false_alarm_rate=0.1, seed=0)
    assert next(test.adjusted_p_value for test in verdict.tests if test.name == "brightness") == 1


def test_verdict_can_reject_at_a_small_false_alarm_rate() -> None:
    verdict = judge(made_up(200, 0), made_up(50, 1, embedding=2.0), CLASSES, false_alarm_rate=0.001, seed=0)
    assert verdict.moved[0] == "embedding"
    assert verdict.p_value <= 0.001


def test_largest_gap_of_few_values_is_the_kolmogorov_smirnov_distance() -> None:
    generator = np.random.default_rng(0)
    values = generator.normal(size=40).astype(np.float32)
    window = np.repeat([0, 1], [25, 15]).astype(np.float32)[:, None]
    expected = stats.ks_2samp(values[:25], values[25:]).statistic
    assert largest_gap(values, window)[0] == pytest.approx(expected, abs=1e-6)


def test_class_distance_is_the_sum_by_hand() -> None:
    # Inside: 2 cats, 0 dogs; outside: 1 cat, 3 dogs. Shares 1 0 and 1/4 3/4, pooled 1/2 1/2.
    predicted = np.array([0, 0, 0, 1, 1, 1])
    window = np.array([[1], [1], [0], [0], [0], [0]], np.float32)
    assert class_distance(predicted, 2, window)[0] == pytest.approx((0.75**2 + 0.75**2) / 0.5)
