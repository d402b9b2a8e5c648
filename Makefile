# Each target makes its own environment (.venv) when there is none yet: uv when it is on PATH, else venv and pip.
# PYTHON=/path/to/python chooses the interpreter; ARGS="..." goes on to the command.

.DEFAULT_GOAL := help
.PHONY: help demo test faults bench bench-peers bench-plot check lint docs format lock clean setup

export PYTHON
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1
# Tests start hundreds of processes; without its bytecode each would compile all that it imports.
export PYTHONDONTWRITEBYTECODE :=
RUN := .venv/bin/python -m
WORKERS ?= 4
RESULTS ?= results.json
COMPILE = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--no-emit-index-url $(UPGRADE)

help: ## List what there is to do.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' Makefile

demo: setup ## See it work: the whole stack on a temporary home, a job with live bars; under a minute.
	@.venv/bin/orchestrator demo $(ARGS)

test: setup ## Run every test: units and real parts side by side, then real processes; under twenty minutes.
	@$(RUN) pytest -q -n $(WORKERS) --dist loadgroup tests/integration tests/unit $(ARGS)
	@$(RUN) pytest -q -n $(WORKERS) --dist loadgroup tests/acceptance $(ARGS)
	@$(RUN) pytest -q -n 2 --dist loadgroup -m quick tests/faults $(ARGS)

faults: setup ## Do to a stack all that can befall it; SEED=n does it again as it was. Some need root, and say so.
	@$(RUN) pytest -v -n 2 --dist loadgroup tests/faults $(if $(SEED),--seed=$(SEED)) $(ARGS)

bench: setup ## Measure all that needs no peer; under twenty minutes. ARGS="W1 --scale 0.1", or "--help".
	@$(RUN) benchmarks.run $(ARGS)

bench-peers: setup ## Measure it beside others of its kind, which are installed below .bench first.
	@$(RUN) benchmarks.run --peers=all $(ARGS)

bench-plot: setup ## Draw how it grows (W5) into docs, from RESULTS (what `--out` wrote); matplotlib comes on its own.
	@"$$($(RUN) benchmarks.environment plot)" -m benchmarks.plot $(RESULTS) docs

check: lint ## The fast gate: what `lint` does, and unit tests (generated documents among them).
	@$(RUN) pytest -q -n $(WORKERS) --dist loadgroup tests/unit

lint: setup ## Format, lint, types and layers.
	@$(RUN) ruff format --quiet --check || { echo 'not formatted: run make format'; exit 1; }
	@$(RUN) ruff check --quiet
	@$(RUN) pyright
	@.venv/bin/lint-imports --no-logo

docs: setup ## The documentation as a site, with a reference made from the code: build/docs/index.html
	@$(RUN) sphinx -q -W --keep-going -j auto -c docs . build/docs

format: setup ## Put the code in its form, and draw the state diagrams in the docs anew.
	@$(RUN) ruff format --quiet
	@$(RUN) ruff check --quiet --fix
	@$(RUN) orchestrator.domain.diagram --write docs/lifecycles.md

lock: ## Bring the requirements in step with pyproject.toml (needs uv; UPGRADE=--upgrade for the newest versions).
	@$(COMPILE) pyproject.toml --output-file requirements.txt >/dev/null
	@$(COMPILE) --group dev --constraint requirements.txt --output-file requirements-dev.txt >/dev/null

clean: ## Remove the environment and everything that tools have left.
	@rm -rf .venv .bench .pytest_cache .ruff_cache .hypothesis .import_linter_cache dist build
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

setup:
	@.ci/setup
