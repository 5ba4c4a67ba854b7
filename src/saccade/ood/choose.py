"""Which detector decides, by how well it tells generated outliers from validation images."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.floating]


@dataclass(frozen=True)
class DetectorChoice:
    """The detector that decides, and what every detector reached."""

    name: str
    auroc: dict[str, dict[str, float]]  # detector -> kind of outlier -> AUROC


def choose_detector(validation: Mapping[str, Scores], outliers: Mapping[str, Mapping[str, Scores]]) -> DetectorChoice:
    """Returns the detector with the highest mean AUROC over the kinds of outliers; of equals, the first.

    validation: detector -> (N,) scores of validation images.   outliers: kind -> detector -> (M,) scores of outliers.
    """
    reached = {
        detector: {kind: auroc(scores, of_kind[detector]) for kind, of_kind in outliers.items()}
        for detector, scores in validation.items()
    }
    best = max(reached, key=lambda detector: float(np.mean(list(reached[detector].values()))))
    return DetectorChoice(best, reached)


def auroc(in_scores: Scores, out_scores: Scores) -> float:
    """Returns the probability that an outlier scores higher than an image of the data; a tie counts half.

    in_scores, out_scores: not empty.   0.5 is a detector that cannot tell, 1 one that always can.
    """
    ordered = np.sort(in_scores)
    below = np.searchsorted(ordered, out_scores, side="left")
    not_above = np.searchsorted(ordered, out_scores, side="right")
    return float((below + not_above).mean() / (2 * len(ordered)))
