"""The maximum mean discrepancy of two samples of embeddings, for one split of the rows or for thousands at once."""

import numpy as np
from numpy.typing import NDArray


def rbf_kernel(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns (N, N) similarities exp(-d^2 / (2 m)), where m is the median of d^2 over all pairs of different rows.

    rows: (N, D), N >= 2. Where most rows are equal, and the median is 0, the mean takes its place.
    """
    # Distances do not change with the origin, and rows near it lose fewer digits.
    centred = (rows - rows.mean(axis=0)).astype(np.float32)
    lengths = np.einsum("nd,nd->n", centred, centred)
    squared = lengths[:, None] + lengths[None, :] - 2 * (centred @ centred.T)
    np.maximum(squared, 0, out=squared)
    np.fill_diagonal(squared, 0)
    squared /= -2 * _scale(squared)
    return np.exp(squared, out=squared)


def mmd2(kernel: NDArray[np.float32], memberships: NDArray[np.float32]) -> NDArray[np.float64]:
    """Returns the unbiased squared discrepancy of the rows inside and outside a window, for each of P windows.

    kernel: (N, N), symmetric with ones on its diagonal; memberships: (N, P), 1 where a row is in the window, else 0.
    Returns (P,); near 0 for equal distributions, and as often below it as above.
    Source: Gretton et al. 2012, eq. 3. Every term is a product with the kernel, so P windows cost 2 N^2 P operations.
    """
    inside = memberships.sum(axis=0, dtype=np.float64)
    outside = len(kernel) - inside
    products = kernel @ memberships
    within_window = np.einsum("np,np->p", memberships, products, dtype=np.float64) - inside
    row_sums = kernel.sum(axis=1, dtype=np.float64)
    window_to_all = row_sums @ memberships
    across = window_to_all - within_window - inside
    within_reference = row_sums.sum() - len(kernel) - within_window - 2 * across
    return (
        within_window / (inside * (inside - 1))
        + within_reference / (outside * (outside - 1))
        - 2 * across / (inside * outside)
    )


def _scale(squared: NDArray[np.float32]) -> float:
    """Returns the median squared distance over all pairs of different rows."""
    pairs = squared[np.triu_indices(len(squared), k=1)]
    return float(np.median(pairs)) or float(pairs.mean()) or 1.0
