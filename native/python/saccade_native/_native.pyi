"""
Image preparation and classification in C++.
"""

from __future__ import annotations

import collections.abc
import typing

import numpy
import numpy.typing

__all__: list[str] = [
    "Answer",
    "ArgumentError",
    "Batch",
    "Classifier",
    "EngineError",
    "Error",
    "FormatError",
    "ImageInfo",
    "ImageStatistics",
    "IsolationForest",
    "LimitError",
    "Limits",
    "Loader",
    "LoaderBatch",
    "OutOfMemoryError",
    "PreprocessSpec",
    "Scoring",
    "SpecError",
    "TruncatedError",
    "UnknownFormatError",
    "UnsupportedError",
    "View",
    "augment",
    "decode",
    "image_statistics",
    "normalize",
    "prepare",
    "resize",
]

class Error(Exception):
    """
    Base of every error of this package; code names its kind.
    """

    code: typing.ClassVar[str] = "error"

class ArgumentError(Error):
    """
    A value that cannot be used: a wrong shape, a size of zero.
    """

    code: typing.ClassVar[str] = "argument"

class EngineError(Error):
    """
    A model file is missing or damaged, or the engine refused to run it.
    """

    code: typing.ClassVar[str] = "engine"

class FormatError(Error):
    """
    The bytes claim to be JPEG, PNG or WebP but do not decode.
    """

    code: typing.ClassVar[str] = "format"

class LimitError(Error):
    """
    The image is larger than the Limits.
    """

    code: typing.ClassVar[str] = "limit"

class OutOfMemoryError(Error):
    """
    The machine has no memory left for this image.
    """

    code: typing.ClassVar[str] = "memory"

class SpecError(Error):
    """
    A preprocessing or scoring specification is impossible.
    """

    code: typing.ClassVar[str] = "spec"

class TruncatedError(Error):
    """
    The image ends before its last pixel.
    """

    code: typing.ClassVar[str] = "truncated"

class UnknownFormatError(Error):
    """
    The bytes are not JPEG, PNG or WebP.
    """

    code: typing.ClassVar[str] = "unknown_format"

class UnsupportedError(Error):
    """
    A valid file of a kind that is not read.
    """

    code: typing.ClassVar[str] = "unsupported"

class PreprocessSpec:
    """
    What happens between encoded bytes and the network's input, parsed from readable lines.

    In this order: decode; resize(H,W) or resize_short(S), ;bicubic at will; center_crop(S) or center_crop(H,W);
    normalize(r,g,b;r,g,b) or normalize(imagenet). Raises SpecError that names the line.
    """
    def __eq__(self, arg0: typing.Any) -> bool: ...
    def __getstate__(self) -> list[str]: ...
    def __hash__(self) -> int: ...
    def __init__(self, steps: collections.abc.Sequence[str]) -> None: ...
    def __repr__(self) -> str: ...
    def __setstate__(self, arg0: collections.abc.Sequence[str]) -> None: ...
    @property
    def height(self) -> int:
        """
        Pixels.
        """
    @property
    def mean(self) -> tuple:
        """
        Subtracted from each channel after scaling to [0, 1].
        """
    @property
    def std(self) -> tuple:
        """
        What each channel is divided by afterwards.
        """
    @property
    def steps(self) -> list[str]:
        """
        Canonical lines: equal for specifications that prepare to the same values.
        """
    @property
    def width(self) -> int:
        """
        Pixels.
        """

class Limits:
    """
    What an image may cost at most; checked before memory is taken.
    """
    def __init__(
        self,
        *,
        max_bytes: typing.SupportsInt | typing.SupportsIndex = 67108864,
        max_side: typing.SupportsInt | typing.SupportsIndex = 20000,
        max_pixels: typing.SupportsInt | typing.SupportsIndex = 64000000,
        max_scans: typing.SupportsInt | typing.SupportsIndex = 100,
    ) -> None: ...
    def __repr__(self) -> str: ...
    @property
    def max_bytes(self) -> int:
        """
        Encoded bytes.
        """
    @property
    def max_pixels(self) -> int:
        """
        Width times height.
        """
    @property
    def max_scans(self) -> int:
        """
        Scans of a progressive JPEG.
        """
    @property
    def max_side(self) -> int:
        """
        Width and height each, pixels.
        """

