"""The logit score: how little evidence for any class the network sees."""

import numpy as np
from numpy.typing import NDArray

from saccade.core.errors import SpecError


def energy(logits: NDArray[np.floating], temperature: float = 1.0) -> NDArray[np.float32]:
    """Returns the energy of each row, (N,) float32; larger means less like the training data.

    logits: (N, K), unnormalised.   Raises SpecError if temperature <= 0.
    Source: Liu et al. 2020, eq. 4: -T log(sum over classes of exp(logit / T)).
    """
    if temperature <= 0:
        raise SpecError(f"The temperature is {temperature}, but must be above 0. Fit it on validation logits.")
    scaled = logits.astype(np.float64) / temperature
    highest = scaled.max(axis=1)
    log_sum = highest + np.log(np.exp(scaled - highest[:, None]).sum(axis=1))
    return (-temperature * log_sum).astype(np.float32)
