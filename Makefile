# OpenCodeRouter. `make` lists the targets; each sets up what it needs, once.
.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# The first interpreter that is new enough; `make PYTHON=/path/to/python3 run` chooses one.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
PIN := uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header
ENGINE ?= $(firstword $(foreach p,podman docker,$(shell command -v $(p))))
IMAGE ?= opencoderouter
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 1580601600)
comma := ,
PROJECTS ?=
ARGS ?=
PYTEST_ARGS ?=

.PHONY: help run demo test workers check lint fix build image bench clean requirements

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' $(MAKEFILE_LIST) | expand -t 18

run: $(VENV)/.run ## start the router; PROJECTS="dir dir" serves these
	@$(BIN)/ocr-router serve $(ARGS) $(PROJECTS)

demo: $(VENV)/.run ## the same with two stand-in projects; OpenCode is not needed
	@$(BIN)/ocr-router demo $(ARGS)

test: $(VENV)/.dev ## pass the tests; a missing real part skips its tests
	$(BIN)/python -m pytest $(PYTEST_ARGS)

check: lint test workers ## all that CI checks: format, lint, types, imports, tests

workers: $(VENV)/.dev ## pass the proxy's tests again, but the browser's: on uvloop, with two processes
	$(BIN)/python -m pytest tests/wire/proxy -m "not browser" --loop uvloop --workers 2 $(PYTEST_ARGS)

lint: $(VENV)/.dev ## format, lint, types, imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(VENV)/.dev ## format, and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

build: $(VENV)/.dev ## make wheel and sdist in dist/
	$(BIN)/python -m build --no-isolation --outdir dist .

# All files of the image get the time of the last commit, so that it is the same image every time.
image: ## build the container image "opencoderouter"; ENGINE=docker: not with podman
	@test -n "$(ENGINE)" || { echo "podman or docker is needed"; exit 1; }
	@echo "==> $(IMAGE), by $(ENGINE), as of $$(date --date=@$(SOURCE_DATE_EPOCH) +%FT%T%z)"
	@DOCKER_BUILDKIT=1 $(ENGINE) build --file Containerfile --tag $(IMAGE) \
		--build-arg SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) \
		$(if $(findstring podman,$(ENGINE)),--timestamp $(SOURCE_DATE_EPOCH)) \
		$(if $(SSL_CERT_FILE),--secret id=ca$(comma)src=$(SSL_CERT_FILE)) $(ARGS) .

bench: $(VENV)/.run ## measure beside other proxies: bench/RESULTS.md (20 minutes; ARGS=--quick: 3)
	$(BIN)/python -m bench $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SECONDS_EACH),--seconds $(SECONDS_EACH)) $(ARGS)

clean: ## remove what the targets made
	rm -rf $(VENV) dist build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage

requirements: ## pin the dependencies anew (needs uv)
	$(PIN) -o requirements/run.txt pyproject.toml
	$(PIN) --group build -c requirements/run.txt -o requirements/build.txt
	$(PIN) --group image -c requirements/run.txt -c requirements/build.txt -o requirements/image.txt
	$(PIN) --group dev -o requirements/dev.txt pyproject.toml

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; found: $$(python3 --version 2>&1)"; exit 1; }
	@echo "==> $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "python -m venv failed; on Debian: apt-get install python3-venv"; exit 1; }

$(VENV)/.run: requirements/run.txt requirements/build.txt pyproject.toml | $(BIN)/python
	@echo "==> what the router needs (about 20 seconds)"
	@$(PIP) install -q --require-hashes -r requirements/run.txt -r requirements/build.txt
	@$(PIP) install -q --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run | $(BIN)/python
	@echo "==> what the tests need (about a minute)"
	@$(PIP) install -q --require-hashes -r requirements/dev.txt
	@touch $@
