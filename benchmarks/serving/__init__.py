"""The servers, networks and load generators of benchmarks/serve.py."""
