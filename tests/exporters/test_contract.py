"""The contract's table of files: names, shapes and views belong together."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator

from examples.sample_logs import DEFAULT_END
from tape.exporters.contract import STATE_FILES, StateFile, state_file
from tape.exporters.json_schema import json_schema
from tape.exporters.state_files import publish
from tape.store.database import closing, open_database
from tape.store.legacy.importer import import_logs
from tape.store.query.round import open_round
from tape.store.views.sql_files import sql_objects
from tests.conftest import AS_OF, SHARED, GivenRows
from tests.templates import day_home

CONTRACT_NAMES = {
    "nav.json",
    "positions.json",
    "risk_snapshot.json",
    "router_health.json",
    "expectancy_v6.json",
    "symbol_scores_v6.json",
    "router_policy_suggestions_v6.json",
    "risk_allocation_suggestions_v6.json",
    "pipeline_v6_shadow_head.json",
    "pipeline_v6_compare_summary.json",
    "v6_runtime_probe.json",
    "synced_state.json",
}
EXPECTED = SHARED / "expected_2025-11-05T1610Z"
NOT_FIXED = {"rationale", "generated_ts", "updated_ts", "updated_at"}
LEFT_OUT = {"unrealized_pnl", "unmarked_positions", "stale_s", "stale_inputs"}
"""Keys of the top level that a file leaves out while there is nothing to say."""
NAV_NOT_FIXED = {"gross_exposure_usd", "net_exposure_usd", "largest_position_usd"}


def differences(found: Any, expected: Any, at: str = "") -> list[str]:
    """Where ``found`` does not say what ``expected`` says; keys may be added beside the expected ones."""
    if isinstance(expected, dict):
        if not isinstance(found, dict):
            return [f"{at}: {found!r} instead of an object"]
        keys = [key for key in expected if key not in NOT_FIXED]
        return [
            line
            for key in keys
            for line in (
                differences(found[key], expected[key], f"{at}.{key}") if key in found else [f"{at}.{key} missing"]
            )
        ]
    if isinstance(expected, list):
        if not isinstance(found, list) or len(found) != len(expected):
            return [f"{at}: {found!r} instead of {expected!r}"]
        pairs = enumerate(zip(found, expected, strict=True))
        return [line for n, (one, other) in pairs for line in differences(one, other, f"{at}[{n}]")]
    if isinstance(expected, float) and isinstance(found, (int, float)) and not isinstance(found, bool):
        return [] if found == pytest.approx(expected, rel=1e-9, abs=1e-9) else [f"{at}: {found} instead of {expected}"]
    return [] if found == expected else [f"{at}: {found!r} instead of {expected!r}"]


@pytest.fixture(scope="module")
def published_sample(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The files of a sample's end."""
    home = tmp_path_factory.mktemp("sample")
    shutil.copy(day_home() / "logs" / "tape.duckdb", home / "tape.duckdb")
    with (
        closing(open_database(home / "tape.duckdb")) as connection,
        open_round(connection, as_of=DEFAULT_END) as reading,
    ):
        return {path.name: orjson.loads(path.read_bytes()) for path in publish(reading, home / "state")}


def test_the_table_names_the_twelve_files_of_the_contract_and_the_two_of_execution_quality() -> None:
    assert {file.name for file in STATE_FILES} == CONTRACT_NAMES | {"execution_quality.json", "reconciliation.json"}
    assert len(STATE_FILES) == len(CONTRACT_NAMES) + 2


def test_every_file_has_a_document_view_and_every_document_view_a_file() -> None:
    views = {item.name for item in sql_objects() if item.layer == "documents" and item.name.endswith("_document")}
    assert {file.view for file in STATE_FILES} == views


def test_a_views_columns_are_the_keys_of_its_file(store: GivenRows) -> None:
    for file in STATE_FILES:
        described = store.connection.execute(f"describe {file.view}").fetchall()
        keys = [field.alias or name for name, field in file.model.model_fields.items()]
        assert sorted(name for name, *_ in described) == sorted(keys), file.name


@pytest.mark.parametrize("file", STATE_FILES, ids=lambda file: file.stem)
def test_a_file_is_looked_at_no_later_than_it_must_be_published(file: StateFile) -> None:
    assert 0 < file.every_s <= file.max_age_s


