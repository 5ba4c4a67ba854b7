#!/bin/sh
# Writes python/saccade_native/_native.pyi from the installed module. Run it after a change of the bindings.
set -eu
cd "$(dirname "$0")/.."
bin=.venv/bin
"$bin/pybind11-stubgen" saccade_native._native --output-dir native/python
"$bin/ruff" check --quiet --fix native/python >/dev/null || true # format shortens the lines first
"$bin/ruff" format --quiet native/python
"$bin/ruff" check native/python
