"""The preprocessing specification: readable lines, parsed by the native library, hashed into every bundle."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import saccade_native
from saccade.core.errors import SpecError


@dataclass(frozen=True)
class PreprocessSpec:
    """What happens between encoded bytes and the network's input.

    steps: canonical lines, such as ("decode", "resize(32,32)", "normalize(0.5,0.5,0.5;0.25,0.25,0.25)").
    native: the parsed specification that every call into saccade_native takes.
    """

    steps: tuple[str, ...]
    native: saccade_native.PreprocessSpec = field(compare=False, repr=False)

    @classmethod
    def parse(cls, steps: Sequence[str]) -> Self:
        """Returns the specification that the lines describe. Raises SpecError for a line that native code refuses."""
        try:
            native = saccade_native.PreprocessSpec(list(steps))
        except saccade_native.Error as error:
            raise SpecError(str(error)) from error
        return cls(steps=tuple(native.steps), native=native)

    @property
    def hash(self) -> str:
        """The sha256 of the canonical lines: two bundles with one hash prepare every image to the same bytes."""
        return hashlib.sha256("\n".join(self.steps).encode()).hexdigest()

    @property
    def height(self) -> int:
        """Height of a prepared image in pixels."""
        return int(self.native.height)

    @property
    def width(self) -> int:
        """Width of a prepared image in pixels."""
        return int(self.native.width)

    @property
    def mean(self) -> tuple[float, float, float]:
        """What is subtracted from each channel after scaling to [0, 1]."""
        return self.native.mean

    @property
    def std(self) -> tuple[float, float, float]:
        """What each channel is divided by afterwards."""
        return self.native.std


def normalize_line(mean: Sequence[float], std: Sequence[float]) -> str:
    """Returns the line that subtracts mean and divides by std, rounded to four decimals so that it reads well."""
    return f"normalize({_numbers(mean)};{_numbers(std)})"


def _numbers(values: Sequence[float]) -> str:
    return ",".join(f"{value:.4f}" for value in values)
