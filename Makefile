# make demo: set up, then run the main job on handwritten digits. make test: everything that must be true.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := bash

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/python -m uv
UV_VERSION := 0.13.8
SECONDS ?= 60
NATIVE_SOURCES := $(shell find native -type f -not -path '*/build/*' -not -path '*/__pycache__/*')

.PHONY: help setup classify demo test test-native fuzz test-python lint bench lock clean

help: ## what there is to make
	@sed -nE 's/^([a-z-]+):.*## (.*)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

setup: $(VENV)/.native ## system packages, .venv with locked versions, the native wheels

$(VENV)/.packages: requirements.lock
	PYTHON=$(PYTHON) tools/system_packages.sh build
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m uv --version >/dev/null 2>&1 || $(BIN)/python -m pip install -q uv==$(UV_VERSION)
	$(UV) pip install -q --python $(BIN)/python -r requirements.lock
	touch $@

$(VENV)/.native: $(VENV)/.packages pyproject.toml $(NATIVE_SOURCES)
	$(UV) pip install -q --python $(BIN)/python --no-deps --no-build-isolation --reinstall-package saccade-native \
	  --reinstall-package saccade-native-torch ./native ./native/torch
	$(UV) pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	touch $@

classify: setup ## saccade-classify, where 'setup' had to leave it out: a classifier on the command line, without Python
	tools/system_packages.sh classify
	$(UV) pip install -q --python $(BIN)/python --no-deps --no-build-isolation --reinstall-package saccade-native \
	  -C cmake.define.SACCADE_BUILD_TOOLS=ON ./native
	@echo "$(CURDIR)/$(BIN)/saccade-classify"

demo: setup ## the main job on handwritten digits: three minutes
	$(BIN)/saccade run --out runs/demo --min-accuracy 0.985

test: setup test-native fuzz test-python ## all tests: C++ under every sanitizer, a minute of fuzzing, lint, Python

test-native: setup
	PYTHON=$(PYTHON) tools/system_packages.sh test
	PATH=$(CURDIR)/$(BIN):$$PATH tests/native/run.sh

fuzz: ## libFuzzer on image formats, the whole preparation and the arrays of a bundle: make fuzz SECONDS=600
	PYTHON=$(PYTHON) tools/system_packages.sh fuzz
	tests/native/fuzz/run.sh $(SECONDS)

test-python: setup lint
	$(BIN)/python -m pytest

lint: setup ## formats, types, imports, the README's numbers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/readme_numbers.py --check
	$(BIN)/clang-format --dry-run -Werror $$(git ls-files 'native/*.h' 'native/*.hpp' 'native/*.cpp' 'tests/native/*.cpp' 'tests/native/*.hpp')

bench: setup ## every benchmark, on this machine, into benchmarks/results; wants wrk and oha
	$(UV) pip install -q --python $(BIN)/python -r benchmarks/requirements.txt
	for file in benchmarks/*.py; do name=$$(basename $$file .py); [ $$name = common ] || \
	  $(BIN)/python $$file --out benchmarks/results/$$name.json || exit 1; done

lock: setup ## resolve requirements.lock anew
	$(UV) pip compile -q pyproject.toml --extra dev --universal --python-version 3.11 --no-emit-package saccade-native \
	  --no-emit-index-url --no-annotate --no-header --upgrade -o requirements.lock

clean: ## remove what was built here
	rm -rf $(VENV) build native/build native/torch/build runs