class ImageStatistics:
    """
    What can be said about a picture without a model.
    """
    @property
    def brightness(self) -> float:
        """
        Mean luma, [0, 1].
        """
    @property
    def contrast(self) -> float:
        """
        Standard deviation of luma, [0, 0.5].
        """
    @property
    def entropy(self) -> float:
        """
        Of the 256-bin luma histogram, bits, [0, 8].
        """
    @property
    def perceptual_hash(self) -> int:
        """
        64 bits; near-duplicates differ in few of them.
        """
    @property
    def saturation(self) -> float:
        """
        Mean of (max - min) / max, [0, 1].
        """
    @property
    def sharpness(self) -> float:
        """
        Variance of luma's Laplacian, [0, 16].
        """

class ImageInfo:
    """
    What is known of one image; with an error, only the error has a meaning.
    """
    @property
    def error(self) -> Error | None:
        """
        None, or the Error for which this image's row is zeros.
        """
    @property
    def format(self) -> str:
        """
        'jpeg', 'png', 'webp' or 'unknown'.
        """
    @property
    def height(self) -> int:
        """
        Of the whole picture as displayed, pixels.
        """
    @property
    def perceptual_hash(self) -> int:
        """
        64 bits; near-duplicates differ in few of them.
        """
    @property
    def statistics(self) -> ImageStatistics:
        """
        Of the prepared pixels: what the model sees.
        """
    @property
    def width(self) -> int:
        """
        Of the whole picture as displayed, pixels.
        """

class LoaderBatch:
    """
    B images as a network takes them.
    """
    @property
    def epoch(self) -> int:
        """
        From 0 on.
        """
    @property
    def labels(self) -> numpy.typing.NDArray[numpy.int64]:
        """
        (B,) int64.
        """
    @property
    def partner_labels(self) -> numpy.typing.NDArray[numpy.int64] | None:
        """
        (B,) int64, of the images that are mixed in; None without mixup and cutmix.
        """
    @property
    def rows(self) -> numpy.typing.NDArray[numpy.int64]:
        """
        (B,) int64: which images these are.
        """
    @property
    def step(self) -> int:
        """
        Of the epoch, from 0 on.
        """
    @property
    def tensors(self) -> numpy.ndarray:
        """
        (B, H, W, 3) or (B, 3, H, W), without a copy: valid until the loader's next batch.
        """
    @property
    def weight(self) -> float:
        """
        Of labels, in [0, 1]; partner_labels have the rest.
        """

class Loader:
    """
    Training batches without end, made ahead on threads of their own; epoch after epoch in an order of its own.

    The same position gives the same bytes, on however many threads and whatever was loaded before. A batch is
    always full: what is left over waits for another shuffle. One thread at a time: a call while another one
    waits raises ArgumentError.
    """
    def __init__(
        self,
        images: typing.Any,
        labels: typing.Any,
        rows: typing.Any,
        spec: PreprocessSpec,
        batch_size: typing.SupportsInt | typing.SupportsIndex,
        steps: collections.abc.Sequence[str] = [],
        *,
        seed: typing.SupportsInt | typing.SupportsIndex = 0,
        dtype: str = "float32",
        layout: str = "NHWC",
        rank: typing.SupportsInt | typing.SupportsIndex = 0,
        world_size: typing.SupportsInt | typing.SupportsIndex = 1,
        threads: typing.SupportsInt | typing.SupportsIndex = 0,
        limits: Limits = ...,
    ) -> None:
        """
        images: (N, H, W, 3) uint8, may be memory-mapped; or a sequence of encoded images.
        labels: (N,) integers.   rows: (n) integers, which images to train on.   steps: as in augment, and mixup(alpha),
        cutmix(alpha).   dtype: 'uint8', 'bfloat16' (its bits as uint16) or 'float32'.   layout: 'NHWC' or 'NCHW'.
        rank, world_size: this worker's share of every epoch.   Raises ArgumentError and SpecError.
        """
    def __iter__(self) -> typing.Any: ...
    def __next__(self) -> LoaderBatch:
        """
        The next batch. Raises Error that names the row of an image that cannot be read.
        """
    def seek(
        self, epoch: typing.SupportsInt | typing.SupportsIndex, step: typing.SupportsInt | typing.SupportsIndex = 0
    ) -> None:
        """
        Goes on with this batch.
        """
    @property
    def batch_size(self) -> int:
        """
        Images of a batch.
        """
    @property
    def position(self) -> tuple[int, int]:
        """
        (epoch, step) of the batch that comes next: all that is needed to go on later.
        """
    @property
    def steps_per_epoch(self) -> int:
        """
        Whole batches in an epoch.
        """

