# Everything a person or a CI runs. Needs GNU make and Python 3.11, 3.12 or 3.13; uses uv where it is
# found and pip otherwise. The first target that needs it builds .venv from a hashed lock.

PYTHON ?= python3
.SHELLFLAGS := -eu -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

export UV_PYTHON_DOWNLOADS := never
# The environment is .venv, whatever the shell that calls make has activated.
unexport VIRTUAL_ENV PYTHONHOME PYTHONPATH

BIN := .venv/bin
# A complete environment serves the demo too; a stranger's first `make demo` installs the small one.
DEMO_READY := $(if $(wildcard .venv/.dev.done),.venv/.dev.done,.venv/.runtime.done)
COMPILE := uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate \
	--python-version 3.11 --custom-compile-command "make lock" --no-config
OUT ?= runs/demo

.PHONY: help setup demo test kernels check format notebooks wheel lock bench nightly clean

help:  ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: .venv/.dev.done  ## .venv with everything from requirements/dev.lock

demo: $(DEMO_READY)  ## simulate, train, evaluate, score, explain: OUT=runs/demo
	@$(BIN)/unrinse demo --out $(OUT)

test: kernels  ## tests, doctests, branch coverage
	@$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder \
		--cov --cov-report term:skip-covered

kernels: .venv/.dev.done  ## what the tests need compiled, outside of coverage
	@$(BIN)/python -m tests.kernels

check: .venv/.dev.done  ## format, lint, types, locks
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@if grep -nEi 'https?:|index-url|find-links|file:|@ *git' requirements/*.lock; then \
		echo "a lock names a host or a path; run make lock" >&2; exit 1; fi

format: .venv/.dev.done  ## format and apply the safe fixes
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

notebooks: .venv/.dev.done  ## execute every notebook
	@if ls notebooks/*.py >/dev/null 2>&1; then \
		$(BIN)/jupytext --quiet --to ipynb notebooks/*.py; \
		$(BIN)/python -m pytest --nbmake --override-ini addopts= -p no:cacheprovider \
			--numprocesses auto notebooks/*.ipynb; \
	else echo "no notebooks"; fi

wheel: .venv/.dev.done  ## dist/unrinse-*.whl
	@$(BIN)/python -m hatchling build --target wheel

lock:  ## resolve requirements/*.lock anew (needs uv); add UPGRADE=--upgrade for newer versions
	$(COMPILE) $(UPGRADE) pyproject.toml --extra dev --group build -o requirements/dev.lock
	$(COMPILE) pyproject.toml --extra report --group build \
		--constraints requirements/dev.lock -o requirements/runtime.lock

bench: .venv/.dev.done  ## speed against the named peers; figures belong in benchmarks/README.md
	@$(BIN)/python -m benchmarks

nightly: .venv/.dev.done  ## the long runs: many more generated cases, slow tests
	@HYPOTHESIS_PROFILE=nightly $(BIN)/python -m pytest -m "slow or not slow" \
		--numprocesses auto --dist loadfile

clean:  ## remove the environment, builds and caches; keeps runs/
	rm -rf .venv dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.*
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

# One rule for both environments: the stamp is written last, so a broken set-up is taken up again.
# The lock is whole, so nothing is resolved: older pips refuse a hashed `coverage` where a package
# asks for `coverage[toml]`.
.venv/.%.done: requirements/%.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(not (3, 11) <= v < (3, 14))' 2>/dev/null \
		|| { echo "Unrinse needs Python 3.11, 3.12 or 3.13, and '$(PYTHON)' is not one;" \
			"name one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	@if command -v uv >/dev/null 2>&1 && uv --version >/dev/null 2>&1; then \
		test -x $(BIN)/python || uv venv --quiet --allow-existing --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" .venv; \
		uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes -r $<; \
		uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .; \
	else \
		test -x $(BIN)/pip || $(PYTHON) -m venv .venv; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .; \
	fi
	@touch $@
