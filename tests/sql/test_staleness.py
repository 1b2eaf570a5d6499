"""staleness: what a file says of those of its inputs that stopped (semantics: stopped inputs)."""

import pytest

from tape.exporters.contract import STATE_FILES, StateFile
from tape.exporters.inputs import inputs_of
from tests.conftest import GivenRows, ago
from tests.sql.conftest import document, record_flags

QUERY = "from staleness(['ticks', 'executor'])"


def test_fresh_inputs_are_not_named(store: GivenRows) -> None:
    store.add("ticks", ago(seconds=10), equity_usd=100.0)
    assert store.rows(QUERY) == [{"stale_s": None, "stale_inputs": None}]


def test_each_that_stopped_is_named_with_its_newest_row_and_the_oldest_gives_the_age(store: GivenRows) -> None:
    store.add("ticks", ago(days=22), equity_usd=100.0)
    store.add("vetoes", ago(hours=1), symbol="BTCUSDT", veto_reason="whitelist")
    assert store.rows(QUERY) == [
        {
            "stale_s": 22 * 86_400.0,
            "stale_inputs": {"executor": "2025-06-15T11:30:00Z", "ticks": "2025-05-24T12:30:00Z"},
        }
    ]


def test_what_a_file_does_not_rest_on_is_not_its_business(store: GivenRows) -> None:
    store.add("marks", ago(days=1), symbol="BTCUSDT", mark_price=1.0)
    store.add("ticks", ago(seconds=10), equity_usd=100.0)
    assert store.rows(QUERY) == [{"stale_s": None, "stale_inputs": None}]


EVERYTHING = {"ticks", "positions", "marks", "executor", "shadow"}


@pytest.mark.parametrize("file", STATE_FILES, ids=lambda file: file.stem)
def test_each_file_says_it_of_its_own_inputs(store: GivenRows, file: StateFile) -> None:
    store.add("ticks", ago(days=2), equity_usd=100.0, position_count=0)
    store.add("marks", ago(days=3), symbol="BTCUSDT", mark_price=1.0)
    store.add("shadow_decisions", ago(days=4), is_heartbeat=True)
    record_flags(store, ago(days=1))
    days = {"ticks": 2.0, "positions": 2.0, "marks": 3.0, "executor": 1.0, "shadow": 4.0}
    names = inputs_of(file.view)
    assert names
    assert names <= EVERYTHING
    found = document(store, file.stem)
    assert found["stale_s"] == 86_400 * max(days[name] for name in names)
    assert found["stale_inputs"].keys() == names


@pytest.mark.parametrize("file", STATE_FILES, ids=lambda file: file.stem)
def test_a_file_of_fresh_inputs_has_no_such_key(store: GivenRows, file: StateFile) -> None:
    store.add("ticks", ago(seconds=1), equity_usd=100.0, position_count=0)
    store.add("marks", ago(seconds=1), symbol="BTCUSDT", mark_price=1.0)
    store.add("shadow_decisions", ago(minutes=10), is_heartbeat=True)
    record_flags(store, ago(days=1))
    assert not document(store, file.stem).keys() & {"stale_s", "stale_inputs"}


def test_a_probe_of_configured_flags_rests_on_no_executor(store: GivenRows) -> None:
    store.add("ticks", ago(days=2), equity_usd=100.0)
    assert "stale_s" not in document(store, "v6_runtime_probe")