class View:
    """
    The image moved by (dy, dx) px, borders reflected, then mirrored left to right.
    """
    def __init__(
        self,
        *,
        flip: bool = False,
        dy: typing.SupportsInt | typing.SupportsIndex = 0,
        dx: typing.SupportsInt | typing.SupportsIndex = 0,
        weight: typing.SupportsFloat | typing.SupportsIndex = 1.0,
    ) -> None: ...

class IsolationForest:
    """
    Trees over deviations from the nearest class, as plain arrays.
    """
    def __init__(
        self,
        *,
        centres: typing.Annotated[numpy.typing.ArrayLike, numpy.float32],
        roots: typing.Annotated[numpy.typing.ArrayLike, numpy.int32],
        feature: typing.Annotated[numpy.typing.ArrayLike, numpy.int32],
        threshold: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
        left: typing.Annotated[numpy.typing.ArrayLike, numpy.int32],
        right: typing.Annotated[numpy.typing.ArrayLike, numpy.int32],
        path_length: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
        normalizer: typing.SupportsFloat | typing.SupportsIndex,
    ) -> None: ...
    def score(self, features: typing.Annotated[numpy.typing.ArrayLike, numpy.float32]) -> float:
        """
        Of (D,) float32 features: in (0, 1), larger is more unusual.
        """

class Scoring:
    """
    What turns the network's outputs into an answer.
    """
    def __init__(
        self,
        *,
        temperature: typing.SupportsFloat | typing.SupportsIndex = 1.0,
        top_k: typing.SupportsInt | typing.SupportsIndex = 5,
        views: collections.abc.Sequence[View] = ...,
        view_threshold: typing.SupportsFloat | typing.SupportsIndex = 0.0,
        ood_detector: str = "energy",
        ood_threshold: typing.SupportsFloat | typing.SupportsIndex = 0.0,
        forest: IsolationForest | None = None,
    ) -> None:
        """
        Views beyond the first are taken where its highest calibrated probability is below view_threshold.
        Impossible values are refused by the Classifier, which knows the size of the images.
        """

class Answer:
    """
    What the classifier says of one image; with an error, only that and prepare_seconds have a meaning.
    """
    @property
    def error(self) -> Error | None:
        """
        None, or the Error for which there is no answer.
        """
    @property
    def features(self) -> numpy.typing.NDArray[numpy.float32]:
        """
        (D,) float32.
        """
    @property
    def height(self) -> int:
        """
        Of the whole picture, pixels.
        """
    @property
    def infer_seconds(self) -> float:
        """
        From pixels to answers, of all images that went through the engine together.
        """
    @property
    def is_ood(self) -> bool:
        """
        Whether ood_score is above the threshold.
        """
    @property
    def label(self) -> int:
        """
        Index of the most probable class.
        """
    @property
    def ood_score(self) -> float:
        """
        Of the deciding detector; larger is less like the training data.
        """
    @property
    def perceptual_hash(self) -> int:
        """
        64 bits.
        """
    @property
    def prepare_seconds(self) -> float:
        """
        From encoded bytes to pixels.
        """
    @property
    def probabilities(self) -> numpy.typing.NDArray[numpy.float32]:
        """
        (K,) float32, calibrated.
        """
    @property
    def scores(self) -> dict:
        """
        Every detector's score by name.
        """
    @property
    def statistics(self) -> ImageStatistics:
        """
        Of the prepared pixels.
        """
    @property
    def top_k(self) -> list[tuple[int, float]]:
        """
        [(class index, probability)], most probable first.
        """
    @property
    def width(self) -> int:
        """
        Of the whole picture, pixels.
        """

class Batch:
    """
    What the classifier says of N prepared images, as arrays.
    """
    @property
    def energy(self) -> numpy.ndarray:
        """
        (N,) float32.
        """
    @property
    def features(self) -> numpy.ndarray:
        """
        (N, D) float32 of the image as it is.
        """
    @property
    def is_ood(self) -> typing.Any:
        """
        (N,) bool.
        """
    @property
    def isolation_forest(self) -> numpy.ndarray:
        """
        (N,) float32, or empty without a forest.
        """
    @property
    def logits(self) -> numpy.ndarray:
        """
        (N, K) float32, averaged over the views that were taken.
        """
    @property
    def ood_score(self) -> numpy.ndarray:
        """
        (N,) float32.
        """
    @property
    def probabilities(self) -> numpy.ndarray:
        """
        (N, K) float32, calibrated.
        """

