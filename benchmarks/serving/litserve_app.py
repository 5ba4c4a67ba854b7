"""LitServe as its users would make it fast: OpenCV decodes on a thread for every core, OpenVINO infers in batches.

python litserve_app.py ENGINE.xml PORT
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

import cv2
import litserve
import numpy as np
import openvino
from fastapi import Body

MEAN = np.array([0.485, 0.456, 0.406], np.float32) * 255
STD = np.array([0.229, 0.224, 0.225], np.float32) * 255
BATCH, BATCH_TIMEOUT_S = 8, 0.005
SHORT_SIDE, SIDE = 256, 224


class Classify(litserve.LitAPI):
    """Encoded image in, class and scores out."""

    def setup(self, device: str) -> None:
        """Compiles the network with what OpenVINO chooses for this processor: bfloat16 where it has it."""
        cv2.setNumThreads(1)
        self._threads = ThreadPoolExecutor(len(os.sched_getaffinity(0)))
        self._network = openvino.Core().compile_model(sys.argv[1], "CPU", {"PERFORMANCE_HINT": "LATENCY"})

    def decode_request(self, request: Annotated[bytes, Body(media_type="image/jpeg")]) -> bytes:
        """The body as it came."""
        return request

    def batch(self, inputs: list[bytes]) -> np.ndarray:
        """(N, 3, H, W) float32, normalised."""
        return np.stack(list(self._threads.map(prepared, inputs)))

    def predict(self, images: np.ndarray) -> np.ndarray:
        """(N, K) logits."""
        logits: np.ndarray = self._network(images)[0]
        return logits

    def unbatch(self, output: np.ndarray) -> list[np.ndarray]:
        """A row an image."""
        return list(output)

    def encode_response(self, output: np.ndarray) -> dict[str, Any]:
        """The five most probable classes."""
        shares = np.exp(output - output.max())
        best = np.argsort(output)[::-1][:5]
        return {"label": int(best[0]), "top": [[int(k), float(shares[k] / shares.sum())] for k in best]}


def prepared(file: bytes) -> np.ndarray:
    """Shorter side to 256 px by area, middle 224 px, normalised; (3, 224, 224)."""
    image = cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR_RGB)
    height, width = image.shape[:2]
    scale = SHORT_SIDE / min(height, width)
    size = max(SHORT_SIDE, int(width * scale)), max(SHORT_SIDE, int(height * scale))
    image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    top, left = (size[1] - SIDE) // 2, (size[0] - SIDE) // 2
    return np.asarray(((image[top : top + SIDE, left : left + SIDE] - MEAN) / STD).transpose(2, 0, 1))


if __name__ == "__main__":
    api = Classify(max_batch_size=BATCH, batch_timeout=BATCH_TIMEOUT_S)
    litserve.LitServer(api, accelerator="cpu", workers_per_device=1).run(
        port=int(sys.argv[2]), host="127.0.0.1", generate_client_file=False, log_level="error"
    )
