# make setup   a virtual environment with every pinned dependency
# make serve   the service on http://127.0.0.1:8000 with the shipped checkpoints
# make test    everything that has to hold: style, types, imports, tests, coverage
# make train   both students, from data to export; about six hours on two cores, and resumes
# make bench   the README's table, measured on this machine
# make container   build the image, run it, and post a clip to it

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: setup serve test servers train bench container

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
	@command -v prometheus >/dev/null && command -v curl >/dev/null || { test "$$(id -u)" = 0 && apt-get -qq update \
	  && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y prometheus curl; } \
	  || echo 'prometheus or curl cannot be installed: their tests will be skipped'

train: setup
	$(BIN)/python -m training pipeline --recipe training/recipes/mobilenet3d-lite.toml
	$(BIN)/python -m training pipeline --recipe training/recipes/mobilenet3d.toml

bench: setup
	$(BIN)/python -m benchmarks

container: setup
	deploy/container.sh
