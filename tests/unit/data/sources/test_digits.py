import io

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from saccade.data.sources.digits import open_digits


def test_digits_are_scikit_learns_pixels_spread_over_256_levels():
    records = list(open_digits().read())
    found = np.stack([np.asarray(Image.open(io.BytesIO(record.data))) for record in records])
    assert np.abs(found - load_digits().images * 255 / 16).max() <= 0.5


def test_digits_are_labelled_by_their_number_and_must_not_be_mirrored():
    source = open_digits()
    assert [record.label for record in source.read()] == [str(target) for target in load_digits().target]
    assert (source.allow_flip, source.count) == (False, 1797)
