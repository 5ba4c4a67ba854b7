"""Predictor, TorchServe handler, archive, protocol, client and capture."""
