# Everything needs only python3 >= 3.11, make and git; the environments are made on first use under .venvs/.
PYTHON ?= python3
CORE := .venvs/core/bin
AIRFLOW := .venvs/airflow/bin
PREFECT := .venvs/prefect/bin
PREFECT_SCALE := .venvs/prefect-scale/bin
# For environments whose packages are too old for the embedded platform.
PLATFORM := DATALAKE_OPS_PLATFORM_PYTHON=$(CURDIR)/$(CORE)/python
PACKAGES := datalake_ops airflow_provider prefect_tasks
SOURCES := $(PACKAGES) example_dags tests benchmarks scripts

# The longest first, so that none is left over at the end. Each mostly waits: four keep two processors busy.
SUITES := test-core test-prefect-processes test-airflow-processes test-prefect test-airflow test-prefect39 test-airflow31 \
	test-airflow211 test-celery test-picsellia test-prefect-scale
JOBS ?= 4
CORE_TESTS := tests --ignore tests/airflow --ignore tests/prefect --ignore tests/picsellia
AIRFLOW_TESTS := tests/airflow --ignore tests/airflow/celery
PREFECT_TESTS := tests/prefect --ignore tests/prefect/scale
# One report per suite, from which the slowest tests are listed.
REPORTS := build/tests
REPORT = --junitxml=$(REPORTS)/$@.xml
# Make 4 shows what a target says in one piece; older ones mix it.
WHOLE := $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)

.DEFAULT_GOAL := help
.PHONY: help setup setup-core services compile demo serve check format-check format lint types contracts test test-quick test-core \
	test-airflow test-airflow-processes test-airflow31 test-airflow211 test-celery \
	test-prefect test-prefect-processes test-prefect39 test-prefect-scale test-picsellia soak coverage bench build clean

help: ## List everything make can do here
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | awk -F '\t' '{printf "  make %-16s %s\n", $$1, $$2}'

setup: ## Make the environments of the demo (.venvs/core, airflow, prefect); a second run does nothing
	@$(PYTHON) scripts/setup.py core airflow prefect

setup-core:
	@$(PYTHON) scripts/setup.py core

# The tests with real processes have Redis and PostgreSQL, installed where root has apt-get.
services:
	@$(PYTHON) scripts/services.py

compile: ## Refresh requirements/*.txt to the newest versions that fit
	@$(PYTHON) scripts/setup.py --compile --upgrade

demo: setup ## Run one pipeline as an Airflow DAG and as a Prefect flow on real photographs (IMAGES=dir, KEEP=1)
	@$(CORE)/datalake-ops demo $(if $(IMAGES),--images "$(IMAGES)") $(if $(filter-out 0,$(KEEP)),--keep)

serve: setup-core ## Serve the embedded platform on 127.0.0.1 (PORT=8000, HOME_DIR=.demo/serve)
	@$(CORE)/datalake-ops serve --port $(or $(PORT),8000) --home "$(or $(HOME_DIR),.demo/serve)"

check: setup format-check lint types contracts test ## What CI runs: format, lint, types, import contracts, tests

format-check: setup-core
	$(CORE)/ruff format --check .

format: setup-core ## Format the code and sort its imports
	$(CORE)/ruff check --select I --fix --quiet .
	$(CORE)/ruff format .

lint: setup-core ## Lint
	$(CORE)/ruff check .

types: setup ## Check types, each package in the environment it runs in
	$(CORE)/mypy datalake_ops scripts
	$(AIRFLOW)/mypy --cache-dir .mypy_cache/airflow airflow_provider
	$(PREFECT)/mypy --cache-dir .mypy_cache/prefect prefect_tasks

contracts: setup-core ## Check which package may import which
	$(CORE)/lint-imports

test: setup services ## Run every test, each suite in its environment, JOBS=4 of them at a time
	@echo "$(words $(SUITES)) suites, $(JOBS) at a time; the output of each follows when it has ended."
	@rm -rf $(REPORTS)
	@$(MAKE) --no-print-directory --jobs=$(JOBS) --keep-going $(WHOLE) $(SUITES); code=$$?; \
	$(PYTHON) scripts/slowest_tests.py $(REPORTS); exit $$code

test-quick: ## Run the core's tests that start no server and no program (under 3 minutes), for the everyday loop
	@$(PYTHON) scripts/setup.py core
	$(CORE)/python -m pytest $(CORE_TESTS) -m "not servers and not end_to_end" -q $(ARGS)

test-core: ## Run the tests of the hook, the platform, the contract with the official SDK
	@$(PYTHON) scripts/setup.py core
	$(CORE)/python -m pytest $(CORE_TESTS) $(REPORT) $(ARGS)

