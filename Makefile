# `make run` is all that a fresh machine needs. Each target brings the environment up to date first.

SHELL := /bin/sh
# The first Python that is new enough; `make PYTHON=/path/to/python3 ...` names another.
ifndef PYTHON
PYTHON := $(shell for python in python3 python3.13 python3.12 python3.11 python3.14; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { command -v $$python; break; }; done)
endif
BIN := .venv/bin
# A test that skips on CI is a failure: see .ci/no_skips.py.
ifeq ($(CI),true)
PYTEST := PYTHONPATH=.ci $(BIN)/python -m pytest -p no_skips
else
PYTEST := $(BIN)/python -m pytest
endif

.DEFAULT_GOAL := help
.PHONY: help run env test check clean python dev-env

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | \
	while IFS='|' read -r target text; do printf '%-14s %s\n' "$$target" "$$text"; done
	@echo
	@echo "  PAPERLIGHT_PORT=8501       port of the page and the API"
	@echo "  PAPERLIGHT_HOME=data       folder of the library and the models"
	@echo "  PAPERLIGHT_GPU=cuda        compile for a GPU: cuda, vulkan or metal; cpu goes back"

run: env ## Start Paperlight; the first time everything it needs is fetched and built
	@exec $(BIN)/paperlight serve

env: python ## Make the environment in .venv
	@$(PYTHON) .ci/environment.py

test: dev-env ## Run every test
	@.ci/system-packages
	@$(PYTEST)

check: dev-env ## Check style, formatting, types and import rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet . || { $(BIN)/ruff format --check .; exit 1; }
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q tests/test_structure.py

clean: ## Remove .venv and what tools cached; documents and models stay
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

dev-env: python
	@$(PYTHON) .ci/environment.py --dev

python:
	@test -n "$(PYTHON)" || { \
	echo "Paperlight needs Python 3.11 or newer; here it is: $$(python3 --version 2>&1)." >&2; \
	echo "Install one (apt install python3.11 python3.11-venv; brew install python@3.12)," >&2; \
	echo "or name it: make PYTHON=/path/to/python3 ..." >&2; exit 1; }
