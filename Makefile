# `make` or `make help` lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Side by side, a thread each; the tests of a file stay together, as they share what takes long to make.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n logical --dist loadfile

.DEFAULT_GOAL := help

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

install: $(VENV)/installed  ## make .venv and install the package with its development tools

# Done again only when pyproject.toml has changed.
$(VENV)/installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	touch $@

run: install  ## compare LKCA with attention on 500 of scikit-learn's digits, in two minutes
	$(BIN)/python -m lkca_exp -m +experiment=digits_scarce

study: install  ## run the study NAME=kernel_size, ARGS='data=digits' if wanted, and write experiments/kernel_size
	$(BIN)/python -m lkca_exp -m +experiment=$(NAME) $(ARGS)
	$(if $(ANALYSE),$(BIN)/python -m lkca_exp.analysis run runs/$(NAME))
	$(BIN)/python -m lkca_exp.study $(NAME) $(ARGS)

test: install  ## check style and types, run the tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy lkca_exp hydra_plugins
	$(PYTEST)

# One by one, so that no worker is idle while another has a file of long ones left.
test-slow: install  ## run the tests that take long
	$(PYTEST) --dist worksteal -m slow

# Needs no install, as a machine with a GPU may have no network: PYTHON has torch, WHEELS is a folder where the wheels
# that it lacks are unpacked (docs/gpu.md).
GPU_PYTHON := PYTHONPATH=$(CURDIR)$(if $(WHEELS),:$(abspath $(WHEELS))) $(PYTHON)

gpu:  ## on a machine with a GPU: what is only true there, in ten minutes
	$(GPU_PYTHON) -m pytest -m gpu tests/gpu
	$(GPU_PYTHON) -m lkca_exp.bench gpu --json gpu.json --markdown gpu.md

compare: install  ## train: is every number as stored, or with REF=COMMIT as there?
	$(BIN)/python -m tests.compare $(REF) $(WITH)

bench: install  ## measure the training loop on this machine, which should be idle
	$(BIN)/python -m lkca_exp.bench train

clean:  ## remove .venv and caches; runs and data stay
	rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache .hypothesis

.PHONY: help install run study test test-slow gpu compare bench clean
