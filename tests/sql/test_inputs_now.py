"""inputs_now: the inputs of the published files, and which of them stopped (semantics: stopped inputs)."""

import json
from datetime import datetime, timedelta
from typing import Any

from tape.store.query.round import open_round
from tests.conftest import AS_OF, GivenRows, ago
from tests.sql.conftest import read, record_flags


def inputs(store: GivenRows, as_of: datetime = AS_OF) -> dict[str, dict[str, Any]]:
    return {row["input"]: row for row in read(store, "inputs_now", as_of)}


def stopped(store: GivenRows, as_of: datetime = AS_OF) -> set[str]:
    return {name for name, row in inputs(store, as_of).items() if row["is_stopped"]}


def test_what_has_not_begun_has_not_stopped(store: GivenRows) -> None:
    found = inputs(store)
    assert list(found) == ["executor", "marks", "positions", "shadow", "ticks"]
    assert {(row["newest_ts"], row["age_s"], row["is_stopped"]) for row in found.values()} == {(None, None, False)}


def test_ticks_positions_and_marks_stop_when_the_nav_is_no_longer_fresh(store: GivenRows) -> None:
    store.add("ticks", ago(seconds=150), equity_usd=100.0, position_count=0)
    store.add("marks", ago(seconds=150), symbol="BTCUSDT", mark_price=1.0)
    assert stopped(store) == set()
    assert stopped(store, AS_OF + timedelta(microseconds=1)) == {"ticks", "positions", "marks"}
    store.add("config_snapshots", ago(days=1), kind="limits", payload={"nav_freshness_seconds": 90})
    found = inputs(store)
    assert {name for name, row in found.items() if row["is_stopped"]} == {"ticks", "positions", "marks"}
    assert (found["ticks"]["newest_ts"], found["ticks"]["age_s"], found["ticks"]["stops_after_s"]) == (
        ago(seconds=150),
        150.0,
        90.0,
    )


def test_ticks_without_an_equity_and_without_positions_keep_the_executor_alive_alone(store: GivenRows) -> None:
    store.add("ticks", ago(days=22), equity_usd=100.0, position_count=1)
    store.add("ticks", ago(seconds=1))
    found = inputs(store)
    assert found["ticks"]["newest_ts"] == found["positions"]["newest_ts"] == ago(days=22)
    assert found["executor"]["newest_ts"] == ago(seconds=1)
    assert stopped(store) == {"ticks", "positions"}


def test_the_executor_stops_after_a_quarter_of_an_hour_without_a_row(store: GivenRows) -> None:
    store.add("vetoes", ago(minutes=15), symbol="BTCUSDT", veto_reason="whitelist")
    assert stopped(store) == set()
    assert stopped(store, AS_OF + timedelta(microseconds=1)) == {"executor"}


def test_the_candidate_pipeline_stops_after_three_missing_heartbeats(store: GivenRows) -> None:
    store.add("shadow_decisions", ago(hours=1), symbol="BTCUSDT", is_heartbeat=False, is_allowed=True)
    store.add("shadow_decisions", ago(minutes=30), is_heartbeat=True)
    assert stopped(store) == set()
    assert stopped(store, AS_OF + timedelta(seconds=1)) == {"shadow"}


def test_a_pipeline_that_is_switched_off_has_not_stopped(store: GivenRows) -> None:
    store.add("shadow_decisions", ago(hours=1), is_heartbeat=True)
    record_flags(store, ago(minutes=1), is_pipeline_shadow_on=False)
    assert inputs(store)["shadow"]["newest_ts"] is None
    assert stopped(store) == set()


def test_the_settings_of_the_session_say_when_executor_and_pipeline_stop(store: GivenRows) -> None:
    store.add("vetoes", ago(minutes=2), symbol="BTCUSDT", veto_reason="whitelist")
    store.add("shadow_decisions", ago(minutes=2), is_heartbeat=True)
    configured = json.dumps({"executor_stops_after_s": 119.0, "shadow_stops_after_s": 121.0})
    with open_round(store.connection, as_of=AS_OF, configured=configured) as reading:
        found = {row["input"] for row in reading.rows("inputs_now") if row["is_stopped"]}
    assert found == {"executor"}
