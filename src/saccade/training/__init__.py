"""The training loop, Ray Tune and MLflow."""
