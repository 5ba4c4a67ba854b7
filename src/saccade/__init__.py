"""Saccade: folders of images in; a trained, served and watched classifier out."""

__version__ = "0.1.0"
