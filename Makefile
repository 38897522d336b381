# make demo: the paper in miniature.   make test: the tests.   make help: the rest.
PYTHON ?= python3
VENV ?= .venv
# nproc would count the threads that OMP_NUM_THREADS allows, not the cores.
CORES ?= $(shell env -u OMP_NUM_THREADS -u OMP_THREAD_LIMIT nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 2)
PORT ?= 5000
BIN := $(VENV)/bin
export PATH := $(abspath $(BIN)):$(PATH)

.PHONY: demo quick report test test-slurm test-faults test-gpu ui lint docs docs-results bench bench-gpu gpu-sitting help clean

demo: $(VENV)/installed ## run the workflow at budget demo
	snakemake --cores $(CORES) --config budget=demo -- all paper
	@$(MAKE) --no-print-directory report BUDGET=demo

quick: $(VENV)/installed ## forecasts and errors of trained models that come along, in seconds
	fernn play

BUDGET ?= demo
report: $(VENV)/installed ## make results/$(BUDGET)/report.html from finished results
	@test -d results/$(BUDGET)/cubes || { echo "make report: no results of budget $(BUDGET) yet; make them with: snakemake --cores $(CORES) --config budget=$(BUDGET)" >&2; exit 2; }
	@snakemake --cores 1 --config budget=$(BUDGET) --report results/$(BUDGET)/report.html --quiet all
	@echo "report: results/$(BUDGET)/report.html    tracker: make ui"

test: $(VENV)/installed ## make the environment and pass the tests
	OMP_NUM_THREADS=1 python -m pytest --numprocesses $(CORES) --dist loadfile --no-loadscope-reorder

test-slurm: $(VENV)/installed ## the smoke budget through a real Slurm, made for it; Debian, root
	tests/slurm/smoke.sh

test-faults: $(VENV)/installed ## kill, fill, cut, flip, also on a real Slurm, and other tests of minutes: hours
	python -m pytest tests/faults $$(grep -l mark.minutes tests/*.py) -m "" --durations=10

test-gpu: $(VENV)/installed ## shipped models and statistics on a GPU, beside a processor: minutes
	python -m pytest -n 8 tests/test_gpu.py -m ""

ui: $(VENV)/installed ## open the tracker at http://127.0.0.1:$(PORT), also while the workflow runs
	fernn ui --port $(PORT)

lint: $(VENV)/installed ## formatters, linters, types
	ruff format --check .
	ruff check .
	pyright
	snakefmt --check Snakefile workflow
	snakemake --lint
	codespell --skip "*/look.html" README.md CHANGELOG.md CONTRIBUTING.md docs src workflow

docs: $(VENV)/installed ## build the documentation in site/html, run its examples, check it
	python docs/pages.py
	OMP_NUM_THREADS=1 python -m sphinx -q -W -b html -d site/doctrees docs site/html
	OMP_NUM_THREADS=1 python -m sphinx -q -W -b doctest -d site/doctrees docs site/doctest

docs-results: ## copy figures and tables of results/$(BUDGET) into docs and README
	python docs/update.py $(BUDGET)

bench: $(VENV)/installed ## measure speed and memory, write docs/benchmarks.md
	python benchmarks

bench-gpu: $(VENV)/installed ## the same on a GPU, in one sitting or several, docs/benchmarks-gpu.md
	python benchmarks gpu --output docs/benchmarks-gpu.md

MINUTES ?= 11
gpu-sitting: $(VENV)/installed ## equality, rates and a training at the published size on one GPU
	PYTHONPATH=benchmarks python -m gpu_sitting --minutes $(MINUTES)

# The versions that were tested; `pip install fernn` alone takes what pyproject admits.
$(VENV)/installed: pyproject.toml envs/constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "fernn needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint envs/constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint envs/constraints.txt --editable '.[dev]'
	@touch $@

clean: ## remove the environment and the site; results stay
	rm -rf $(VENV) site docs/_pictures

help:
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 13
