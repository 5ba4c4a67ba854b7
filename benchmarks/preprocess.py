"""JPEG bytes in memory to normalised 224 px float32 tensors, beside what other Python programs use for it.

    python benchmarks/preprocess.py --out FILE.json [--quick] [--data PHOTOS.zip]

Photographs of 0.2 megapixels, and 2 and 12 megapixel pictures made from them as a camera would write them. Every peer
gets the same bytes and one core, and its answer is compared with Pillow's before the clock starts. Rounds of all peers
are interleaved. Figures are processor time, but for the row about two threads. --quick makes its own pictures.
"""

import ctypes
import io
import statistics
import subprocess
import tempfile
import time
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from common import argument_parser, row, write
from PIL import Image
from torchvision.io import ImageReadMode, decode_jpeg
from torchvision.transforms import v2

import saccade_native

PHOTOS = Path("../shared/data/photos.zip")
ROUNDS = 5
SPEC = saccade_native.PreprocessSpec(["decode", "resize_short(256)", "center_crop(224)", "normalize(imagenet)"])
MEAN, STD = np.array(SPEC.mean, np.float32), np.array(SPEC.std, np.float32)
# Levels of 255, in the mean over all pictures, that answers may be apart: decoders scale and round colours otherwise,
# and OpenCV's area filter is not Pillow's triangle.
MAX_MEAN_DIFFERENCE = 5.0
CAMERA_PICTURES = 8
CAMERA_SIZES = {"2 MP": (1632, 1224), "12 MP": (4000, 3000)}

Peer = Callable[[bytes], Any]


