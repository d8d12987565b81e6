# What a person does with this checkout. Needs python3 (3.11 to 3.13) with pip and venv, nothing else: every target
# makes and fills its own virtual environment in .venv when that is missing or older than the dependency lists.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# Statistics of small networks gain nothing from several threads, and parallel work uses processes.
export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help demo test lint format install clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: $(VENV)/.installed  ## train a proxy on the shipped benchmark and transfer it (about 10 minutes)
	$(BIN)/python -m parzc.demo

test: lint  ## everything CI checks: linters, types, import rules, limits, tests with coverage
	$(BIN)/python -m pytest --cov --cov-report=term

lint: $(VENV)/.installed-dev  ## linters, types, import rules and limits only
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python tests/limits.py

format: $(VENV)/.installed-dev  ## rewrite the code to the project's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

install: $(VENV)/.installed-dev  ## make .venv with the package, editable, and the tools

clean:  ## remove .venv, caches and build products
	rm -rf $(VENV) build dist .coverage .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A python3 whose venv module lacks ensurepip (Debian splits it off) gets pip from the python3 that runs it.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; (3, 11) <= v <= (3, 13) or sys.exit("parzc needs Python 3.11 to 3.13, and $(PYTHON) is %d.%d: say make PYTHON=python3.12" % v)'
	$(PYTHON) -m venv $(VENV) || ($(PYTHON) -m venv --clear --without-pip $(VENV) && $(PYTHON) -m pip --python $(BIN)/python install pip)

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@ $(VENV)/.installed
