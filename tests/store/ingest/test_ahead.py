"""Events whose time has not come: counted by source, passed over by whoever asks for the newest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tape.store.ingest.ahead import events_ahead
from tape.store.status import NothingYet, TableStatus, newest_event, table_status
from tests.conftest import GivenRows
from tests.store.old_logs import LogStore

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
IN_2528 = datetime(2528, 1, 1, tzinfo=UTC)
HALF_A_MINUTE = timedelta(seconds=30)


def test_a_producer_whose_clock_is_ahead_is_named_with_its_lead_per_table(store: GivenRows) -> None:
    later = NOW + timedelta(hours=5, minutes=30)
    store.add("ticks", NOW - HALF_A_MINUTE, equity_usd=1.0, producer="good")
    store.add("ticks", later, equity_usd=1.0, producer="bot", hostname="vps", received_ts=NOW)
    store.add("heartbeats", later, service="executor", producer="bot", hostname="vps", received_ts=NOW)
    store.add("heartbeats", later, service="executor", producer="bot", received_ts=NOW, is_test=True)
    found = events_ahead(store.connection, NOW)
    assert [(each.table, each.source, each.rows, each.lead_s, each.hostname) for each in found] == [
        ("heartbeats", "bot", 1, 19_800.0, "vps"),
        ("ticks", "bot", 1, 19_800.0, "vps"),
    ]
    assert {each.until for each in found} == {later}


def test_clocks_that_differ_by_a_few_seconds_are_no_word_worth(store: GivenRows) -> None:
    store.add("ticks", NOW + timedelta(seconds=5), equity_usd=1.0, received_ts=NOW)
    assert events_ahead(store.connection, NOW) == []
    store.add("ticks", NOW + timedelta(seconds=6), equity_usd=1.0, received_ts=NOW)
    assert len(events_ahead(store.connection, NOW)) == 1


def test_a_line_of_a_wrong_year_is_named_with_its_log_and_when_it_was_imported(imported: LogStore) -> None:
    veto = {"symbol": "BTCUSDT", "side": "BUY", "veto_reason": "min_notional"}
    good = {**veto, "ts": "2025-11-05T12:00:00Z"}
    bad = {**veto, "ts": "2528-01-01T00:00:00Z"}
    imported.lines("execution/risk_vetoes.jsonl", good, bad)
    (found,) = events_ahead(imported.connection, NOW)
    assert (found.table, found.source, found.is_imported, found.rows) == (
        "vetoes",
        "risk_vetoes",
        True,
        1,
    )
    assert (found.until, found.lead_s) == (IN_2528, None)
    assert newest_event(imported.connection, NOW) == datetime(2025, 11, 5, 12, tzinfo=UTC)


def test_the_newest_event_is_the_newest_that_is_over(store: GivenRows) -> None:
    assert newest_event(store.connection, NOW) is None
    store.add("ticks", IN_2528, equity_usd=1.0)
    with pytest.raises(NothingYet, match="expected an event that is over, found only later ones, the first of 2528-01"):
        newest_event(store.connection, NOW)
    store.add("marks", NOW, symbol="BTCUSDT", mark_price=1.0)
    store.add("marks", NOW + timedelta(microseconds=1), symbol="BTCUSDT", mark_price=1.0)
    assert newest_event(store.connection, NOW) == NOW


def test_a_table_spans_the_times_up_to_now_and_counts_what_is_later(store: GivenRows) -> None:
    store.add("ticks", NOW - HALF_A_MINUTE, equity_usd=1.0)
    store.add("ticks", IN_2528, equity_usd=1.0)
    store.add("marks", IN_2528, symbol="BTCUSDT", mark_price=1.0)
    found = {each.name: each for each in table_status(store.connection, NOW)}
    assert found["ticks"] == TableStatus("ticks", 2, NOW - HALF_A_MINUTE, NOW - HALF_A_MINUTE, 1, IN_2528)
    assert found["marks"] == TableStatus("marks", 1, None, None, 1, IN_2528)
    assert found["vetoes"] == TableStatus("vetoes", 0, None, None)


@pytest.mark.parametrize("view", ["nav_now", "exec_stats", "nav_series"])
def test_no_number_of_now_knows_an_event_of_the_future(store: GivenRows, view: str) -> None:
    def add(equity: float, ts: datetime) -> None:
        store.add("ticks", ts, equity_usd=equity, nav_usd=equity, position_count=0)
        store.add("heartbeats", ts, service=f"s{equity:.0f}")
        store.add("marks", ts, symbol="BTCUSDT", mark_price=equity)

    add(1000.0, NOW - timedelta(hours=1))
    add(1001.0, NOW - HALF_A_MINUTE)
    before = store.rows(f"from {view}", NOW)
    add(9999.0, NOW + timedelta(hours=5))
    add(8888.0, IN_2528)
    assert before
    assert store.rows(f"from {view}", NOW) == before