@pytest.mark.parametrize("name", ["nav", "nav.json"])
def test_a_file_is_found_by_name_or_stem(name: str) -> None:
    assert state_file(name).view == "nav_document"


def test_an_unknown_file_is_refused_by_name() -> None:
    with pytest.raises(KeyError, match="navy"):
        state_file("navy")


@pytest.mark.parametrize("file", STATE_FILES, ids=lambda file: file.stem)
def test_the_schemas_are_valid_and_closed(file: StateFile) -> None:
    made = json_schema(file)
    Draft202012Validator.check_schema(made)
    assert made["additionalProperties"] is False
    assert set(made["required"]) == set(made["properties"]) - LEFT_OUT


@pytest.mark.parametrize("file", STATE_FILES, ids=lambda file: file.stem)
def test_a_file_of_a_sample_is_of_its_schema(file: StateFile, published_sample: dict[str, dict[str, Any]]) -> None:
    Draft202012Validator(json_schema(file)).validate(published_sample[file.name])


def test_a_file_of_an_empty_store_is_of_its_schema(store: GivenRows, tmp_path: Path) -> None:
    with open_round(store.connection, as_of=AS_OF) as reading:
        for file, path in zip(STATE_FILES, publish(reading, tmp_path), strict=True):
            Draft202012Validator(json_schema(file)).validate(orjson.loads(path.read_bytes()))


def test_a_sample_fills_what_it_can(published_sample: dict[str, dict[str, Any]]) -> None:
    assert published_sample["expectancy_v6.json"]["sample_count"] > 0
    assert len(published_sample["nav.json"]["series"]) == 500
    for name in ("router_health.json", "symbol_scores_v6.json", "risk_snapshot.json"):
        assert len(published_sample[name]["symbols"]) == 6, name
    assert published_sample["pipeline_v6_shadow_head.json"]["last_decision"] is not None


def test_clock_keys_are_the_instant_computed_for(published_sample: dict[str, dict[str, Any]]) -> None:
    for name, document in published_sample.items():
        clocks = [document[key] for key in ("updated_ts", "generated_ts", "ts", "updated_at") if key in document]
        assert clocks, name
        assert set(clocks) <= {DEFAULT_END.timestamp(), "2025-11-01T00:00:00Z"}, name


def test_the_probe_and_the_synced_state_carry_all_six_flags(published_sample: dict[str, dict[str, Any]]) -> None:
    flags = published_sample["synced_state.json"]["v6_flags"]
    assert len(flags) == 6
    assert flags.items() <= published_sample["v6_runtime_probe.json"].items()
    assert published_sample["synced_state.json"]["engine_version"]


@pytest.fixture(scope="module")
def published_real(
    empty_database: Path, real_logs: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """The files of the real logs as of the instant the expected ones were computed for."""
    home = tmp_path_factory.mktemp("real")
    database = home / "tape.duckdb"
    database.write_bytes(empty_database.read_bytes())
    as_of = datetime(2025, 11, 5, 16, 10, tzinfo=UTC)
    with closing(open_database(database)) as connection:
        import_logs(connection, real_logs, now=datetime(2025, 12, 1, tzinfo=UTC))
        with open_round(connection, as_of=as_of) as reading:
            return {path.name: orjson.loads(path.read_bytes()) for path in publish(reading, home / "state")}


@pytest.mark.parametrize("name", sorted(path.name for path in EXPECTED.glob("*.json")) or ["none"])
def test_real_logs_give_the_expected_numbers(name: str, published_real: dict[str, dict[str, Any]]) -> None:
    expected = orjson.loads((EXPECTED / name).read_bytes())
    if name == "nav.json":
        expected = {key: value for key, value in expected.items() if key not in NAV_NOT_FIXED}
        assert expected.pop("unrealized_pnl") is None
        assert "unrealized_pnl" not in published_real[name], "left out while unknown"
    assert differences(published_real[name], expected) == []


@pytest.mark.parametrize("file", STATE_FILES, ids=lambda file: file.stem)
def test_a_file_of_real_logs_is_of_its_schema(file: StateFile, published_real: dict[str, dict[str, Any]]) -> None:
    Draft202012Validator(json_schema(file)).validate(published_real[file.name])
