"""Training batches with random changes, beside torchvision v2 in PyTorch's DataLoader.

    python benchmarks/loader.py --out FILE.json [--quick] [--data PHOTOS.zip]

Small pictures from memory (32 px: flip, translate, cutout, normalise), photographs from JPEG bytes (random resized crop
to 224 px, flip, normalise), and what the loader takes of a training step of the fast network. Both sides use both
cores and the same pictures; without random changes their answers are compared before the clock starts. Rounds are
interleaved, worker processes started before.
"""

import io
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import argument_parser, row, write
from PIL import Image
from preprocess import PHOTOS, made_photos, read_photos
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.io import ImageReadMode, decode_jpeg
from torchvision.transforms import v2

from saccade.training.config import default_config
from saccade.training.dataset import TrainingData
from saccade.training.device import choose_device
from saccade.training.loop import Training
from saccade_native import Loader, PreprocessSpec

ROUNDS = 5
SMALL_IMAGES, SMALL_BATCH = 10_000, 500
SMALL = PreprocessSpec(["decode", "resize(32,32)", "normalize(imagenet)"])
SMALL_STEPS = ["flip", "translate(2)", "cutout(8)"]
LARGE_BATCH = 64
LARGE = PreprocessSpec(["decode", "resize(224,224)", "normalize(imagenet)"])
LARGE_STEPS = ["random_resized_crop(0.08,1;0.75,1.3333)", "flip"]
MIDDLE_STEPS = ["random_resized_crop(1,1;1,1)"]  # never fits into a picture that is no square, so the middle is taken
MAX_MEAN_DIFFERENCE = 2.0  # levels of 255: scaled decoding
LARGE_REPEATS = 4  # an epoch is long beside what is made ahead
WORKERS = (0, 1, 2)
NORMALIZE = [v2.ToDtype(torch.float32, scale=True), v2.Normalize(LARGE.mean, LARGE.std)]

Epoch = Callable[[], int]


def main() -> None:
    """Compares answers, measures, prints and writes."""
    parser = argument_parser(__doc__)
    parser.add_argument("--data", type=Path, default=PHOTOS, help="a zip of JPEG photographs")
    arguments = parser.parse_args()
    rounds = 1 if arguments.quick else ROUNDS
    photos = made_photos(64) if arguments.quick else read_photos(arguments.data)
    pixels = np.random.default_rng(0).integers(0, 256, (SMALL_IMAGES, 32, 32, 3), np.uint8)
    check_small(pixels)
    check_large(photos)
    write(arguments.out, "loader", [*small_rows(pixels, rounds), share_row(rounds), large_row(photos, rounds)])


class Pictures(Dataset[Tensor]):
    """Pictures of one kind and what torchvision does to them."""

    def __init__(self, pictures: Any, read: Callable[[Any], Any], steps: list[torch.nn.Module]) -> None:
        self.pictures, self.read, self.steps = pictures, read, v2.Compose(steps)

    def __len__(self) -> int:
        """How many there are."""
        return len(self.pictures)

    def __getitem__(self, index: int) -> Tensor:
        """One picture, changed and normalised."""
        changed: Tensor = self.steps(self.read(self.pictures[index]))
        return changed


def small_peer(pixels: np.ndarray, steps: list[torch.nn.Module]) -> Pictures:
    """torchvision on small pictures: tensors from the beginning."""
    planes = torch.from_numpy(pixels.transpose(0, 3, 1, 2).copy())
    return Pictures(planes, lambda image: image, [*steps, *NORMALIZE])


def large_peer(photos: list[bytes], steps: list[torch.nn.Module]) -> Pictures:
    """torchvision's reference for photographs: Pillow decodes and resizes."""
    return Pictures(photos, open_rgb, [*steps, v2.PILToTensor(), *NORMALIZE])


def tensor_peer(photos: list[bytes], steps: list[torch.nn.Module]) -> Pictures:
    """torchvision's fastest for photographs: its own decoder, then tensors."""
    return Pictures(photos, decode_rgb, [*steps, *NORMALIZE])


def decode_rgb(file: bytes) -> Tensor:
    """The decoded picture, (3, H, W) uint8."""
    return decode_jpeg(torch.frombuffer(bytearray(file), dtype=torch.uint8), mode=ImageReadMode.RGB)


LARGE_PEERS = {"Pillow and torchvision v2": large_peer, "torchvision decode_jpeg and v2": tensor_peer}


def open_rgb(file: bytes) -> Image.Image:
    """The decoded picture."""
    return Image.open(io.BytesIO(file)).convert("RGB")


def small_loader(pixels: np.ndarray, steps: list[str], threads: int) -> Loader:
    """Ours on small pictures."""
    rows = np.arange(len(pixels))
    return Loader(pixels, rows, rows, SMALL, SMALL_BATCH, steps, layout="NCHW", threads=threads)


def large_loader(photos: list[bytes], steps: list[str], batch_size: int = LARGE_BATCH) -> Loader:
    """Ours on photographs, with both cores."""
    rows = np.arange(len(photos))
    return Loader(photos, rows, rows, LARGE, batch_size, steps, layout="NCHW", threads=2)


def check_small(pixels: np.ndarray) -> None:
    """Ends the program unless both sides normalise to the same."""
    batch = next(small_loader(pixels, [], threads=1))
    expected = torch.stack([small_peer(pixels, [])[row] for row in batch.rows]).numpy()
    if not np.allclose(batch.tensors, expected, atol=1e-5):
        raise SystemExit("Not the same: without random changes the batches differ.")


