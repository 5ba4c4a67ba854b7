"""Image preparation and classification in C++: the same bytes in training, evaluation, serving and drift jobs."""

from saccade_native import _native
from saccade_native._native import *  # noqa: F403

__version__ = _native.__version__
