# Two commands: `make demo` does the main job, `make test` passes the tests. Both set up .venv in the project's root first.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help install asr s3 ray demo run ui test test-long test-slow bench lint types imports audit clean

help: ## what there is
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: $(INSTALLED) ## environment, packages and pretrained weights in .venv

$(INSTALLED): pyproject.toml tools/install.sh corpus/weights.py corpus/packages.py
	@bash tools/install.sh $(PYTHON) $(VENV)
	@touch $@

asr: install ## speech recognition for films without subtitles: the packages of feelm[asr], 150 MB
	@$(BIN)/python -m pip install --quiet $$($(BIN)/python tools/extra.py asr)

s3: install ## artifacts, DVC's remote and MLflow's files on a server that speaks S3: the packages of feelm[s3]
	@$(BIN)/python -m pip install --quiet $$($(BIN)/python tools/extra.py s3)

ray: install ## films on a Ray cluster: the packages of feelm[ray], 250 MB
	@$(BIN)/python -m pip install --quiet $$($(BIN)/python tools/extra.py ray)

demo: install ## make films, run the whole chain, show the result
	@$(BIN)/feelm demo

run: install ## bring everything up to date
	@$(BIN)/feelm run

ui: install ## Dagster on 127.0.0.1:3000
	@$(BIN)/feelm ui

TESTS := $(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile

test: install ## the tests, on up to four cores: eight minutes on two
	@$(TESTS)

test-long: install ## the whole chain, real servers, kills, Postgres: what a change must pass besides
	@$(TESTS) -m "long and not slow and not gpu and not network"

test-slow: install ## all that needs no GPU
	@$(TESTS) -m "not gpu"

bench: install ## all benchmarks, beside their peers in environments of their own, then one page of tables and plots; many hours
	@$(BIN)/feelm weights fetch multilingual-e5
	@$(BIN)/python -m benchmarks

lint: install ## ruff
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: install ## mypy
	@$(BIN)/mypy

imports: install ## one-way imports
	@$(BIN)/lint-imports

audit: install ## known vulnerabilities of the installed versions, by pip-audit in an environment that is thrown away; needs a network
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && $(BIN)/python -m venv "$$folder/venv" && \
	$(BIN)/python -m pip list --format freeze --exclude-editable | sed 's/+.*//' > "$$folder/installed.txt" && \
	"$$folder/venv/bin/python" -m pip install --quiet pip-audit && \
	"$$folder/venv/bin/pip-audit" --strict --no-deps --disable-pip --progress-spinner off --requirement "$$folder/installed.txt"

clean: ## remove what running made; the environment stays
	rm -rf .feelm .dvc dvc.lock
