# Everything starts from python3 and make alone: each target builds what it needs first.
PYTHON ?= python3
UV ?= uv
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation
STAMP := $(VENV)/.ready

.PHONY: help demo test lint bench soak soak-parts env lock clean

help:  ## Say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(STAMP)  ## Bring the lab up, deploy, knock, look, roll back
	@tools/ensure-system demo
	@tools/in-lab $(BIN)/python -m knockctl.lab.demo

test: $(STAMP) lint  ## Lint, types, contracts, and all tests
	@tools/ensure-system test
	@tools/in-lab tools/run-tests $(BIN)

lint: $(STAMP)  ## ruff, mypy, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=.:vendors $(BIN)/lint-imports

bench: $(STAMP)  ## Benchmarks, each with its ratio
	@tools/ensure-system test
	@tools/in-lab $(BIN)/pytest tests/bench -m bench -s

soak: $(STAMP)  ## The full counts, by part: PART=name; FRESH=1 runs what has passed, too
	@tools/ensure-system test
	@tools/in-lab $(BIN)/python -m tests.soak $(if $(FRESH),--fresh) $(PART)

soak-parts: $(STAMP)  ## Name the parts of the soak, and which have passed
	@$(BIN)/python -m tests.soak list

env: $(STAMP)  ## Build the environment in .venv

$(STAMP): requirements.lock pyproject.toml
	@tools/ensure-system python $(PYTHON)
	$(PYTHON) -m venv --clear $(VENV)
	@# What comes as source is built by the locked setuptools, not by whatever is the newest one.
	@sed -n '/^setuptools==/,/[^\\]$$/p' requirements.lock >$(VENV)/build.lock
	$(PIP) --require-hashes -r $(VENV)/build.lock
	$(PIP) --require-hashes -r requirements.lock
	$(PIP) --no-deps -e .
	@touch $@

lock:  ## Bring the lock up to date with pyproject.toml (needs uv; UV=... names another)
	$(UV) pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
		--no-strip-extras --no-emit-index-url --no-annotate --no-header --quiet --output-file requirements.lock

clean:  ## Remove what was built here
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .import_linter_cache .pytest_cache .hypothesis .coverage
