"""An isolation forest on the network's features, flattened so that the native classifier can score with it."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from saccade.core.errors import SpecError
from saccade.core.seed import derived_seed
from saccade.ood.forest_arrays import ForestArrays

if TYPE_CHECKING:
    from sklearn.ensemble import IsolationForest

TREES = 100
SAMPLES_PER_TREE = 256  # Liu et al. 2008: more hides outliers behind the crowd
MAX_COMPONENTS = 64
# Directions with less than this part of the largest variance are rounding noise, which whitening would blow up.
SMALLEST_VARIANCE = 1e-6


def fit_isolation_forest(features: NDArray[np.float32], seed: int) -> ForestArrays:
    """Returns a forest fitted on the whitened principal components of training features.

    features: (N, D), one row a training image.   The same features and seed give the same forest.
    Source: Liu et al. 2008; the trees are scikit-learn's. Different here: trees cut along axes, and the axes of a
    network's features mean little and go together, so the cuts are made along principal components of equal variance.
    Raises SpecError for fewer than two distinct rows or features that are not numbers.
    """
    from sklearn.ensemble import IsolationForest  # takes a second to import, and serving reads forests without it

    _check(features)
    mean, projection = _whitening(features)
    components = ((features - mean) @ projection).astype(np.float32)
    forest = IsolationForest(
        n_estimators=TREES,
        max_samples=min(SAMPLES_PER_TREE, len(features)),
        random_state=derived_seed(seed, "isolation_forest"),
    )
    return _flatten(forest.fit(components), mean, projection)


def _check(features: NDArray[np.float32]) -> None:
    if features.ndim != 2 or not np.isfinite(features).all():
        raise SpecError(f"Features must be finite and (N, D), not {features.shape}. Check the network's second output.")
    if len(features) < 2 or (features == features[0]).all():
        raise SpecError("An isolation forest needs at least two images whose features differ. Add training images.")


def _whitening(features: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns the mean (D,) and the projection (D, P) to components of variance 1, the widest first."""
    mean = features.mean(axis=0, dtype=np.float64)
    covariance = np.cov(features, rowvar=False, dtype=np.float64).reshape(features.shape[1], -1)
    variances, directions = np.linalg.eigh(covariance)
    kept = np.flatnonzero(variances > SMALLEST_VARIANCE * variances[-1])[::-1][:MAX_COMPONENTS]
    return mean, directions[:, kept] / np.sqrt(variances[kept])


def _flatten(forest: "IsolationForest", mean: NDArray[np.float64], projection: NDArray[np.float64]) -> ForestArrays:
    trees = [estimator.tree_ for estimator in forest.estimators_]
    roots = np.cumsum([0, *(tree.node_count for tree in trees[:-1])])
    is_leaf = np.concatenate([tree.children_left < 0 for tree in trees])
    depths = np.concatenate([tree.compute_node_depths() - 1 for tree in trees])  # scikit-learn counts a root as 1
    samples = np.concatenate([tree.n_node_samples for tree in trees])

    def at_inner(name: str, shifted: bool = False) -> NDArray[np.float64]:
        parts = [getattr(tree, name) + root * shifted for tree, root in zip(trees, roots, strict=True)]
        return np.where(is_leaf, -1, np.concatenate(parts))

    return ForestArrays(
        mean=mean,
        projection=projection,
        roots=roots.astype(np.int32),
        feature=at_inner("feature").astype(np.int32),
        threshold=at_inner("threshold"),
        left=at_inner("children_left", shifted=True).astype(np.int32),
        right=at_inner("children_right", shifted=True).astype(np.int32),
        path_length=depths + mean_path_length(samples),
        normalizer=float(mean_path_length(np.array([forest.max_samples_]))[0]),
    )


def mean_path_length(samples: NDArray[np.int64]) -> NDArray[np.float64]:
    """Returns the mean number of edges from root to leaf in a random binary tree over so many samples.

    Source: Liu et al. 2008, eq. 1: 2 H(n - 1) - 2 (n - 1) / n, with the harmonic number as ln(n - 1) + Euler's gamma;
    two samples give exactly 1, one gives 0.
    """
    count = np.maximum(samples, 3).astype(np.float64)
    many = 2 * (np.log(count - 1) + np.euler_gamma) - 2 * (count - 1) / count
    return np.select([samples <= 1, samples == 2], [0.0, 1.0], many)
