"""Metrics, calibration and the report: arrays in, numbers and pages out."""
