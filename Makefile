# Maillage, from a clean clone: `make run` tries it, `make test` proves it. This file is the documentation of both.
#
# All that a machine must have is make and Python ≥ 3.11 (PYTHON=… names one). Everything is put in .venv and demo/ beside this
# file; `git clean -xdf` takes it all away again.

PORT ?= 8080
LANES ?= 1
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

bin := .venv/bin
bootstrap := $(PYTHON) -m deploy.bootstrap

.PHONY: help setup run federation check test bench soak lock python
.DEFAULT_GOAL := help

help: ## show these lines
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 16

setup: python ## make the Python environment (.venv) from the locked packages
	@$(bootstrap)

run: setup ## a demo node with its samples on http://127.0.0.1:8080 (PORT=… for another port)
	@$(bin)/python -m deploy.demo --port $(PORT)

federation: python ## three nodes that follow each other, each with its own RabbitMQ, on ports 8081 to 8083 (PORT=… for others)
	@$(bootstrap) --dev --servers
	@$(bin)/python -m deploy.federation --port $(if $(filter 8080,$(PORT)),8081,$(PORT))

check: python ## lint, types, contracts between rooms, lock, docs
	@$(bootstrap) --dev
	$(bin)/ruff check .
	$(bin)/ruff format --check .
	$(bin)/mypy
	$(bin)/lint-imports --no-logo
	$(bin)/pytest tests/house

test: python ## all tests, on real RabbitMQ, PostgreSQL, Chromium and libfaketime (from Debian when absent; LANES=2: two at a time)
	@$(bootstrap) --dev --servers
	$(bin)/pytest $(if $(filter 2,$(LANES)),-n 2 --dist loadgroup --no-loadscope-reorder) $(TESTS)

bench: python ## measure and compare with the bare libraries (FULL=1 for all sizes)
	@$(bootstrap) --dev --servers
	$(bin)/python -m benchmarks $(if $(FULL),--full)

soak: python ## the tests of faults at length, and the table of docs/faults.md from what they counted
	@$(bootstrap) --dev --servers
	MAILLAGE_SOAK=1 $(bin)/pytest $(or $(TESTS),tests/faults tests/federation/test_three.py \
		tests/federation/lane/test_hostile.py tests/flows/test_outage.py) -s --timeout 3600
	@$(bin)/python -m deploy.build.docs

lock: python ## write the lock files anew from pyproject.toml (needs uv)
	uv pip compile --quiet --universal --generate-hashes --python-version 3.11 pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --extra dev -c requirements.lock \
		pyproject.toml -o requirements-dev.lock

python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 ou plus récent est nécessaire : sudo apt install python3 python3-venv, ou PYTHON=…" >&2; \
		echo "Python 3.11 or newer is needed: sudo apt install python3 python3-venv, or PYTHON=…" >&2; exit 1; }
