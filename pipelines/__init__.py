"""Kubeflow pipelines: wiring of saccade_components, and the runner that executes them on this machine."""