def main() -> None:
    """Compares answers, measures, prints and writes."""
    parser = argument_parser(__doc__)
    parser.add_argument("--data", type=Path, default=PHOTOS, help="a zip of JPEG photographs")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    rounds = 1 if arguments.quick else ROUNDS
    photos = made_photos(8) if arguments.quick else read_photos(arguments.data)
    with tempfile.TemporaryDirectory(prefix="saccade-bench-") as directory:
        bare = BareDecoder(Path(directory))
        rows = small_rows(photos, bare, rounds) + thread_rows(photos, rounds)
        for name, size in CAMERA_SIZES.items():
            pictures = [camera_jpeg(photo, size) for photo in photos[:: max(1, len(photos) // CAMERA_PICTURES)]]
            rows += camera_rows(name, pictures, bare, rounds)
    write(arguments.out, "preprocess", rows)


def small_rows(photos: list[bytes], bare: "BareDecoder", rounds: int) -> list[dict[str, Any]]:
    """Returns the rows of the photographs as they are."""
    peers: dict[str, tuple[Peer, float | None]] = {
        "Pillow and torchvision v2": (pillow, 2.4),
        "torchvision decode_jpeg and v2 on tensors": (torchvision_tensors, 1.5),
        "OpenCV": (opencv, 1.2),
    }
    limit = (bare.decode, 0.9)
    return rows_against("0.2 MP", photos, {**peers, bare.name(photos[0]): limit}, rounds)


def camera_rows(name: str, pictures: list[bytes], bare: "BareDecoder", rounds: int) -> list[dict[str, Any]]:
    """Returns the rows of camera-like pictures."""
    is_large = name == "12 MP"
    peers: dict[str, tuple[Peer, float | None]] = {
        "OpenCV, full decode": (opencv, 5.0 if is_large else None),
        "Pillow with draft": (pillow_draft, 1.5 if is_large else None),
    }
    limit = (bare.decode, None)
    return rows_against(name, pictures, {**peers, bare.name(pictures[0]): limit}, rounds)


def rows_against(
    name: str, pictures: list[bytes], peers: dict[str, tuple[Peer, float | None]], rounds: int
) -> list[dict[str, Any]]:
    """Returns one row a peer, in images a second of one core; peers holds each one's function and target."""
    for peer_name, (peer, _) in peers.items():
        check_same(peer_name, peer, pictures)
    runs = {"saccade": saccade, **{peer_name: peer for peer_name, (peer, _) in peers.items()}}
    speed = images_per_second(runs, pictures, rounds)
    return [
        row(
            f"{name} JPEG to 224 px float32, {len(pictures)} pictures, one core",
            "images/s",
            round(speed["saccade"], 1),
            against=peer_name,
            theirs=round(speed[peer_name], 1),
            target_ratio=target,
            rounds=rounds,
        )
        for peer_name, (_, target) in peers.items()
    ]


def images_per_second(runs: dict[str, Peer], pictures: list[bytes], rounds: int) -> dict[str, float]:
    """Returns the median over interleaved rounds, per second of processor time."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for peer in runs.values():
        peer(pictures[0])
    for _ in range(rounds):
        for name, peer in runs.items():
            started = time.process_time()
            for picture in pictures:
                peer(picture)
            seconds[name].append(time.process_time() - started)
    return {name: len(pictures) / statistics.median(values) for name, values in seconds.items()}


def thread_rows(photos: list[bytes], rounds: int) -> list[dict[str, Any]]:
    """Returns the row of two threads over one, in images a second of the clock on the wall."""
    out = np.empty((len(photos), 3, SPEC.height, SPEC.width), np.float32)
    seconds: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(rounds):
        for threads, values in seconds.items():
            started = time.perf_counter()
            saccade_native.prepare(photos, SPEC, out, threads=threads)
            values.append(time.perf_counter() - started)
    speed = {threads: len(photos) / statistics.median(values) for threads, values in seconds.items()}
    return [
        row(
            f"0.2 MP JPEG to 224 px float32, {len(photos)} pictures, two threads",
            "images/s",
            round(speed[2], 1),
            against="one thread",
            theirs=round(speed[1], 1),
            target_ratio=1.9,
            rounds=rounds,
        )
    ]


def check_same(name: str, peer: Peer, pictures: list[bytes]) -> None:
    """Ends the program if a peer's answers, or ours, are not those of Pillow. The bare decoder gives none."""
    for who, answer in ((name, peer), ("saccade", saccade)):
        if isinstance(answer(pictures[0]), int):
            continue
        apart = [np.abs(np.asarray(answer(file)) - np.asarray(pillow(file))).mean(axis=(-1, -2)) for file in pictures]
        levels = float((np.mean(apart, axis=0) * STD).mean() * 255)
        print(f"{who}: {levels:.2f} levels from Pillow in the mean")
        if levels > MAX_MEAN_DIFFERENCE:
            raise SystemExit(f"'{who}' does other work: its answers are {levels:.1f} of 255 levels from Pillow's.")


OUT = np.empty((1, 3, SPEC.height, SPEC.width), np.float32)


def saccade(file: bytes) -> np.ndarray:
    """Ours, into an array that is there already."""
    (info,) = saccade_native.prepare([file], SPEC, OUT, threads=1)
    if info.error:
        raise info.error
    return OUT[0]


PILLOW_STEPS = v2.Compose(
    [
        v2.Resize(256),
        v2.CenterCrop(224),
        v2.PILToTensor(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(SPEC.mean, SPEC.std),
    ]
)
TENSOR_STEPS = v2.Compose(
    [
        v2.Resize(256, antialias=True),
        v2.CenterCrop(224),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(SPEC.mean, SPEC.std),
    ]
)


OPENCV_TENSOR = cv2.dnn.Image2BlobParams(
    scalefactor=(1 / (255 * STD)).tolist(), size=(224, 224), mean=(255 * MEAN).tolist(), swapRB=True, ddepth=cv2.CV_32F
)


def pillow(file: bytes) -> torch.Tensor:
    """torchvision's reference pipeline."""
    return PILLOW_STEPS(Image.open(io.BytesIO(file)).convert("RGB"))  # type: ignore[no-any-return]


def pillow_draft(file: bytes) -> torch.Tensor:
    """The same, decoded at the smallest scale that covers the target."""
    image = Image.open(io.BytesIO(file))
    image.draft("RGB", (256, 256))
    return PILLOW_STEPS(image.convert("RGB"))  # type: ignore[no-any-return]


def torchvision_tensors(file: bytes) -> torch.Tensor:
    """torchvision without Pillow."""
    data = torch.frombuffer(bytearray(file), dtype=torch.uint8)
    return TENSOR_STEPS(decode_jpeg(data, ImageReadMode.RGB))  # type: ignore[no-any-return]


def opencv(file: bytes) -> np.ndarray:
    """The fastest antialiased way in OpenCV: only the middle is resized, by INTER_AREA."""
    image = cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR)
    height, width = image.shape[:2]
    scale = 256 / min(height, width)
    resized = cv2.resize(image, (int(width * scale), int(height * scale)), interpolation=cv2.INTER_AREA)
    top, left = (resized.shape[0] - 224) // 2, (resized.shape[1] - 224) // 2
    return cv2.dnn.blobFromImageWithParams(resized[top : top + 224, left : left + 224], OPENCV_TENSOR)[0]


class BareDecoder:
    """libjpeg-turbo's decode and nothing else, at the scale that our target allows."""

    def __init__(self, directory: Path) -> None:
        library = directory / "bare_jpeg.so"
        source = Path(__file__).with_name("bare_jpeg.c")
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, source, "-ljpeg"], check=True)
        self._decode = ctypes.CDLL(str(library)).decode
        self._decode.argtypes = [ctypes.c_char_p, ctypes.c_ulong, ctypes.c_uint, ctypes.c_void_p]
        self._decode.restype = ctypes.c_long
        self._out = np.empty(3 * 4000 * 3000, np.uint8)

    def name(self, file: bytes) -> str:
        """Returns what the rows call it."""
        return f"the limit: a bare libjpeg-turbo decode at {scale_eighths(file)}/8"

    def decode(self, file: bytes) -> int:
        """Returns how many bytes the picture has."""
        return int(self._decode(file, len(file), scale_eighths(file), self._out.ctypes.data))


@cache
def scale_eighths(file: bytes) -> int:
    """Returns the smallest scale at which the short side still covers 256 pixels."""
    short = min(Image.open(io.BytesIO(file)).size)
    return next((eighths for eighths in (1, 2, 4) if short * eighths >= 256 * 8), 8)


def read_photos(path: Path) -> list[bytes]:
    """Returns the RGB photographs of the zip. Ends the program where there is none."""
    if not path.exists():
        raise SystemExit(f"'{path}' does not exist. Give a zip of JPEG files with --data, or use --quick.")
    with zipfile.ZipFile(path) as archive:
        files = [archive.read(name) for name in archive.namelist() if name.lower().endswith((".jpg", ".jpeg"))]
    return [file for file in files if Image.open(io.BytesIO(file)).mode == "RGB"]


def made_photos(count: int) -> list[bytes]:
    """Returns smooth random pictures of 500 x 375 pixels."""
    generator = np.random.default_rng(0)
    coarse = [Image.fromarray(generator.integers(0, 256, (12, 16, 3), np.uint8)) for _ in range(count)]
    return [jpeg(image.resize((500, 375), Image.Resampling.BICUBIC)) for image in coarse]


def camera_jpeg(photo: bytes, size: tuple[int, int]) -> bytes:
    """Returns the photograph enlarged to size, (width, height) px, with a sensor's noise of two levels."""
    image = Image.open(io.BytesIO(photo)).convert("RGB").resize(size, Image.Resampling.BICUBIC)
    noise = np.random.default_rng(0).normal(0, 2, (size[1], size[0], 1)).astype(np.float32)
    return jpeg(Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8)))


def jpeg(image: Image.Image) -> bytes:
    """Returns the picture as a camera writes it: quality 90, halved chroma."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90, subsampling=2)
    return file.getvalue()


if __name__ == "__main__":
    main()
