"""Architectures and their export to the serving engine."""
