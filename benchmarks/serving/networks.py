"""Networks whose answers can be compared although nobody trained them.

Random layers, batch norm set to the pictures, and a last layer that tells clusters of their features apart: speed does
not depend on weights, but a meaningful comparison of answers needs classes that are clear.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from sklearn.cluster import KMeans
from torch import Tensor, nn
from torchvision.models import mobilenet_v3_large, resnet18
from torchvision.transforms import v2

import saccade_native
from saccade.core.artifacts import BUNDLE_JSON, ENGINE_XML, OOD_NPZ, BundleInfo, file_digests
from saccade.evaluation.calibration import fit_temperature
from saccade.models.custom_cnn import CustomCnn
from saccade.models.export import export_openvino
from saccade.models.quantize import quantize_int8
from saccade.ood import ForestArrays, fit_isolation_forest, save_ood, threshold_at_false_alarm_rate
from saccade.preprocess.spec import PreprocessSpec
from saccade.serving.golden import write_golden
from saccade.serving.predictor import build_classifier

CLASSES = 10
RIDGE = 1e-2
GOLDEN_IMAGES = 8
LARGE = ("decode", "resize_short(256)", "center_crop(224)", "normalize(imagenet)")  # torchvision's evaluation
SMALL = ("decode", "resize(32,32)", "normalize(imagenet)")


@dataclass(frozen=True)
class Network:
    """A fitted network, the pictures it was fitted on, and torchvision's answers to them."""

    name: str
    trunk: nn.Module
    head: nn.Linear
    spec: PreprocessSpec
    images: list[bytes]
    expected: np.ndarray  # (N,) class, of float32 torch on torchvision's pixels

    @property
    def size(self) -> int:
        """Side of the network's input, pixels."""
        return self.spec.height

    def plain(self) -> nn.Module:
        """Logits only, as every other server wants it."""
        return nn.Sequential(self.trunk, self.head).eval()


