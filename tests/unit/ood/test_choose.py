"""scikit-learn is the oracle of AUROC."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from saccade.ood import auroc, choose_detector


def test_auroc_counts_pairs_and_ties_half():
    # Of the 6 pairs, (1, 2), (1, 3), (2, 3) are in order, (2, 2) is a tie, (4, 2) and (4, 3) are not: 3.5 / 6.
    assert auroc(np.array([1.0, 2.0, 4.0]), np.array([2.0, 3.0])) == pytest.approx(3.5 / 6)


@pytest.mark.parametrize("levels", [4, 10_000])
def test_auroc_equals_scikit_learn(levels):
    generator = np.random.default_rng(levels)
    inside = generator.integers(0, levels, 300).astype(np.float32)
    outside = generator.integers(levels // 4, levels * 2, 200).astype(np.float32)
    truth = np.repeat([0, 1], [300, 200])
    expected = roc_auc_score(truth, np.concatenate([inside, outside]))
    assert auroc(inside, outside) == pytest.approx(expected, abs=1e-12)


def test_chosen_detector_has_the_highest_mean_auroc_over_kinds():
    validation = {"energy": np.array([0.0, 1.0]), "isolation_forest": np.array([0.0, 1.0])}
    outliers = {
        "noise": {"energy": np.array([2.0]), "isolation_forest": np.array([0.5])},  # AUROC 1 and 0.5
        "blocks": {"energy": np.array([-1.0]), "isolation_forest": np.array([2.0])},  # AUROC 0 and 1
    }
    choice = choose_detector(validation, outliers)
    assert choice.name == "isolation_forest"
    assert choice.auroc == {"energy": {"noise": 1, "blocks": 0}, "isolation_forest": {"noise": 0.5, "blocks": 1}}


def test_of_equally_good_detectors_the_first_is_chosen():
    scores = {"energy": np.array([0.0]), "isolation_forest": np.array([0.0])}
    outliers = {"noise": {"energy": np.array([1.0]), "isolation_forest": np.array([1.0])}}
    assert choose_detector(scores, outliers).name == "energy"
