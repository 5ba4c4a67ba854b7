"""Capture reading, drift tests, Evidently reports and the verdict."""