class WithFeatures(nn.Module):
    """What Saccade exports: (logits, features)."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.trunk, self.head = network.trunk, network.head

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """pixels: (N, 3, H, W) float32."""
        features = self.trunk(pixels)
        return self.head(features), features


def fitted_network(name: str, images: list[bytes]) -> Network:
    """Returns `resnet18`, `mobilenet_v3_large` or `custom_cnn`, fitted on encoded pictures."""
    torch.manual_seed(0)
    trunk, width = _trunk(name)
    spec = PreprocessSpec.parse(SMALL if name == "custom_cnn" else LARGE)
    pixels = reference_pixels(images, spec)
    with torch.inference_mode():
        if isinstance(trunk, _Features):
            trunk.network.whitening.fit(pixels, epsilon=5e-4)
        _fit_batch_norm(trunk, pixels)
        features = torch.cat([trunk(part) for part in pixels.split(32)])
        classes = KMeans(CLASSES, n_init=1, random_state=0).fit_predict(features.numpy())
        head = _solved_head(features, torch.from_numpy(classes).long(), width)
        expected = head(features).argmax(1).numpy()
    return Network(name, trunk, head, spec, images, expected)


def reference_pixels(images: Sequence[bytes], spec: PreprocessSpec) -> Tensor:
    """Returns (N, 3, H, W) float32: the pictures as Pillow and torchvision prepare them."""
    resize = [v2.Resize(256), v2.CenterCrop(224)] if spec.height == 224 else [v2.Resize((32, 32))]
    steps = v2.Compose(
        [*resize, v2.PILToTensor(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(spec.mean, spec.std)]
    )
    return torch.stack([steps(open_picture(image)) for image in images])


def open_picture(image: bytes) -> Image.Image:
    """The decoded picture in RGB."""
    return Image.open(BytesIO(image)).convert("RGB")


def write_bundle(network: Network, out: Path, *, precision: str, extras: bool = True) -> Path:
    """Writes a model bundle, as `saccade evaluate` would, and returns its path.

    extras: with temperature, isolation forest and its threshold; without them the forest has one leaf.
    """
    out.mkdir(parents=True)
    pixels = np.empty((len(network.images), network.size, network.size, 3), np.uint8)
    saccade_native.prepare(network.images, network.spec.native, pixels)
    with tempfile.TemporaryDirectory() as exported:
        exact = out if precision != "int8" else Path(exported)
        export_openvino(WithFeatures(network), network.size, exact)
        if precision == "int8":
            quantize_int8(exact / ENGINE_XML, pixels, network.spec, out)
    batch = build_classifier(out / ENGINE_XML, network.spec, {}, precision=precision).predict_pixels(pixels)
    scoring: dict[str, Any] = {"top_k": 5, "temperature": 1.0, "ood_detector": "energy"}
    if extras:
        scoring["temperature"] = fit_temperature(batch.logits, network.expected)
        scoring["ood_detector"] = "isolation_forest"
        save_ood(out / OOD_NPZ, fit_isolation_forest(batch.features, network.expected, 0))
    else:
        save_ood(out / OOD_NPZ, one_leaf(batch.features.shape[1]))
    scored = build_classifier(out / ENGINE_XML, network.spec, scoring, ood_npz=out / OOD_NPZ, precision=precision)
    scoring["ood_threshold"] = threshold_at_false_alarm_rate(scored.predict_pixels(pixels).ood_score, 0.05)
    names = [f"class-{number}" for number in range(CLASSES)]
    golden = network.images[:GOLDEN_IMAGES]
    write_golden(out, golden, scored.predict(golden, with_views=False), names)
    info = BundleInfo(
        name=network.name,
        version="1",
        architecture=network.name,
        classes=names,
        preprocess=list(network.spec.steps),
        preprocess_hash=network.spec.hash,
        engine={"kind": "openvino", "precision": scored.precision},
        scoring=scoring,
        dataset_id="benchmark",
        code_version="benchmark",
        metrics={},
        files=file_digests(out),
    )
    info.save(out / BUNDLE_JSON)
    return out


def one_leaf(features: int) -> ForestArrays:
    """Returns the least forest there can be."""
    return ForestArrays(
        centres=np.full((1, features), features**-0.5, np.float32),
        roots=np.zeros(1, np.int32),
        feature=np.full(1, -1, np.int32),
        threshold=np.zeros(1),
        left=np.zeros(1, np.int32),
        right=np.zeros(1, np.int32),
        path_length=np.ones(1),
        normalizer=1.0,
    )


def _trunk(name: str) -> tuple[nn.Module, int]:
    """Returns the network up to its features, and how many they are."""
    if name == "resnet18":
        resnet = resnet18(weights=None)
        width = resnet.fc.in_features
        resnet.fc = nn.Identity()
        return resnet, width
    if name == "mobilenet_v3_large":
        mobilenet = mobilenet_v3_large(weights=None)
        width = mobilenet.classifier[-1].in_features
        mobilenet.classifier[-1] = nn.Identity()
        return mobilenet, width
    network = CustomCnn(CLASSES, 32, 1.0)
    return _Features(network), network.head.in_features


class _Features(nn.Module):
    """A network of (logits, features) that gives features only."""

    def __init__(self, network: CustomCnn) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        features: Tensor = self.network(pixels)[1]
        return features


def _fit_batch_norm(trunk: nn.Module, pixels: Tensor) -> None:
    for module in trunk.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # the plain mean over all batches
            module.reset_running_stats()
    trunk.train()
    for part in pixels.split(32):
        trunk(part)
    trunk.eval()


def _solved_head(features: Tensor, labels: Tensor, width: int) -> nn.Linear:
    """Returns the ridge regression from features to one-hot labels, with margins wide enough for bfloat16."""
    middle, spread = features.mean(0), features.std(0).mean()
    centred = ((features - middle) / spread).double()
    wanted = nn.functional.one_hot(labels, CLASSES).double() - 1 / CLASSES
    gram = centred @ centred.T + RIDGE * len(centred) * torch.eye(len(centred), dtype=torch.float64)
    weight = (centred.T @ torch.linalg.solve(gram, wanted)).T / spread
    head = nn.Linear(width, CLASSES)
    head.weight.copy_(10 * weight.float())
    head.bias.copy_(-10 * (weight.float() @ middle))
    return head
