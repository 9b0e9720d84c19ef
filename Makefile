# make up     a courseware environment on the embedded cluster, in a state directory of this checkout
# make down   takes it away again, with the embedded cluster and its files
# make agents-demo  Jenkins agents as Mesos tasks, to look at: nothing needed, nothing left
# make test   the whole test suite        make lint   every check of form
# make package  a wheel of ciprov in dist/
# make bench  figures as ratios           make lock   new locks (needs uv)
# make soak   the big numbers, of which the test suite has a short form

PYTHON ?= python3
NAME ?= feature-x
BLUEPRINT ?= environments/courseware.yaml
# The embedded cluster of this checkout: never the user's own.
STATE := $(CURDIR)/.ciprov
CIPROV := CIPROV_STATE_DIR="$(STATE)" .venv/bin/ciprov --local
READY := .venv/ready

.PHONY: up down agents-demo test test-unit lint package bench soak lock
.DELETE_ON_ERROR:

up: $(READY)
	@$(CIPROV) env up "$(NAME)" --blueprint "$(BLUEPRINT)"

down:
	@if [ -x .venv/bin/ciprov ] && [ -d "$(STATE)" ]; then \
	    { [ ! -e "$(STATE)/state.db" ] || $(CIPROV) env down "$(NAME)" || true; } && $(CIPROV) local stop --purge && rm -rf "$(STATE)"; \
	fi

agents-demo: $(READY)
	@.venv/bin/python scripts/agents-demo

test: $(READY)
	.venv/bin/pytest -n 4 --dist worksteal tests

test-unit: $(READY)
	.venv/bin/pytest -n 2 --dist worksteal tests/unit

lint: $(READY)
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/hadolint docker/*/Dockerfile

package: $(READY)
	.venv/bin/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .

bench: $(READY)
	.venv/bin/python scripts/bench
	.venv/bin/python scripts/bench-cluster

soak: $(READY)
	.venv/bin/python scripts/soak

lock:
	scripts/lock

$(READY): pyproject.toml locks/build.txt locks/dev.txt shims/http-parser/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' || \
	    { echo "ciprov needs Python 3.11 to 3.13 and $(PYTHON) is another: set PYTHON=, as in 'make up PYTHON=python3.12'"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	    { echo "$(PYTHON) has no venv module: install Debian's python3-venv"; exit 1; }
	@echo "Installing ciprov into .venv"
	@$(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r locks/build.txt
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --no-build-isolation -r locks/dev.txt
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation ./shims/http-parser --editable .
	@touch $@
