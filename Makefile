# `make run` starts the runtime, `make test` the tests; each sets up what it needs in .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST = $(BIN)/python -m pytest --numprocesses auto --dist worksteal
REAL_LOGS := $(wildcard ../shared/data/real_logs)
LOGS ?= $(or $(REAL_LOGS),$(EXAMPLE)/sample-logs)
LIVE ?= build/live
EXAMPLE ?= build/example
# on a terminal until Ctrl-C, elsewhere for a minute
SECONDS ?= $(if $(MAKE_TERMOUT),,60)

# where it is set, each of the tests' many processes compiles the whole package again: twice the time
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup run example test test-rest mutants lint types layers sql-lint docs docs-check migrations-check check \
	check-slow bench soak lock clean

setup: $(VENV)/.ready

$(VENV)/.ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

run: setup
	@$(BIN)/tape --home $(LIVE) run $(if $(SECONDS),--seconds $(SECONDS))

example: setup
	@test -d "$(LOGS)" || $(BIN)/python -m examples.sample_logs "$(LOGS)"
	@$(BIN)/tape --home $(EXAMPLE) import "$(LOGS)"
	@$(BIN)/tape --home $(EXAMPLE) export --as-of newest
	@echo "ask it anything: $(BIN)/tape --home $(EXAMPLE) sql 'from symbol_scores' --as-of newest"

# every law once; the tests that it leaves out, and how many, is said at its end
test: setup
	$(PYTEST) -m "not thorough and not slow" --hypothesis-profile quick

# what `make test` leaves out; every property with all its examples, and faults of chance more often
test-rest: setup
	$(PYTEST) -m "(thorough or hypothesis or chance) and not slow"

# single mistakes put into a copy of the code: prints those that no test sees
mutants: setup
	$(BIN)/python -m tests.mutants

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

layers: setup
	$(BIN)/lint-imports
	$(BIN)/python .ci/house.py

sql-lint: setup
	$(BIN)/sqlfluff lint --processes 2 sql

migrations-check: setup
	@rm -rf build/check && mkdir -p build/check
	$(BIN)/tape --home build/check migrate
	$(BIN)/alembic -x database=build/check/logs/tape.duckdb check

docs: setup
	$(BIN)/python -m tape.exporters.json_schema docs/schema
	$(BIN)/python -m docs.build docs

docs-check: docs
	git diff --exit-code -- docs

check: test test-rest lint types layers sql-lint migrations-check docs-check

bench: setup
	$(BIN)/python -m benchmarks.legacy $(if $(REAL_LOGS),--real-logs $(REAL_LOGS))
	$(BIN)/python -m benchmarks.spine
	$(BIN)/python -m benchmarks.doctor
	$(BIN)/python -m benchmarks.door

# what waits by nature: hours
check-slow: setup
	$(PYTEST) -m slow
	$(MAKE) soak

soak: setup
	$(BIN)/python -m pytest tests/faults --long --hypothesis-profile long
	$(BIN)/python -m benchmarks.soak

lock: setup
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--extra firestore --extra arrow --extra ccxt --extra plot --group dev pyproject.toml -o requirements.lock

clean:
	rm -rf build $(VENV)
