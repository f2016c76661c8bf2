# Everything a newcomer needs. `make help` lists the targets.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
ARGS   ?=
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help run test test-long lint bench lock clean
.DELETE_ON_ERROR:

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

run: $(VENV)/run.stamp ## start MongoDB and the server with its demo hospital; make run ARGS="--port 9000"
	@exec $(BIN)/fhir-server run --open $(ARGS)

test: lint $(VENV)/javascript.stamp ## check the code and run the tests (a few minutes)
	$(BIN)/pytest -n 2 $(ARGS)

test-long: $(VENV)/dev.stamp ## run the tests that take minutes as well: all examples, kill -9, large Bundles
	$(BIN)/pytest -n 2 -m long $(ARGS)

lint: $(VENV)/dev.stamp ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/dev.stamp ## measure against the floors and print the table of benchmarks/README.md
	$(BIN)/python -m benchmarks $(ARGS)

lock: ## resolve the dependencies anew into the lock files (needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv: $(PYTHON) -m pip install uv"; exit 1; }
	uv pip compile $(LOCK) --group build pyproject.toml -o requirements.lock
	uv pip compile $(LOCK) --group build --group dev -c requirements.lock pyproject.toml -o requirements-dev.lock

clean: ## remove the environment and caches; ./data stays
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Releases younger than a week are left out: not every mirror has them yet, and bad ones are withdrawn by then.
LOCK := --quiet --universal --python-version 3.11 --exclude-newer "7 days" --generate-hashes --no-annotate \
        --custom-compile-command "make lock"

# Stamps: an environment is made anew when its lock or the project's metadata changed, else nothing runs.
$(VENV)/python.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1)."; \
		echo "Install one and say which: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "Python's venv module is missing. On Debian and Ubuntu: sudo apt-get install python3-venv"; exit 1; }
	@echo "Creating the environment in $(VENV); this takes a minute, once."
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/run.stamp: $(VENV)/python.stamp requirements.lock pyproject.toml
	@$(BIN)/pip install --quiet --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp requirements-dev.lock
	@$(BIN)/pip install --quiet --require-hashes -r requirements-dev.lock
	@touch $@

# The SMART JavaScript client that a test runs, with the Node.js among the development packages.
$(VENV)/javascript.stamp: $(VENV)/dev.stamp tests/clients/javascript/package-lock.json
	@echo "Installing the JavaScript client for its test."
	@cd tests/clients/javascript && PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --loglevel=error
	@touch $@
