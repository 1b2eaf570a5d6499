# `make run` does the main job, `make test` passes the tests; both set up what they need in .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
REAL_LOGS := $(wildcard ../shared/data/real_logs)
LOGS ?= $(or $(REAL_LOGS),$(OUT)/sample-logs)
OUT ?= build/run

.PHONY: setup run test lint types layers sql-lint docs docs-check migrations-check check bench lock clean

setup: $(VENV)/.ready

$(VENV)/.ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

run: setup
	@test -d "$(LOGS)" || $(BIN)/python -m tape.sample "$(LOGS)"
	@$(BIN)/tape --home $(OUT) import "$(LOGS)"
	@$(BIN)/tape --home $(OUT) export --as-of newest
	@echo "ask it anything: $(BIN)/tape --home $(OUT) sql 'from symbol_scores'"

test: setup
	$(BIN)/python -m pytest

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

layers: setup
	$(BIN)/lint-imports

sql-lint: setup
	$(BIN)/sqlfluff lint --processes 2 sql

migrations-check: setup
	@rm -rf build/check && mkdir -p build/check
	$(BIN)/tape --home build/check migrate
	$(BIN)/alembic -x database=build/check/logs/tape.duckdb check

docs: setup
	$(BIN)/python -m exporters.schema docs/schema

docs-check: docs
	git diff --exit-code -- docs/schema

check: test lint types layers sql-lint migrations-check docs-check

bench: setup
	$(BIN)/python -m benchmarks.legacy $(if $(REAL_LOGS),--real-logs $(REAL_LOGS))
	$(BIN)/python -m benchmarks.spine

lock: setup
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--extra firestore --extra arrow --extra ccxt --group dev pyproject.toml -o requirements.lock

clean:
	rm -rf build $(VENV)