class Classifier:
    """
    Encoded images in, answers out; every step native, without the GIL.
    """
    def __init__(
        self,
        model: str,
        spec: PreprocessSpec,
        scoring: Scoring,
        *,
        limits: Limits = ...,
        threads: typing.SupportsInt | typing.SupportsIndex = 0,
        precision: str = "bf16",
        engine_module: str | None = None,
    ) -> None:
        """
        model: network with input (N, 3, H, W) float32 and outputs logits (N, K), features (N, D): an OpenVINO IR,
        or what the engine in the shared library engine_module reads, whose code then runs in this process.
        threads: 0 takes every processor. precision: of OpenVINO; 'bf16' falls back to 'f32' where the processor
        lacks it;
        'int8' wants a model with quantised layers.
        Raises EngineError for the model or the module, SpecError for an impossible value.
        """
    def predict(self, images: collections.abc.Sequence, *, with_views: bool = True) -> list[Answer]:
        """
        One Answer an image, in order. A bad image gets its own .error and harms no neighbour.
        with_views=False: every image is looked at as it is only, also where that leaves doubt.
        """
    def predict_pixels(self, pixels: numpy.ndarray, *, with_views: bool = True) -> Batch:
        """
        The Batch of prepared pixels, (N, H, W, 3) uint8.
        """
    @property
    def classes(self) -> int:
        """
        K.
        """
    @property
    def features(self) -> int:
        """
        D.
        """
    @property
    def images_at_once(self) -> int:
        """
        Images of one call that keep every processor busy; more are worked on in turns.
        """
    @property
    def precision(self) -> str:
        """
        'bf16', 'f32' or 'int8': what the engine really uses.
        """

def augment(
    pixels: numpy.ndarray,
    steps: collections.abc.Sequence[str],
    seed: typing.SupportsInt | typing.SupportsIndex = 0,
    epoch: typing.SupportsInt | typing.SupportsIndex = 0,
    image: typing.SupportsInt | typing.SupportsIndex = 0,
    fill: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(3)"] = [
        128,
        128,
        128,
    ],
) -> numpy.typing.NDArray[numpy.uint8]:
    """
    What a Loader makes of one picture, (H, W, 3) uint8, at its own size: a new array.

    steps: lines of random changes, drawn from seed, epoch and image alone; done in this order: random_resized_crop,
    affine, randaugment, colour_jitter, translate, flip, cutout. Raises SpecError that names the line.
    """

def decode(image: typing.Any, limits: Limits = ...) -> numpy.typing.NDArray[numpy.uint8]:
    """
    The whole picture as (H, W, 3) uint8 RGB, EXIF orientation applied, alpha dropped. Raises Error.
    """

def image_statistics(pixels: numpy.ndarray) -> ImageStatistics:
    """
    Statistics and perceptual hash of (H, W, 3) uint8.
    """

def normalize(
    pixels: numpy.ndarray,
    spec: PreprocessSpec,
    out: numpy.ndarray,
    threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> None:
    """
    (pixel / 255 - mean) / std of prepared (N, H, W, 3) uint8 into out, which prepare describes.
    """

def prepare(
    images: collections.abc.Sequence,
    spec: PreprocessSpec,
    out: numpy.ndarray,
    limits: Limits = ...,
    threads: typing.SupportsInt | typing.SupportsIndex = 0,
) -> list[ImageInfo]:
    """
    Decodes, orients, resizes and crops each image into its row of out.

    out: (N, H, W, 3), or else (N, 3, H, W). uint8 gets the levels, float32 gets them normalised, and
    uint16 gets the bits of that as bfloat16. A failed image leaves its row zero and has .error. The
    result does not depend on threads (0: every processor) or on the split into batches. Runs without
    the GIL.
    """

def resize(
    pixels: numpy.ndarray,
    height: typing.SupportsInt | typing.SupportsIndex,
    width: typing.SupportsInt | typing.SupportsIndex,
    filter: str = "triangle",
) -> numpy.typing.NDArray[numpy.uint8]:
    """
    (height, width, 3) uint8 by an antialiased filter, width first: 'triangle' is Pillow's BILINEAR,
    'bicubic' its BICUBIC.
    """

__version__: str = "0.1.0"