test-airflow: ## Run the tests of the Airflow provider that run DAGs in one process
	@$(PYTHON) scripts/services.py
	@$(PYTHON) scripts/setup.py airflow
	$(AIRFLOW)/python -m pytest $(AIRFLOW_TESTS) -m "not end_to_end" $(REPORT) $(ARGS)

test-airflow-processes: ## Run the tests of the Airflow provider with a real scheduler, triggerer and API server
	@$(PYTHON) scripts/services.py
	@$(PYTHON) scripts/setup.py airflow
	$(AIRFLOW)/python -m pytest $(AIRFLOW_TESTS) -m end_to_end $(REPORT) $(ARGS)

# Before 3.3 the real processes of an Airflow are not started: the tests that run DAGs in one process say what differs.
test-airflow31: ## Run the tests of the Airflow provider on Airflow 3.1
	@$(PYTHON) scripts/setup.py core airflow31
	$(PLATFORM) .venvs/airflow31/bin/python -m pytest $(AIRFLOW_TESTS) -m "not end_to_end" $(REPORT) $(ARGS)

test-airflow211: ## Run the tests of the Airflow provider on Airflow 2.11
	@$(PYTHON) scripts/setup.py core airflow211
	$(PLATFORM) .venvs/airflow211/bin/python -m pytest $(AIRFLOW_TESTS) -m "not end_to_end" $(REPORT) $(ARGS)

test-celery: ## Run the tests of Airflow with Celery workers, Redis and PostgreSQL
	@$(PYTHON) scripts/services.py
	@$(PYTHON) scripts/setup.py celery
	.venvs/celery/bin/python -m pytest tests/airflow/celery $(REPORT) $(ARGS)

test-prefect: ## Run the tests of the Prefect tasks that run flows in one process
	@$(PYTHON) scripts/services.py
	@$(PYTHON) scripts/setup.py prefect
	$(PREFECT)/python -m pytest $(PREFECT_TESTS) -m "not end_to_end" $(REPORT) $(ARGS)

test-prefect-processes: ## Run the tests of the Prefect tasks with workers, and flows that are stopped and killed
	@$(PYTHON) scripts/services.py
	@$(PYTHON) scripts/setup.py prefect
	$(PREFECT)/python -m pytest $(PREFECT_TESTS) -m end_to_end $(REPORT) $(ARGS)

# What differs between versions of Prefect: blocks, tasks, retries, a flow of each kind, hooks, waits and their stops.
PREFECT39 := $(addprefix tests/prefect/test_prefect_,blocks.py job_block.py jobs.py flows.py suspending.py stopping.py submitted_waits.py)

test-prefect39: ## Run the tests of what differs between versions of Prefect, on Prefect 3.9
	@$(PYTHON) scripts/services.py
	@$(PYTHON) scripts/setup.py prefect39
	.venvs/prefect39/bin/python -m pytest $(PREFECT39) $(REPORT) $(ARGS)

test-prefect-scale: ## Run the tests of uploads spread by Dask and Ray, in an environment of their own
	@$(PYTHON) scripts/services.py
	@$(PYTHON) scripts/setup.py prefect-scale
	$(PREFECT_SCALE)/python -m pytest tests/prefect/scale $(REPORT) $(ARGS)

test-picsellia: ## Run the tests of Picsellia's command line and engine on the embedded platform
	@$(PYTHON) scripts/setup.py core picsellia
	$(PLATFORM) .venvs/picsellia/bin/python -m pytest tests/picsellia $(REPORT) $(ARGS)

soak: setup-core ## Kill platforms at random moments of all their work, KILLS=20 times of each kind, and look for losses
	SOAK_KILLS=$(or $(KILLS),20) $(CORE)/python -m pytest tests/platform/soak -v $(ARGS)

coverage: setup ## Run every test and report branch coverage
	rm -f .coverage
	$(MAKE) test JOBS=1 ARGS="--cov --cov-append --cov-report="
	$(CORE)/coverage report

bench: setup-core ## Run every benchmark in benchmarks/
	@set -e; for file in $$(grep -lE '^def main\(' benchmarks/*.py | grep -vE '/(airflow|prefect)_'); do echo "== $$file"; $(CORE)/python $$file; done
	@$(PYTHON) scripts/setup.py airflow prefect
	@set -e; for file in benchmarks/airflow_*.py; do echo "== $$file"; $(AIRFLOW)/python $$file; done
	@set -e; for file in benchmarks/prefect_*.py; do echo "== $$file"; $(PREFECT)/python $$file; done

build: setup-core ## Build the wheel and the source distribution into dist/
	$(CORE)/python -m hatchling build -d dist

clean: ## Remove what was made here: environments, caches, builds, demo files
	rm -rf .venvs .demo build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
