# make setup   a virtual environment with every pinned dependency
# make serve   the service on http://127.0.0.1:8000 with the shipped checkpoints
# make test    everything that has to hold: style, types, imports, tests, coverage
# make train   both students, from data to export; about six hours on two cores, and resumes
# make bench   every figure of benchmarks/results and the README's table, against other libraries
#              and servers; an hour on a quiet machine; CASES="network decoding" for some of it
# make soak    ten minutes of load, two of four times too much, then 20,000 damaged videos
# make container   build the image, run it, and post a clip to it

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
BENCH_VENV := .venv-bench
MLSERVER_VENV := .venv-bench-mlserver
CASES ?= network decoding service growth experiments distillation
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: setup serve test servers train bench soak container

setup: $(VENV)/installed

# torch comes first and by its exact pin, so that a CPU build is taken where one is at hand.
$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) torch==2.13.0
	$(INSTALL) --constraint constraints.txt --editable '.[training,dev]'
	touch $@

serve: setup
	$(BIN)/python -m app

test: setup servers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -m 'not gpu' --cov --cov-report=
	$(BIN)/coverage report --include='app/*,models/*' --fail-under=95

# Servers that tests run, installed where that is allowed; where it is not, their tests skip.
servers:
	@{ command -v prometheus && command -v curl && test -d /usr/lib/postgresql/15; } >/dev/null \
	  || { test "$$(id -u)" = 0 && apt-get -qq update \
	  && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y prometheus curl postgresql; } \
	  || echo 'prometheus, curl or postgresql cannot be installed: their tests will be skipped'

train: setup
	$(BIN)/python -m training pipeline --recipe training/recipes/mobilenet3d-lite.toml
	$(BIN)/python -m training pipeline --recipe training/recipes/mobilenet3d-lite-long.toml
	$(BIN)/python -m training pipeline --recipe training/recipes/mobilenet3d.toml

bench: $(BENCH_VENV)/installed $(MLSERVER_VENV)/installed
	$(BENCH_VENV)/bin/python -m benchmarks $(CASES)

soak: $(BENCH_VENV)/installed
	$(BENCH_VENV)/bin/python -m benchmarks soak overload
	$(BENCH_VENV)/bin/python -m tests.fuzz --cases 20000

# The project beside its peers: what these need goes into no other environment. torchcodec reads
# video with the FFmpeg that the system has.
$(BENCH_VENV)/installed: pyproject.toml benchmarks/constraints.txt
	$(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BENCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
	  --constraint benchmarks/constraints.txt --editable '.[training,dev,bench]'
	touch $@

$(MLSERVER_VENV)/installed: benchmarks/requirements-mlserver.txt
	$(PYTHON) -m venv $(MLSERVER_VENV)
	$(MLSERVER_VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
	  --requirement benchmarks/requirements-mlserver.txt
	touch $@

container: setup
	deploy/container.sh
