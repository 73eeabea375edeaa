# Two commands matter: `make demo` and `make test`. Everything they need, they install.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
VENV := .venv
PYTHON_BIN := $(VENV)/bin/python
export LEASEHOLD_LAB_DIR ?= $(CURDIR)/.lab
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: help setup hub lab-up lab-down lab-shell demo demo-down test test-unit test-integration test-lab test-faults test-contention test-crash test-stateful test-sources check sanity lint molecule bench-order bench-ledger bench-sources

help: ## What can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: ## Install what is needed: Debian packages, a virtual environment, the working tree as the collection
	@scripts/setup.sh $(VENV)

hub: setup ## The hub's kube-apiserver and etcd: found, or built once from their Go modules
	@$(PYTHON_BIN) -m lab.hub.binaries

lab-up: hub ## A data centre in a box, on loopback
	@$(PYTHON_BIN) -m lab up

lab-down: ## Take the lab away
	@$(PYTHON_BIN) -m lab down

lab-shell: ## A shell in a server's network: make lab-shell SERVER=r1-s01
	@$(PYTHON_BIN) -m lab shell $(or $(SERVER),r1-s01)

demo: setup ## A customer's cluster, carved out of a data centre, verified and handed over
	@scripts/demo.sh

demo-down: ## Remove every process, namespace and file the demo made
	@if [ -x $(PYTHON_BIN) ]; then $(PYTHON_BIN) -m lab down; fi

test: hub test-unit test-lab ## Unit tests, and end to end in labs of their own; check has the others

test-unit: setup
	@$(PYTHON_BIN) -m pytest -q -n 4 --dist worksteal tests/unit fulfillment/tests

test-integration: hub ## Actions and roles against real parts: PostgreSQL, Open vSwitch, Redfish, a hub
	@$(PYTHON_BIN) -m pytest -q -n 4 tests/integration tests/stateful

test-lab: hub
	@$(PYTHON_BIN) -m pytest -q -n 2 --dist loadfile tests/lab tests/e2e

test-faults: hub ## Every fault of the lab against an order, and what became of it
	@$(PYTHON_BIN) -m pytest -q -s tests/faults

test-contention: setup ## Scores of processes at one ledger, killed at random, on SQLite and PostgreSQL
	@$(PYTHON_BIN) -m pytest -q -s tests/contention

test-stateful: setup ## Random operations on the ledger beside a simple model of it; LEASEHOLD_STATEFUL_EXAMPLES says how many
	@$(PYTHON_BIN) -m pytest -q tests/stateful

test-sources: setup ## What every kind of source has to do, with a real Nautobot of the tests' own; LEASEHOLD_TEST_NETBOX_URL adds a NetBox
	@$(PYTHON_BIN) -m pytest -q -rs -n 2 --dist loadgroup tests/sources

test-crash: hub ## Create, scale and delete, killed after each task in turn: takes an hour
	@$(PYTHON_BIN) -m pytest -q -s tests/crash

check: test-integration ## Tests against real parts, sanity and unit tests on the oldest and the newest ansible-core, lint, molecule
	@$(MAKE) --no-print-directory -j 3 --output-sync=target lint sanity molecule

sanity: setup
	@scripts/sanity.sh

lint: setup
	@ansible-lint --offline --profile production

molecule: hub
	@cd extensions && molecule test --all

bench-order: hub ## An order's cost beside its floor
	@$(PYTHON_BIN) tests/benchmarks/order.py

bench-ledger: setup ## What the ledger costs with 1,000 to 100,000 servers, on SQLite and PostgreSQL
	@$(PYTHON_BIN) tests/benchmarks/ledger.py

bench-sources: setup ## What reading a source of truth costs, beside what users have, on a real Nautobot; LEASEHOLD_BENCH_LARGE=0: a small one
	@$(PYTHON_BIN) tests/benchmarks/sources.py
