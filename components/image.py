"""The image in which every component runs on a cluster; locally the current environment is used instead."""

from saccade import __version__

TRAIN_IMAGE = f"saccade-train:{__version__}"
