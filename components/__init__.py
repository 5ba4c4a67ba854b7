"""Typed Kubeflow components: a signature, one import, one call into saccade.steps."""
