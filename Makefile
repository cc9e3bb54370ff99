# Two commands do everything on a fresh machine: `make relay` and `make test`.
# Arguments for the relay: make relay ARGS='--listen :443'

# The first interpreter that is new enough; say PYTHON=/path/to/python to choose one.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { command -v $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
ARGS ?=
JOBS ?= 3
LANES := -n $(JOBS) --dist worksteal

.PHONY: relay test unit lint interop image bench loop-cost fuzz reference clean

relay: $(VENV)/.relay
	@exec $(BIN)/tailhub relay $(ARGS)

# JOBS tests at a time, which wait more than they compute: three keep two cores busy. Each has ports, directories,
# namespaces and machines of its own. A lane that has no more takes over what is left of another's.
test: $(VENV)/.test lint
	$(BIN)/python -m pytest $(LANES)

unit: $(VENV)/.test
	$(BIN)/python -m pytest $(LANES) tests/unit

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Programs of the original, built with Go, against ours: see docs/interop.md. Without Go each is skipped and says why.
interop: $(VENV)/.test
	$(BIN)/python -m pytest -m '' -rs tests/interop

# The container image, built and run without a container engine: root, and Debian's buildah and debootstrap. Then the
# how-to pages' commands for one, by podman: Debian's podman, podman-compose, crun, netavark, aardvark-dns.
image: $(VENV)/.test
	$(BIN)/python -m pytest -m image -rs tests/integration/test_image.py tests/integration/test_how_to_containers.py

# The table is printed; bench/results/ gets every trial as JSON, the table as Markdown, and charts.
bench: $(VENV)/.bench
	@mkdir -p bench/results
	$(BIN)/python -m bench --json bench/results/trials.json --markdown bench/results/table.md $(ARGS)
	$(BIN)/python -m bench.charts bench/results/trials.json bench/results
	$(BIN)/python -m bench.import_cost
	$(BIN)/python -m bench.presence

# What a packet costs in calls, byte codes and instructions, against what is recorded: no timing, so noise is no matter.
loop-cost: $(VENV)/.test
	$(BIN)/python -m bench.loop.cost $(ARGS)

fuzz: $(VENV)/.test
	@for target in tests/fuzz/*.py; do echo "$$target"; $(BIN)/python $$target || exit 1; done

reference: $(VENV)/.test
	$(BIN)/python docs/make_reference.py
	$(BIN)/python deploy/grafana/make_dashboard.py

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	found=$$("$(or $(PYTHON),python3)" --version 2>/dev/null || echo none); \
	echo "tailhub needs Python 3.11 or newer; found $$found. \
	On Debian 12 or Ubuntu 24.04: sudo apt install python3 python3-venv" >&2; exit 1; }
	@"$(PYTHON)" -m venv $(VENV) || { rm -rf $(VENV); echo "Python cannot make a virtual environment here. \
	On Debian or Ubuntu: sudo apt install python3-venv" >&2; exit 1; }

$(VENV)/.relay: pyproject.toml | $(BIN)/python
	$(PIP) --editable .
	@touch $@

$(VENV)/.bench: pyproject.toml $(VENV)/.test
	$(PIP) --editable '.[test,bench]'
	@touch $@

$(VENV)/.test: pyproject.toml | $(BIN)/python
	$(PIP) --editable '.[test]'
	@touch $@ $(VENV)/.relay
