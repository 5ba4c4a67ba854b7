"""Outliers made from the user's own images, to compare detectors without a foreign dataset."""

import numpy as np
from numpy.typing import NDArray

from saccade.core.seed import derived_seed

BLOCKS_PER_SIDE = 4

Pixels = NDArray[np.uint8]


def generated_outliers(pixels: Pixels, seed: int) -> dict[str, Pixels]:
    """Returns, by name, sets of images that no class should claim, each of the shape of pixels.

    pixels: (N, H, W, 3) uint8, at least two images. They keep the colours of the data, so that a detector must look at
    more than brightness. No rotation or mirror is among them: for some data, such as cells, that is no outlier.
    """
    generator = np.random.default_rng(derived_seed(seed, "outliers"))
    return {
        "shuffled_blocks": shuffled_blocks(pixels, generator),
        "shuffled_pixels": shuffled_pixels(pixels, generator),
        "blended": blended(pixels, generator),
        "inverted": inverted(pixels),
    }


def shuffled_blocks(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Returns each image cut into 4 x 4 blocks in random order: textures stay, shapes go.

    Rows and columns beyond a multiple of four stay where they are.
    """
    count, height, width, channels = pixels.shape
    block_height, block_width = height // BLOCKS_PER_SIDE, width // BLOCKS_PER_SIDE
    grid = (count, BLOCKS_PER_SIDE, block_height, BLOCKS_PER_SIDE, block_width, channels)
    covered = np.s_[:, : BLOCKS_PER_SIDE * block_height, : BLOCKS_PER_SIDE * block_width]
    blocks = pixels[covered].reshape(grid).swapaxes(2, 3).reshape(count, BLOCKS_PER_SIDE**2, -1)
    shuffled = generator.permuted(_orders(count, BLOCKS_PER_SIDE**2), axis=1)
    blocks = np.take_along_axis(blocks, shuffled[:, :, None], axis=1)
    mixed = pixels.copy()
    whole = blocks.reshape(count, BLOCKS_PER_SIDE, BLOCKS_PER_SIDE, block_height, block_width, channels)
    mixed[covered] = whole.swapaxes(2, 3).reshape(pixels[covered].shape)
    return mixed


def shuffled_pixels(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Returns each image with its pixels in random order: noise of the image's own colours."""
    count, height, width, channels = pixels.shape
    flat = pixels.reshape(count, height * width, channels)
    orders = generator.permuted(_orders(count, height * width), axis=1)
    return np.take_along_axis(flat, orders[:, :, None], axis=1).reshape(pixels.shape)


def blended(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Returns the mean of each image and another one: two faint objects instead of one clear one."""
    # Neighbours on one random ring: nobody is blended with itself.
    ring = generator.permutation(len(pixels))
    partner = np.empty_like(ring)
    partner[ring] = np.roll(ring, 1)
    return ((pixels.astype(np.uint16) + pixels[partner] + 1) // 2).astype(np.uint8)


def inverted(pixels: Pixels) -> Pixels:
    """Returns the photographic negative of each image."""
    return 255 - pixels


def _orders(count: int, length: int) -> NDArray[np.int32]:
    return np.tile(np.arange(length, dtype=np.int32), (count, 1))
