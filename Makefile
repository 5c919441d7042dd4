# Each target sets up what it needs, from nothing, in its own virtual environment: python3 with venv, and make.
PYTHON ?= python3
VENV ?= .venv
PIP := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: help demo test lint format clean

help:
	@echo "make demo    plant copies of HumanEval in a small training set, find them, write demo-out/report.md"
	@echo "make test    lint, types, all tests with their coverage"
	@echo "make lint    lint and types only"
	@echo "make format  rewrite the code in the project's format"
	@echo "make clean   remove what these made"

demo: $(VENV)/.demo
	$(VENV)/bin/auditor demo

test: lint
	$(VENV)/bin/python -m pytest -n 2 --dist loadfile --cov --cov-report=term-missing:skip-covered --cov-fail-under=90

lint: $(VENV)/.dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

format: $(VENV)/.dev
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

clean:
	rm -rf $(VENV) demo-out build dist .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps are touched last, so that a set-up that was interrupted is done again.
$(VENV)/.made:
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.demo: $(VENV)/.made pyproject.toml constraints.txt
	$(PIP) --editable '.[demo]'
	touch $@

$(VENV)/.dev: $(VENV)/.made pyproject.toml constraints.txt
	$(PIP) --editable '.[dev]'
	touch $@
