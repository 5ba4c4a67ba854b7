"""Import and prepare of many small JPEG files in one zip, beside a plain Pillow loop that only reads and decodes them.

    python benchmarks/prepare.py --out FILE.json [--quick] [--data CIFAR10.zip]

Each of our rounds is a fresh Python process, start included. --quick makes 2,000 images itself and needs no --data.
"""

import io
import json
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from common import argument_parser, row, write
from PIL import Image

from saccade.data.bundle import DatasetBundle

CIFAR10 = Path("../shared/data/cifar10.zip")
QUICK_IMAGES = 2_000
ROUNDS = 3
TARGET_S = 12.0
TARGET_PEAK_BYTES = 2e9
MAX_MEAN_DIFFERENCE = 0.5  # levels of 255: JPEG decoders differ in how they round and upsample colour
STEPS = """
import json, sys
from pathlib import Path
from saccade.steps.import_images import import_images
from saccade.steps.prepare import prepare
source, out = sys.argv[1], Path(sys.argv[2])
results = [import_images([source], out / "imported"), prepare(out / "imported", out / "prepared")]
print(json.dumps([{name: result[name] for name in ("seconds", "peak_rss_bytes")} for result in results]))
"""


def main() -> None:
    """Compares answers, measures, prints and writes."""
    parser = argument_parser(__doc__)
    parser.add_argument("--data", type=Path, default=CIFAR10, help="a zip of small JPEG files in class folders")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="saccade-bench-") as directory:
        data = make_zip(Path(directory) / "quick.zip") if arguments.quick else arguments.data
        if not data.exists():
            raise SystemExit(f"'{data}' does not exist. Give a zip of class folders with --data, or use --quick.")
        images = compare(data, Path(directory))
        rounds = [measure(data, Path(directory)) for _ in range(1 if arguments.quick else ROUNDS)]
    write(arguments.out, "prepare", rows(rounds, images, is_quick=arguments.quick))


def rows(rounds: list[dict[str, float]], images: int, is_quick: bool) -> list[dict[str, Any]]:
    """Returns the medians as result rows."""
    median = {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
    count = len(rounds)
    return [
        row(
            f"import and prepare {images:,} JPEG files in one zip",
            "s",
            round(median["ours_s"], 2),
            against="Pillow loop that only reads and decodes",
            theirs=round(median["theirs_s"], 2),
            target=None if is_quick else TARGET_S,
            rounds=count,
            higher_is_better=False,
        ),
        row(
            f"peak memory of import and prepare, {images:,} JPEG files",
            "bytes",
            median["peak_bytes"],
            against="",
            theirs=None,
            target=None if is_quick else TARGET_PEAK_BYTES,
            rounds=count,
            higher_is_better=False,
        ),
    ]


def measure(data: Path, directory: Path) -> dict[str, float]:
    """Returns the seconds and bytes of one round of both."""
    started = time.monotonic()
    imported, prepared = run_steps(data, directory / "out")
    ours_s = time.monotonic() - started
    started = time.monotonic()
    pillow_pixels(data)
    return {
        "ours_s": ours_s,
        "peak_bytes": max(imported["peak_rss_bytes"], prepared["peak_rss_bytes"]),
        "theirs_s": time.monotonic() - started,
    }


def compare(data: Path, directory: Path) -> int:
    """Returns the number of images, or ends the program if Pillow decodes them to other pixels."""
    run_steps(data, directory / "compared")
    bundle = DatasetBundle.open(directory / "compared/prepared")
    expected = pillow_pixels(data)
    names = bundle.index["name"].to_pylist()
    differences = [np.abs(bundle.pixels[i].astype(np.int16) - expected[name]).mean() for i, name in enumerate(names)]
    difference = np.mean(differences)
    if len(names) != len(expected) or difference > MAX_MEAN_DIFFERENCE:
        raise SystemExit(f"Not the same: {len(names):,} images of {len(expected):,}, {difference:.2f} levels apart.")
    print(f"mean difference to Pillow: {difference:.3f} of 255 levels")
    return len(names)


def run_steps(data: Path, out: Path) -> list[dict[str, float]]:
    """Runs import and prepare in a process of their own and returns what each tells of itself."""
    done = subprocess.run([sys.executable, "-c", STEPS, data, out], stdout=subprocess.PIPE, check=True)
    results: list[dict[str, float]] = json.loads(done.stdout)
    return results


def pillow_pixels(data: Path) -> dict[str, np.ndarray]:
    """Returns the pixels of every file by name: what a plain loop over the zip does."""
    with zipfile.ZipFile(data) as archive:
        return {
            info.filename: np.asarray(Image.open(io.BytesIO(archive.read(info))).convert("RGB"))
            for info in archive.infolist()
            if not info.is_dir()
        }


def make_zip(path: Path) -> Path:
    """Writes smooth random images of 32 x 32 pixels, as JPEG of quality 75, in ten class folders."""
    generator = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(QUICK_IMAGES):
            coarse = Image.fromarray(generator.integers(0, 256, (4, 4, 3), np.uint8))
            buffer = io.BytesIO()
            coarse.resize((32, 32), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=75)
            archive.writestr(f"train/class-{number % 10}/{number}.jpg", buffer.getvalue())
    return path


if __name__ == "__main__":
    main()