def check_large(photos: list[bytes]) -> None:
    """Ends the program unless all sides crop the middle to the same, but for the scaled decoding."""
    batch = next(large_loader(photos, MIDDLE_STEPS, batch_size=16))
    for name, make in LARGE_PEERS.items():
        peer = make(photos, [v2.RandomResizedCrop(224, scale=(1, 1), ratio=(1, 1))])
        apart = [np.abs(ours - peer[row].numpy()).mean() for ours, row in zip(batch.tensors, batch.rows, strict=True)]
        levels = float(np.mean(apart)) * 255 * float(np.mean(LARGE.std))
        print(f"photographs: {levels:.2f} levels from {name} in the mean")
        if levels > MAX_MEAN_DIFFERENCE:
            raise SystemExit(f"Not the same: the crops are {levels:.1f} of 255 levels apart.")


def small_rows(pixels: np.ndarray, rounds: int) -> list[dict[str, Any]]:
    """Returns the rows of small pictures: both cores against DataLoader, and one core."""
    steps = [
        v2.RandomHorizontalFlip(),
        v2.RandomCrop(32, padding=2, padding_mode="reflect"),
        v2.RandomErasing(p=1, scale=(1 / 16, 1 / 16), ratio=(1, 1), value=0),
    ]
    peer = DataLoader(small_peer(pixels, steps), SMALL_BATCH, shuffle=True, num_workers=2, persistent_workers=True)
    sides = {
        "ours": epoch_of(small_loader(pixels, SMALL_STEPS, threads=2)),
        "theirs": lambda: sum(len(batch) for batch in peer),
    }
    speed = medians(sides, rounds, time.perf_counter)
    one_core = medians({"ours": epoch_of(small_loader(pixels, SMALL_STEPS, threads=1))}, rounds, time.process_time)
    work = "32 px pictures from memory: flip, translate, cutout, normalise"
    return [
        row(
            f"{work}, two cores",
            "images/s",
            round(speed["ours"]),
            against="torchvision v2 in DataLoader with 2 workers",
            theirs=round(speed["theirs"]),
            target_ratio=25,
            rounds=rounds,
        ),
        row(
            f"{work}, a second of one core",
            "images",
            round(one_core["ours"]),
            against="the issue's figure",
            theirs=None,
            target=100_000,
            rounds=rounds,
        ),
    ]


def share_row(rounds: int) -> dict[str, Any]:
    """Returns the loader's part of the processor time of a step of the fast network."""
    pixels = np.random.default_rng(0).integers(0, 256, (4_000, 32, 32, 3), np.uint8)
    rows = np.arange(len(pixels))
    config = default_config("custom_cnn", train_images=48_000, side=32)
    data = TrainingData(
        pixels=pixels,
        labels=rows % 10,
        train_rows=rows,
        validation_rows=rows[:100],
        classes=tuple("0123456789"),
        mean=(0.5, 0.5, 0.5),
        std=(0.25, 0.25, 0.25),
        allow_flip=True,
    )
    training = Training(data, config, choose_device(), seed=0)
    training.run_until(1)
    loader = training.loader
    taken: dict[str, list[float]] = {"batch": [], "step": []}
    for _ in range(rounds):
        started = time.process_time()
        for _ in range(40):
            next(loader)
        between = time.process_time()
        training.run_until(training.step + 1)
        taken["batch"].append((between - started) / 40)
        taken["step"].append(time.process_time() - between)
    batch, step = statistics.median(taken["batch"]), statistics.median(taken["step"])
    return row(
        f"processor time of a batch of {config.batch_size:,} in a training step of custom_cnn",
        "fraction",
        round(batch / step, 4),
        against="the issue's figure",
        theirs=None,
        target=0.02,
        rounds=rounds,
        higher_is_better=False,
    )


def large_row(photos: list[bytes], rounds: int) -> dict[str, Any]:
    """Returns the row of photographs, against the decoder and number of workers that are best for DataLoader."""
    pictures = photos * LARGE_REPEATS
    steps = [v2.RandomResizedCrop(224), v2.RandomHorizontalFlip()]
    peers = {
        f"{name} in DataLoader with {workers} workers": data_loader(make(pictures, steps), workers)
        for name, make in LARGE_PEERS.items()
        for workers in WORKERS
    }
    sides: dict[str, Epoch] = {
        name: (lambda peer=peer: sum(len(batch) for batch in peer)) for name, peer in peers.items()
    }
    speed = medians({"ours": epoch_of(large_loader(pictures, LARGE_STEPS)), **sides}, rounds, time.perf_counter)
    best = max(sides, key=lambda name: speed[name])
    return row(
        f"{len(photos)} JPEG photographs: random resized crop to 224 px, flip, normalise, two cores",
        "images/s",
        round(speed["ours"]),
        against=f"{best}, its best",
        theirs=round(speed[best]),
        target_ratio=2,
        rounds=rounds,
    )


def data_loader(pictures: Pictures, workers: int) -> DataLoader[Tensor]:
    """PyTorch's loader, whose processes stay."""
    return DataLoader(pictures, LARGE_BATCH, shuffle=True, num_workers=workers, persistent_workers=workers > 0)


def epoch_of(loader: Loader) -> Epoch:
    """Returns what takes an epoch from the loader, with nothing made ahead, and gives its number of images."""

    def take() -> int:
        epoch, _ = loader.position
        loader.seek(epoch + 1)
        return sum(len(next(loader).rows) for _ in range(loader.steps_per_epoch))

    return take


def medians(sides: dict[str, Epoch], rounds: int, clock: Callable[[], float]) -> dict[str, float]:
    """Returns the images a second of every side, after an epoch that is not counted."""
    speeds: dict[str, list[float]] = {name: [] for name in sides}
    for take in sides.values():
        take()
    for _ in range(rounds):
        for name, take in sides.items():
            started = clock()
            images = take()
            speeds[name].append(images / (clock() - started))
    return {name: statistics.median(values) for name, values in speeds.items()}


if __name__ == "__main__":
    main()
