"""The score above which an answer says that its image is unlike the training data."""

import math

import numpy as np
from numpy.typing import NDArray

from saccade.core.errors import SpecError


def threshold_at_false_alarm_rate(scores: NDArray[np.floating], rate: float) -> float:
    """Returns the threshold that a new image of the training distribution exceeds with probability at most rate.

    scores: (N,) of validation images, which neither the network nor the detector was fitted on; larger is more unusual.
    Fewer than 1 / rate - 1 scores cannot promise that rate; then the threshold is the largest score, which a new image
    exceeds with probability at most 1 / (N + 1).
    Source: split conformal prediction (Vovk et al. 2005): the ceil((N + 1)(1 - rate))-th smallest score.
    Raises SpecError for a rate outside (0, 1), for no scores and for scores that are not numbers.
    """
    if not 0 < rate < 1:
        raise SpecError(f"A false-alarm rate of {rate} is impossible. Choose one between 0 and 1, such as 0.05.")
    if not len(scores) or not np.isfinite(scores).all():
        raise SpecError(
            f"A threshold needs finite validation scores; {len(scores)} were given. Check the validation split."
        )
    # Of the real product, 101 * 0.99 is 99.99 or 99.990000000000009: shave the rounding off before going up.
    rank = math.ceil((len(scores) + 1) * (1 - rate) - 1e-9)
    return float(np.sort(scores)[min(rank, len(scores)) - 1])
