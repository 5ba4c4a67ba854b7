"""scikit-learn's score_samples is the oracle of the flattened forest, as the native library scores it."""

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest

import saccade_native
from saccade.core.errors import SpecError
from saccade.core.seed import derived_seed
from saccade.ood import auroc, fit_isolation_forest
from saccade.ood.isolation_forest import class_centres, deviations, mean_path_length


@pytest.fixture(scope="module")
def features():
    """Three classes in three directions, of any length: (900, 12) float32."""
    generator = np.random.default_rng(0)
    directions = np.eye(12)[np.repeat([0, 5, 9], 300)] + 0.1 * generator.normal(size=(900, 12))
    return (directions * generator.uniform(0.5, 20, (900, 1))).astype(np.float32)


@pytest.fixture(scope="module")
def labels():
    return np.repeat([0, 1, 2], 300)


def native_scores(forest, rows):
    native = saccade_native.IsolationForest(**vars(forest))
    return np.array([native.score(row) for row in rows])


def by_hand(features, labels):
    """Deviations as the docstring says, one row after the other."""
    unit = features / np.linalg.norm(features.astype(np.float64), axis=1, keepdims=True)
    centres = [unit[labels == label].mean(axis=0) for label in (0, 1, 2)]
    return np.array([row - min(centres, key=lambda centre: np.linalg.norm(row - centre)) for row in unit])


def test_native_score_equals_scikit_learn(features, labels):
    centres = class_centres(features, labels)
    sklearn_forest = IsolationForest(
        n_estimators=100, max_samples=256, random_state=derived_seed(7, "isolation_forest")
    ).fit(deviations(features, centres))
    new = np.random.default_rng(1).normal(0, 3, (300, 12)).astype(np.float32)
    expected = -sklearn_forest.score_samples(deviations(new, centres))
    np.testing.assert_allclose(native_scores(fit_isolation_forest(features, labels, 7), new), expected, atol=1e-6)


def test_forest_of_fewer_images_than_samples_a_tree_equals_scikit_learn(features, labels):
    few, their = features[::90], labels[::90]
    sklearn_forest = IsolationForest(
        n_estimators=100, max_samples=10, random_state=derived_seed(0, "isolation_forest")
    ).fit(deviations(few, class_centres(few, their)))
    expected = -sklearn_forest.score_samples(deviations(features, class_centres(few, their)))
    np.testing.assert_allclose(native_scores(fit_isolation_forest(few, their, 0), features), expected, atol=1e-6)


def test_deviations_are_the_direction_minus_the_nearest_class_mean(features, labels):
    found = deviations(features, class_centres(features, labels))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, by_hand(features, labels), atol=1e-6)


def test_deviation_of_zero_features_is_finite():
    assert np.isfinite(deviations(np.zeros((1, 3), np.float32), np.eye(3, dtype=np.float32))).all()


def test_class_without_an_image_has_no_centre(features, labels):
    assert class_centres(features[300:], labels[300:]).shape == (2, 12)


def test_unknown_directions_score_higher_than_known_ones(features, labels):
    forest = fit_isolation_forest(features, labels, 0)
    unknown = np.random.default_rng(2).normal(size=(100, 12)).astype(np.float32)
    assert auroc(native_scores(forest, features), native_scores(forest, unknown)) > 0.95


def test_small_features_between_the_classes_score_higher_than_known_ones(features, labels):
    """What an unlike image gives; a forest on the features themselves would call the middle usual."""
    between = 0.01 * (np.eye(12)[0] + np.eye(12)[5] + np.eye(12)[9]).astype(np.float32)
    forest = fit_isolation_forest(features, labels, 0)
    assert auroc(native_scores(forest, features), native_scores(forest, between[None])) > 0.95


def test_same_seed_gives_the_same_forest(features, labels):
    first, again, other = (fit_isolation_forest(features, labels, seed) for seed in (1, 1, 2))
    for name, array in vars(first).items():
        np.testing.assert_array_equal(array, getattr(again, name))
    assert not np.array_equal(first.threshold, other.threshold)


def test_mean_path_length_of_few_samples_is_known():
    # 2 H(n - 1) - 2 (n - 1) / n; at n = 256, ln 255 + gamma = 6.118480... gives 10.244770...
    np.testing.assert_allclose(mean_path_length(np.array([0, 1, 2, 256])), [0, 0, 1, 10.244770920], atol=1e-8)


@pytest.mark.parametrize(
    "rows", [np.ones((1, 4)), np.ones((5, 4)), np.full((5, 4), np.nan), np.ones(4), np.empty((0, 4))]
)
def test_features_that_cannot_be_told_apart_are_refused(rows):
    with pytest.raises(SpecError):
        fit_isolation_forest(rows.astype(np.float32), np.zeros(len(rows), np.int64), 0)
