# Targets only call tools; what they do is in the README.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.DEFAULT_GOAL := help

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

$(VENV)/run: constraints.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/dev: $(VENV)/run constraints-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints-dev.txt
	touch $@

run: $(VENV)/run  ## Run everything in one process: embedded Redis, captured destinations, a sample event
	$(BIN)/router dev

test: $(VENV)/dev  ## Run the tests
	$(BIN)/pytest -n auto

test-slow: $(VENV)/dev  ## Run the long tests: faults under load, soak, long fuzzing
	$(BIN)/pytest -m slow

lint: $(VENV)/dev  ## Check style, layers, spelling and the shipped rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/router check rules

types: $(VENV)/dev  ## Check types
	$(BIN)/mypy router

constraints: $(VENV)/dev  ## Pin the newest versions (needs uv)
	uv pip compile --universal --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links --python-version 3.11 --upgrade --extra embedded --group build pyproject.toml -o constraints.txt
	uv pip compile --universal --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links --python-version 3.11 --upgrade --extra embedded --group build --group dev -c constraints.txt pyproject.toml -o constraints-dev.txt

.PHONY: help run test test-slow lint types constraints
