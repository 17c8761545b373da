# make forecast         a .venv, the package and the main job on real data
# make test             the same .venv with the development extras, and the tests
# make test-long        the tests that take seconds each
# make test-jax         the tests of tcn on JAX
# make test-ray         the tests of workers on a Ray cluster
# make test-benchmarks  small runs of the benchmarks
# make test-tutorials   the commands of the tutorials
# make test-peers       the tests that need sktime or statsforecast
# make help             all targets

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
DATASET := bike_sharing
OUTPUT := output
PEERS := $(VENV)/peers
FORECAST := $(BIN)/tcn forecast $(DATASET) --output $(OUTPUT)

.DEFAULT_GOAL := help
.PHONY: help install forecast test test-long test-jax test-ray test-peers test-benchmarks test-tutorials lint docs bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.installed-dev ## .venv with the package (editable) and the development extras

forecast: $(VENV)/.installed ## fit, backtest and forecast a data set: make forecast DATASET=us_unemployment
	$(FORECAST)

test: $(VENV)/.installed-dev ## tests and doctests in two processes, with warnings as errors
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-long: $(VENV)/.installed-dev ## what takes seconds each: in browsers, in fresh processes, programs of pages
	$(BIN)/python -m pytest -n 2 --dist loadfile -m long tests

test-jax: $(VENV)/.installed-jax ## the tests and doctests of tcn with JAX under Keras instead of TensorFlow
	$(BIN)/python -m pytest -n 2 --dist loadfile -m '' -W '$(MET_HALF_WRITTEN)' tests/networks tcn

# Nearly all of their time is compiling. So little is optimized, and what is compiled is kept for the other process
# and the next run; what one process meets while the other is writing it, it compiles itself.
test-jax: export KERAS_BACKEND := jax
test-jax: export XLA_FLAGS := --xla_backend_optimization_level=0
test-jax: export JAX_COMPILATION_CACHE_DIR := $(CURDIR)/$(VENV)/jax-cache
test-jax: export JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS := 0
test-jax: export JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES := -1
test-jax: MET_HALF_WRITTEN := ignore:Error reading persistent compilation cache entry:UserWarning

test-ray: $(VENV)/.installed-ray ## the tests of workers and jobs on a local Ray cluster
	$(BIN)/python -m pytest -m '' tests/test_workers_ray.py tests/test_job_ray.py 'tests/test_benchmarks.py::test_it_prints_ratios[ray_workers]'

test-benchmarks: $(VENV)/.installed-dev ## small runs of the benchmarks
	$(BIN)/python -m pytest -m benchmarks tests/test_benchmarks.py

test-tutorials: $(VENV)/.installed-dev ## the commands of the tutorials, one after the other
	$(BIN)/python -m pytest -m tutorials tests/test_tutorial_commands.py

# They want a pandas below 3, which the other tests do not: so an environment of their own.
test-peers: $(VENV)/.installed-peers ## the tests that need sktime or statsforecast
	$(PEERS)/bin/python -m pytest -m '' tests/test_sktime.py tests/test_leaderboard.py \
		'tests/test_benchmarks.py::test_it_prints_ratios[sktime_checks]'

lint: $(VENV)/.installed-dev ## ruff, mypy and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.installed-dev ## the documentation site, in site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: $(VENV)/.installed-dev ## the benchmarks, or some: make bench ONLY="gaps coverage" DATA=folder; docs/measured.md has what they print
	$(BIN)/python benchmarks/_record.py $(ONLY) $(if $(DATA),--data "$(DATA)")

clean: ## remove what make and the tools produced, but not .venv and not forecasts
	rm -rf site dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# The stamps are written last, so an interrupted installation is taken up again. Each follows the one before: two pip
# runs in one .venv at a time would disturb each other. keras-tcn, whose results ours are compared with, has the same
# import name as this package: it gets a folder of its own, which only those tests look into. So does axe-core, a
# script that looks for what some readers could not use; it comes with a package that wants another browser.
$(VENV)/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed. Received: " + sys.version.split()[0] + ". Try: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	@echo "Installing into $(VENV): one to two minutes the first time"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "Installing the development extras"
	@$(PIP) --editable '.[dev]'
	@$(PIP) --no-deps --upgrade --target $(VENV)/keras-tcn keras-tcn==3.5.7
	@$(PIP) --no-deps --upgrade --target $(VENV)/axe axe-playwright-python==0.1.8
	@touch $@

$(VENV)/.installed-jax: $(VENV)/.installed-dev
	@echo "Installing JAX"
	@$(PIP) --editable '.[dev,jax]'
	@touch $@

$(VENV)/.installed-ray: $(VENV)/.installed-dev
	@echo "Installing Ray"
	@$(PIP) --editable '.[dev,ray]'
	@touch $@

$(VENV)/.installed-peers: $(VENV)/.installed
	@echo "Installing peers into $(PEERS)"
	@$(PYTHON) -m venv $(PEERS)
	@$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check \
		--editable '.[dev,sktime,stats]'
	@touch $@
