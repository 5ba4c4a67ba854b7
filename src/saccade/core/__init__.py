"""Errors, artifacts, settings, seeds and progress: what every room above may use."""
