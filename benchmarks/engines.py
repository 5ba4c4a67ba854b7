"""The engines of one network beside each other: int8 and bfloat16 against float32, and int8 against bfloat16.

    python benchmarks/engines.py --out FILE.json [--quick] [--data PHOTOS.zip]

The weights are random, since none that are trained come without a network, and the norms are settled on photographs. An
accuracy or a strongest class would mean nothing then; what is compared is how far logits are from float32's, in
standard deviations of those. A random MobileNetV3 magnifies rounding more than a trained one. Calibration takes every
other photograph, the comparison the rest. Images a second are those of Classifier.predict_pixels on all processors.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import argument_parser, row, write
from preprocess import PHOTOS, made_photos, read_photos
from torch import Tensor, nn
from torchvision.models import mobilenet_v3_large

import saccade_native
from saccade.core.artifacts import ENGINE_XML
from saccade.models.custom_cnn import CustomCnn
from saccade.models.export import export_openvino
from saccade.models.quantize import quantize_int8
from saccade.models.registry import build_model
from saccade.preprocess.spec import PreprocessSpec
from saccade.serving.predictor import build_classifier
from saccade.steps.choose_engine import images_per_second

ROUNDS = 21
CLASSES = 1000
# Mean differences in deviations; those of an unrelated network would be 2 / sqrt(pi) = 1.13.
MAX_DIFFERENCE = {"f32": 0.0, "bf16": 0.2, "int8": 0.6}
WHITENING_EPSILON = 5e-4  # as in training
PAIRS = (("bf16", "f32"), ("int8", "f32"), ("int8", "bf16"))


@dataclass(frozen=True)
class Work:
    """One network at one size."""

    name: str
    network: nn.Module
    side_px: int


class MobileNet(nn.Module):
    """MobileNetV3-large with the outputs that an engine has."""

    def __init__(self) -> None:
        super().__init__()
        self.network = mobilenet_v3_large(weights=None)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Returns logits and pooled features."""
        features = self.network.avgpool(self.network.features(pixels)).flatten(1)
        return self.network.classifier(features), features


def main() -> None:
    """Makes the engines, compares answers, measures, prints and writes."""
    parser = argument_parser(__doc__)
    parser.add_argument("--data", type=Path, default=PHOTOS, help="a zip of JPEG photographs")
    arguments = parser.parse_args()
    photos = made_photos(16) if arguments.quick else read_photos(arguments.data)
    rounds = 1 if arguments.quick else ROUNDS
    write(arguments.out, "engines", [result for work in works() for result in rows(work, photos, rounds)])


def works() -> list[Work]:
    """Returns the networks that are measured."""
    torch.manual_seed(0)
    return [
        Work("ResNet-18, 224 px", build_model("resnet18", CLASSES, 224), 224),
        Work("MobileNetV3-large, 224 px", MobileNet(), 224),
        Work("custom_cnn, 32 px", build_model("custom_cnn", 10, 32), 32),
    ]


def rows(work: Work, photos: list[bytes], rounds: int) -> list[dict[str, Any]]:
    """Returns one row a pair of engines and a batch size."""
    side = work.side_px
    spec = PreprocessSpec.parse(["decode", f"resize_short({side})", f"center_crop({side})", "normalize(imagenet)"])
    pixels = np.empty((len(photos), side, side, 3), np.uint8)
    saccade_native.prepare(photos, spec.native, pixels)
    with tempfile.TemporaryDirectory(prefix="saccade-bench-") as scratch:
        engines = make_engines(work, pixels[::2], spec, Path(scratch))
    difference = {name: compare(work.name, name, engines, pixels[1::2]) for name in engines}
    found = []
    for size in (1, engines["f32"].images_at_once):
        speed = images_per_second(engines, np.resize(pixels, (size, *pixels.shape[1:])), rounds)
        found += [
            row(
                f"{work.name}, {size} at once: {ours}, logits {difference[ours]:.3f} deviations from float32's",
                "images/s",
                round(speed[ours], 1),
                against=theirs,
                theirs=round(speed[theirs], 1),
                rounds=rounds,
            )
            for ours, theirs in PAIRS
            if {ours, theirs} <= speed.keys()
        ]
    return found


def make_engines(
    work: Work, pixels: np.ndarray, spec: PreprocessSpec, scratch: Path
) -> dict[str, saccade_native.Classifier]:
    """Returns the engines that this processor runs, by precision."""
    images = np.empty((len(pixels), 3, spec.height, spec.width), np.float32)
    saccade_native.normalize(pixels, spec.native, images)
    tensors = torch.from_numpy(images)
    directories = {name: scratch / name for name in ("f32", "int8")}
    for directory in directories.values():
        directory.mkdir()
    settle(work.network, tensors)
    export_openvino(work.network, work.side_px, directories["f32"])
    quantize_int8(directories["f32"] / ENGINE_XML, pixels, spec, directories["int8"])
    directories["bf16"] = directories["f32"]
    engines = {
        name: build_classifier(directory / ENGINE_XML, spec, {}, precision=name)
        for name, directory in directories.items()
    }
    return {name: engine for name, engine in engines.items() if engine.precision == name}


def settle(network: nn.Module, images: Tensor) -> None:
    """Gives the norms, and a whitening, the statistics of images, as training would."""
    if isinstance(network, CustomCnn):
        network.whitening.fit(images, WHITENING_EPSILON)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # the mean over all that it sees
    with torch.inference_mode():
        for part in images.split(32):
            network.train()(part)


def compare(work: str, name: str, engines: dict[str, saccade_native.Classifier], pixels: np.ndarray) -> float:
    """Returns the mean difference from float32's logits in their deviations. Ends the program where it is large."""
    exact, own = (engines[precision].predict_pixels(pixels).logits for precision in ("f32", name))
    difference = float(np.abs(own - exact).mean() / exact.std())
    if not difference <= MAX_DIFFERENCE[name]:
        raise SystemExit(f"{work}: logits of {name} are {difference:.2f} standard deviations from float32's.")
    return difference


if __name__ == "__main__":
    main()
