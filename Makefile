# What a developer and CI run. `make` alone lists the targets; each makes the virtual environment first when it is missing
# or when requirements.lock has changed.
#
#   make test VENV=/path/to/venv            uses (or makes) an environment elsewhere
#   make test ARGS="-k fold"                passes arguments to pytest
#   make venv TORCH_INDEX=https://download.pytorch.org/whl/cpu
#                                           takes torch from there; on Linux, PyPI's own build brings gigabytes of CUDA

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help venv lock proto stubs buf buf-baseline check test demo serve clean

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
TORCH_INDEX ?=
DATA_DIR ?= data
PORT ?= 50051
ARGS ?=

BIN := $(abspath $(VENV))/bin
PY := $(BIN)/python
# The stamp's name holds the checksum of the lock and of the kernels, so that file times (a checkout, a cached CI folder) do
# not matter, and this folder's, since the installed package points here.
KERNELS := feedrank/kernels
STAMP := $(VENV)/.installed-$(shell { cat requirements.lock $(KERNELS)/*.c $(KERNELS)/*.h $(KERNELS)/*.inc; pwd; } | cksum | cut -d' ' -f1)
TORCH := $(shell grep -oE 'torch==[0-9.]+' requirements.lock)

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 18

venv: $(STAMP) ## the virtual environment, exactly as requirements.lock says

# torch comes first and alone: with it there, nothing else can make pip look for another build.
$(STAMP): | requirements.lock
	@test -x $(PY) || { echo "Making $(VENV) with $(PYTHON)"; $(PYTHON) -m venv $(VENV); }
	@echo "Installing $(TORCH) and requirements.lock into $(VENV): about 600 MB, a few minutes on a slow line"
	@$(PY) -m pip install --quiet $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) $(TORCH)
	@$(PY) -m pip install --quiet --requirement requirements.lock
	@rm -f $(KERNELS)/_native*.so # a build that fails must not leave an older one in place
	@$(PY) -m pip install --quiet --no-deps --no-build-isolation --editable .
	@ls $(KERNELS)/_native*.so >/dev/null 2>&1 || echo "No C compiler worked: feedrank runs in NumPy, several times slower"
	@$(PY) -m pip check
	@rm -f $(VENV)/.installed-* && touch $@

lock: ## resolves pyproject.toml anew into requirements.lock
	rm -rf .cache/lock
	$(PYTHON) -m venv .cache/lock
	.cache/lock/bin/python -m pip install --quiet $(TORCH)
	.cache/lock/bin/python -m pip install --quiet --editable '.[dev,science]'
	{ grep '^#' requirements.lock; .cache/lock/bin/python -m pip freeze --all --exclude pip --exclude feedrank | sed 's/+cpu$$//'; } > .cache/requirements.lock
	mv .cache/requirements.lock requirements.lock && rm -rf .cache/lock

# $(call generate,FOLDER) writes the stubs of protos/ under FOLDER. log.proto declares no service.
define generate
$(PY) -m grpc_tools.protoc -Iprotos --python_out=$(1) --pyi_out=$(1) protos/feedrank/v1/*.proto
$(PY) -m grpc_tools.protoc -Iprotos --grpc_python_out=$(1) protos/feedrank/v1/feedrank.proto
endef

proto: $(STAMP) ## generates feedrank/v1 from protos/
	rm -f feedrank/v1/*_pb2*
	$(call generate,.)

stubs: $(STAMP) ## fails if feedrank/v1 is not what protos/ generates
	@rm -rf .cache/stubs && mkdir -p .cache/stubs
	@$(call generate,.cache/stubs)
	@diff --recursive --brief --exclude=__init__.py --exclude=__pycache__ .cache/stubs/feedrank/v1 feedrank/v1 \
	  || { echo "feedrank/v1 has drifted from protos/: run 'make proto' and commit the result"; exit 1; }
	@echo "feedrank/v1 is what protos/ generates"

BUF_VERSION := 1.75.0
BUF_DIR := .cache/buf-$(BUF_VERSION)
BUF := $(BUF_DIR)/node_modules/.bin/buf

$(BUF):
	@npm install --prefix $(BUF_DIR) --no-save --no-package-lock --ignore-scripts --no-audit --no-fund --loglevel=error \
	  --fetch-retries=1 --fetch-timeout=30000 @bufbuild/buf@$(BUF_VERSION)

# The baseline is a file and not a commit, so that a shallow clone or an archive can be checked as well.
buf: $(BUF) ## lints protos/ and compares it with the contract as last released (needs npm)
	@$(BUF) lint
	@$(BUF) breaking --against protos/baseline.binpb
	@echo "protos/: buf lint and buf breaking are green"

buf-baseline: $(BUF) ## makes the present protos/ the released contract; for releases, with a CHANGELOG line
	$(BUF) build --exclude-source-info --output protos/baseline.binpb

check: $(STAMP) ## format, lint, types, architecture, warnings in C, stubs, contract
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(PY) -m mypy feedrank tests $(wildcard scripts/*.py scripts/evidence/*.py scripts/benchmarks/*.py)
	$(BIN)/lint-imports --no-logo
	@if command -v cc > /dev/null; then cc -fsyntax-only -std=gnu11 -O3 -Wall -Wextra -Wno-psabi -Werror \
	  -I$$($(PY) -c 'import sysconfig; print(sysconfig.get_path("include"))') $(KERNELS)/*.c; fi
	@$(MAKE) --no-print-directory stubs
	@if ! command -v npx > /dev/null; then echo "buf: skipped, there is no npx on the PATH"; \
	elif ! $(MAKE) --no-print-directory $(BUF); then echo "buf: skipped, npm could not install it"; \
	else $(MAKE) --no-print-directory buf; fi

test: $(STAMP) ## every test; those on public data sets run where FEEDRANK_TEST_DATA names their folder
	$(PY) -m pytest --numprocesses=2 --dist=loadfile $(ARGS)

demo: $(STAMP) ## a simulated news world, from its log to a personalised feed
	$(PY) scripts/demo.py

serve: $(STAMP) ## the service on DATA_DIR (data) and PORT (50051)
	$(PY) -m feedrank serve --data-dir $(DATA_DIR) --port $(PORT)

clean: ## removes caches and build leftovers; keeps .venv, data/ and models/
	rm -rf .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist *.egg-info
	find $(wildcard feedrank scripts tests) -name __pycache__ -type d -prune -exec rm -rf {} +
