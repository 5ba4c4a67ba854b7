import io

import numpy as np
import pytest
from PIL import Image

from saccade.data.sources.png import encode_png


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3)])
def test_encode_png_is_read_by_pillow_as_the_same_pixels(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(encode_png(pixels)))), pixels)
