# demo · bookshelf · init · check · run · test · verify: each makes .venv on first use; nothing but Python 3.11+ and make is needed before.
.DEFAULT_GOAL := help
.PHONY: help init check demo bookshelf run test verify lint

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
BIN := .venv/bin
unexport PYTHONDONTWRITEBYTECODE  # some machines set it; dozens of processes of the tests would compile everything anew
PIP := $(BIN)/pip --quiet --disable-pip-version-check install --require-hashes

help:
	@echo "make demo       the portal with stand-in providers, on http://localhost:8000"
	@echo "make bookshelf  an application with the portal in it, with stand-in providers, on the same address"
	@echo "make init       write portal.toml, and print what to enter at the providers"
	@echo "make check      try everything that portal.toml says"
	@echo "make run        the portal with your own providers, from portal.toml or the environment"
	@echo "make test       lint, types and tests, in a minute and a half at most"
	@echo "make verify     everything at full size: races, soak, browser"

demo: .venv/runtime
	@$(BIN)/python manage.py demo

bookshelf: .venv/runtime
	@$(BIN)/python manage.py bookshelf

init: .venv/runtime
	@$(BIN)/python manage.py init

check: .venv/runtime
	@$(BIN)/python manage.py check

run: .venv/runtime
	@$(BIN)/python manage.py run

lint: .venv/development
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy

test: lint
	@$(BIN)/pytest -m "not full"

verify: lint
	@PORTAL_TEST_FULL=1 $(BIN)/pytest -m "not alone"
	@PORTAL_TEST_FULL=1 $(BIN)/pytest -m alone --numprocesses=0

.venv/runtime: requirements.txt
	@test -n "$(PYTHON)" || { echo "The portal needs Python 3.11 or newer; install it, or name it: make PYTHON=/path/to/python"; exit 2; }
	@echo "Installing into .venv (once)"
	@$(PYTHON) -m venv .venv || { echo "Python has no venv here; on Debian and Ubuntu: apt-get install python3-venv"; exit 2; }
	@$(PIP) -r requirements.txt
	@touch $@

.venv/development: .venv/runtime requirements-dev.txt
	@$(PIP) -r requirements-dev.txt
	@touch $@
