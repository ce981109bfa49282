# GNU make 4.3 and Python 3.11+ with its venv module are all that is needed.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
KILLS ?= 1000
PYTEST_ARGS ?= -n 4 --dist loadgroup

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
STAMP_DEV := $(VENV)/.stamp-dev
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
COMPILE = $(PYTHON) -m uv pip compile pyproject.toml --quiet --generate-hashes --universal \
	--no-header --no-emit-index-url --extra build

JUDGES = apt-get install --yes --no-install-recommends xmlsec1 softhsm2 chromium

title = @printf '\n== %s ==\n' '$(1)'

.PHONY: help venv venv-dev demo serve judges test bench chaos lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sort | \
		sed -E 's/^([a-z-]+):.*## +/\1\t/' | while IFS='	' read -r name what; do \
		printf '  make %-10s %s\n' "$$name" "$$what"; done

venv: $(STAMP)  ## install what the gateway needs to run into .venv

venv-dev: $(STAMP_DEV)  ## the same, with what tests and benchmarks need

demo: $(STAMP)  ## 560 dossiers to a simulated portal with faults, and a comparison of both sides
	$(BIN)/lienthong demo

serve: $(STAMP)  ## the demo, left running with its API, a key and commands to try
	$(BIN)/lienthong demo --serve

# Strangers who judge our signatures and look at our pages. Where they cannot be had the tests say what nobody judged.
judges:
	@command -v xmlsec1 >/dev/null && command -v softhsm2-util >/dev/null && command -v chromium >/dev/null || \
		{ command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] && \
		timeout 400 sh -c '$(JUDGES) || { apt-get update && $(JUDGES); }' >/dev/null 2>&1; } || \
		echo 'without xmlsec1, softhsm2 and chromium some tests are skipped: apt-get install xmlsec1 softhsm2 chromium'

test: judges $(STAMP_DEV)  ## lint, types, import rules, tests: stops at the first that fails
	$(call title,lint (ruff check))
	@$(BIN)/python -m ruff check .
	$(call title,format (ruff format --check))
	@$(BIN)/python -m ruff format --check .
	$(call title,types (mypy))
	@$(BIN)/python -m mypy
	$(call title,imports (floors and doors))
	@$(BIN)/python -m pytest --no-header tests/architecture/test_imports.py
	$(call title,tests (pytest))
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

bench: $(STAMP_DEV)  ## throughput, latency, recovery: takes minutes
	$(BIN)/python -m bench

chaos: $(STAMP_DEV)  ## kill processes at random moments, KILLS=1000 times
	KILLS=$(KILLS) $(BIN)/python -m pytest tests/chaos -m chaos_long --timeout=0

lock:  ## resolve both lock files anew (needs uv: pip install uv)
	$(COMPILE) --upgrade -o requirements.lock
	$(COMPILE) --upgrade --extra dev --extra bench -c requirements.lock -o requirements-dev.lock

clean:  ## remove .venv, caches and demo output
	rm -rf $(VENV) .demo .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'Python 3.11 or newer is needed; name it: make PYTHON=python3.12 …' >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo 'Could not create .venv: this Python lacks venv or ensurepip.' >&2; \
		echo 'On Debian or Ubuntu: apt-get install python3-venv; then run make again.' >&2; exit 1; }

$(STAMP): requirements.lock pyproject.toml | $(BIN)/python
	@echo 'installing the gateway into .venv'
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(STAMP_DEV): requirements-dev.lock $(STAMP)
	@echo 'installing the development tools into .venv'
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@
