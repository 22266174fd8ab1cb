# The two commands are `make demo` and `make test`. Each sets up all it needs in .venv, from the lock, and runs.
# `make help` lists the rest. `make PYTHON=/path/to/python3.12 test` chooses the interpreter of a new .venv.

VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
UV_VERSION := 0.13.9

export PYTHON
# What a surrounding shell puts on the module path is not part of what is checked.
unexport PYTHONPATH PYTHONHOME
# The tests start hundreds of programs; without bytecode files each would compile all of its modules again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test venv lint format types protos tests soak bench bench-postgres generate lock clean

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' Makefile | \
		while IFS='|' read -r name text; do printf '  make %-15s %s\n' "$$name" "$$text"; done

demo: $(READY) ## Run the flights example end to end (ARGS=--full loads the whole year)
	$(PY) -m examples.flights.demo $(ARGS)

test: lint types protos ## Run every check: lint, format, types, protos, tests
	@$(MAKE) --no-print-directory tests

venv: $(READY) ## Set up .venv

lint: $(READY) ## Check lint rules and formatting
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

format: $(READY) ## Format the code and fix what can be fixed
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

types: $(READY) ## Check types
	$(PY) -m mypy

protos: $(READY) ## Lint the .proto files
	$(VENV)/bin/buf lint protos

# Tests of servers wait as long as they compute, so there are more processes than two processors need. The files are
# taken in their order, the long ones of `conformance` and `integration` first: by their number of tests, as it is
# without the last option, the longest tests of all came last and alone.
tests: $(READY) ## Run the tests (ARGS="-k name" chooses)
	$(PY) -m pytest -m "not soak" --numprocesses 3 --dist loadfile --no-loadscope-reorder $(ARGS)

soak: $(READY) ## Run the tests that take minutes
	$(PY) -m pytest -m soak $(ARGS)

bench: $(READY) ## Measure the broker beside asyncpg and apsw (some minutes; ARGS="--only insert")
	@$(PY) -m benchmarks $(ARGS)

bench-postgres: $(READY) ## Measure the PostgreSQL adapter beside asyncpg (some minutes)
	PYTHONPATH=tests $(PY) -m benchmarks.postgres_adapter $(ARGS)

generate: $(READY) ## Make the generated code again, after a change of a .proto file
	$(PY) protos/generate.py

# The locks hold versions and hashes for every supported Python, on Linux and macOS.
lock: $(READY) ## Make both lock files again, after a change of the dependencies (ARGS=--upgrade: newest versions)
	@tools=$$(mktemp -d) && trap 'rm -rf "$$tools"' EXIT && \
	$(PY) -m venv "$$tools" && "$$tools/bin/pip" install --quiet --disable-pip-version-check uv==$(UV_VERSION) && \
	lock() { "$$tools/bin/uv" pip compile --quiet --universal --python-version 3.11 \
		--generate-hashes --no-header --no-emit-index-url "$$@"; } && \
	lock pyproject.toml --extra dev --output-file requirements-dev.lock $(ARGS) && \
	lock pyproject.toml --extra all --constraints requirements-dev.lock --output-file deploy/requirements.lock

clean: ## Remove .venv and everything that the checks leave behind
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml requirements-dev.lock .ci/venv
	@.ci/venv $(VENV)
	@touch $@
