import numpy as np
import pytest

from saccade.core.errors import BundleError
from saccade.ood import fit_isolation_forest, load_ood, save_ood


@pytest.fixture
def forest():
    features = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    return fit_isolation_forest(features, np.repeat([0, 1], 25), 0)


def test_saved_forest_is_loaded_as_it_was(forest, tmp_path):
    save_ood(tmp_path / "ood.npz", forest)
    loaded = load_ood(tmp_path / "ood.npz")
    for name, array in vars(forest).items():
        np.testing.assert_array_equal(getattr(loaded, name), array)
        assert np.asarray(getattr(loaded, name)).dtype == np.asarray(array).dtype
    assert [path.name for path in tmp_path.iterdir()] == ["ood.npz"]


def test_missing_file_is_named(tmp_path):
    with pytest.raises(BundleError, match=r"ood\.npz' is missing"):
        load_ood(tmp_path / "ood.npz")


@pytest.mark.parametrize("keep", [0, 10, 1000])
def test_truncated_file_is_refused(keep, forest, tmp_path):
    path = tmp_path / "ood.npz"
    save_ood(path, forest)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(BundleError, match="damaged"):
        load_ood(path)


def test_file_with_other_arrays_is_refused(tmp_path):
    np.savez(tmp_path / "ood.npz", something=np.zeros(3), normalizer=1.0)
    with pytest.raises(BundleError, match="damaged"):
        load_ood(tmp_path / "ood.npz")


def test_pickled_objects_are_never_loaded(tmp_path):
    np.savez(tmp_path / "ood.npz", normalizer=np.array([object()], dtype=object))
    with pytest.raises(BundleError, match="damaged"):
        load_ood(tmp_path / "ood.npz")
