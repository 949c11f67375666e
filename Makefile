# Each verb sets up what it needs; `make demo` and `make test` are all that a new machine takes.
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
ROOT_APT = { command -v apt-get >/dev/null \
  || { echo "$(1) is missing: install it with your system's package manager" >&2; exit 1; }; \
  apt-get install -y -qq $(1) || { apt-get update -qq && apt-get install -y -qq $(1); }; }

.PHONY: help setup parts demo test test-mixed check lint unit up down status bench openapi lock conformance clean

help:
	@echo "make demo     a cluster of real engines on this machine, and the tour (then: make down)"
	@echo "make test     everything that is checked, on real engines"
	@echo "make test-mixed  the clients' tests again, over engines of two generations"
	@echo "make check    lint, types, import rules, unit tests: under a minute"
	@echo "make up|down|status   the cluster of the demo, without the tour; prints Consul's page and the edge"
	@echo "make setup    only .venv, with the swarm command in it;   make parts  dockerd, Consul and proxies, too"
	@echo "make bench    measure the manager over simulated engines"
	@echo "make conformance  the same 700 calls to an engine and to the cluster, as a table"
	@echo "make openapi  write openapi/ anew;   make lock  pin the dependencies anew"

setup: .venv/.ready

.venv/.ready: requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  || $(call ROOT_APT,python3 python3-venv)
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# dockerd, Consul and what else a local cluster is made of: from PATH, else from the system's packages.
parts: setup
	@$(BIN)/python -m lab install >/dev/null

demo: parts
	@$(BIN)/python -m lab.demo

up: parts
	@$(BIN)/python -m lab up

# What ends a lab needs no newer .venv, which would be made under the feet of what runs.
down: | $(BIN)/python
	@$(BIN)/python -m lab down

status: | $(BIN)/python
	@$(BIN)/python -m lab status

$(BIN)/python:
	@$(MAKE) --no-print-directory setup

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

unit: setup
	$(BIN)/pytest -q tests/unit

check: lint unit

# A shared machine stalls for seconds now and then. What failed runs once more, in a new process and
# with engines of its own; the log has both, and what fails twice fails.
TEST = $(BIN)/pytest -q $(1) || { [ $$? -eq 1 ] && echo "What failed, once more and by itself:" \
  && $(BIN)/pytest -q --last-failed --last-failed-no-failures none $(1) -n 0; }

# What waits most of the time runs beside other files; a file is never divided. The tests of the one
# lab come one after the other: they also look at how soon something happens.
test: lint parts
	$(call TEST,-n 3 --dist loadfile tests/unit tests/contract)
	$(call TEST,-n 2 --dist loadfile tests/conformance tests/integration/apart)
	$(call TEST,tests/integration --ignore tests/integration/apart)

# The same tests of clients, over engines of two generations.
test-mixed: parts
	SWARM_TEST_ENGINES=mixed $(BIN)/pytest -q tests/integration/test_docker_py_*.py \
	  tests/integration/test_compose*.py tests/integration/test_old_clients.py \
	  tests/integration/test_run.py tests/integration/test_lifecycle.py

openapi: setup
	$(BIN)/python -m openapi.export

# Options: CONFORMANCE='--engine 26.1 --only networks'
conformance: parts
	@$(BIN)/python tests/conformance $(CONFORMANCE)

bench: setup
	@command -v wrk >/dev/null && command -v go >/dev/null || $(call ROOT_APT,wrk golang-go)
	$(BIN)/python bench/bench --no-classic $(BENCH) \
	  --subject 'swarm=$(CURDIR)/$(BIN)/swarm manage -H tcp://{listen} --strategy spread {discovery}'

LOCK = $(BIN)/pip-compile -q --generate-hashes --allow-unsafe --strip-extras --no-header \
  --no-emit-index-url --no-emit-trusted-host --no-emit-find-links
lock: setup
	$(BIN)/python -m pip install -q pip-tools
	$(LOCK) -o requirements.lock pyproject.toml
	$(LOCK) --extra dev -o requirements-dev.lock pyproject.toml

clean: down
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
