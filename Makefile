# make setup   a virtual environment with every pinned dependency
# make serve   the service on http://127.0.0.1:8000 with the shipped checkpoints
# make test    everything that has to hold: style, types, imports, tests, coverage
# make audit   licences, leaked secrets, known vulnerabilities; writes dist/sbom.json
# make train   both students, from data to export; about five hours on two cores, and resumes
# make bench   every figure of benchmarks/results and the README's table, against other libraries
#              and servers; an hour on a quiet machine; CASES="network decoding" for some of it
# make soak    ten minutes of load, two of four times too much, then 20,000 damaged videos
# make container   build the image, run it, and post a clip to it

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
BENCH_VENV := .venv-bench
MLSERVER_VENV := .venv-bench-mlserver
AUDIT_VENV := .venv-audit
RUNTIME_VENV := .venv-runtime
CASES ?= network decoding service growth uploads experiments distillation
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: setup serve test servers audit licences leaks sbom vulnerabilities train bench soak container

setup: $(VENV)/installed

# torch comes first and by its exact pin, so that a CPU build is taken where one is at hand.
$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) torch==2.13.0
	$(INSTALL) --constraint constraints.txt --editable '.[training,dev]'
	touch $@

serve: setup
	$(BIN)/python -m app

test: setup servers licences leaks
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

audit: licences leaks sbom vulnerabilities

# What is allowed stands in pyproject.toml.
licences: $(AUDIT_VENV)/installed $(RUNTIME_VENV)/installed
	$(AUDIT_VENV)/bin/pip-licenses --python $(RUNTIME_VENV)/bin/python --summary

# Keys and passwords in files of the repository; .secrets.baseline says what is none.
leaks: $(AUDIT_VENV)/installed
	git ls-files -z | xargs -0 $(AUDIT_VENV)/bin/detect-secrets-hook --no-verify --baseline .secrets.baseline

sbom: $(AUDIT_VENV)/installed $(RUNTIME_VENV)/installed
	mkdir -p dist
	$(AUDIT_VENV)/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
	  --output-file dist/sbom.json $(RUNTIME_VENV)/bin/python

# Needs https://api.osv.dev; where that is out of reach, it says that nothing was audited.
vulnerabilities: $(AUDIT_VENV)/installed $(RUNTIME_VENV)/installed
	$(PYTHON) -m tests.deploy.check_vulnerabilities $(AUDIT_VENV)/bin/pip-audit \
	  $(RUNTIME_VENV)/lib/python3.11/site-packages

# The tools alone, without the project that names them in its extra.
$(AUDIT_VENV)/installed: pyproject.toml constraints-audit.txt
	$(PYTHON) -m venv --clear $(AUDIT_VENV)
	$(PYTHON) -c 'import tomllib; \
	  print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["audit"], \
	    sep="\n")' > $(AUDIT_VENV)/requirements.txt
	$(AUDIT_VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
	  --constraint constraints-audit.txt --requirement $(AUDIT_VENV)/requirements.txt
	touch $@

# What serves, and nothing else, nor what once did: the image's packages, and those of PostgreSQL.
$(RUNTIME_VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv --clear $(RUNTIME_VENV)
	$(RUNTIME_VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
	  --constraint constraints.txt '.[postgresql]'
	touch $@

train: setup
	$(BIN)/python -m training pipeline --recipe training/recipes/mobilenet3d-lite.toml
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
