# Everything a newcomer or a contributor needs. Each target sets up .venv by itself when it is missing or stale.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
TOOLS := build/tools/.ready
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# make demo ARGS="--invoices 1000 --seed 3"
ARGS ?=

# Nothing here reports home.
export DAGSTER_DISABLE_TELEMETRY := 1
# Compiled once: without it each worker of the tests spends 6 s more on reading them.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo ui test lint check audit sbom bench proof clean lock

help: ## List the targets
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 …")'
	@test -x $(BIN)/python || { echo "Setting up .venv (about a minute, once) …"; $(PYTHON) -m venv .venv; }
	@$(PIP) install --no-deps --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(TOOLS): requirements-audit.lock
	@$(PYTHON) -m venv build/tools
	@build/tools/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --require-hashes -r $<
	@touch $@

demo: $(READY) ## Run every flow through Dagster on the built-in sandbox and reconcile both ledgers
	@$(BIN)/connector demo $(ARGS)

ui: $(READY) ## Open the Dagster UI on a living sandbox with history in it
	@$(BIN)/connector ui $(ARGS)

test: $(READY) ## Run all tests with branch coverage
	@$(BIN)/python -m pytest -n 3 --dist worksteal --cov --cov-report=term $(ARGS)

lint: $(READY) ## Format, lint, types, import contracts, Dagster definitions
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/dg check defs

check: lint test ## All that must pass before a commit

audit: $(READY) $(TOOLS) ## Look for known weaknesses in the code and in what it needs; check the hashes of the lock
	@$(BIN)/bandit --quiet --recursive --configfile pyproject.toml connector_defs
	@$(BIN)/python -m connector_tests.supply_chain lock
	@$(BIN)/python -m connector_tests.supply_chain weaknesses

sbom: $(READY) $(TOOLS) ## Write build/sbom.json, a CycloneDX bill of what is installed
	@$(BIN)/python -m connector_tests.supply_chain sbom build/sbom.json

bench: $(READY) ## Measure speed and memory as ratios to a floor of the same run
	@$(BIN)/python -m benchmarks $(ARGS)

proof: $(READY) ## Kill workers at every named point, under faults and in crowds, and compare the ledgers
	@$(BIN)/python -m connector_tests.proof $(ARGS)

lock: $(READY) ## Resolve requirements.lock anew from pyproject.toml (needs uv)
	@uv pip compile pyproject.toml --extra dev --generate-hashes --no-strip-extras --no-emit-index-url \
		--no-emit-find-links --no-header --universal --python-version 3.11 --quiet -o requirements.lock
	@$(BIN)/python -m connector_tests.supply_chain tools | uv pip compile - --generate-hashes --no-strip-extras \
		--no-emit-index-url --no-emit-find-links --no-header --universal --python-version 3.11 --quiet \
		-o requirements-audit.lock

clean: ## Remove everything that was made here, data included
	@rm -rf .venv .dagster build data .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache \
		*.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
