"""veto_reasons_since: vetoes by canonical reason and symbol, those of processes apart by themselves."""

from typing import Any

from tests.conftest import GivenRows, ago

REASONS = "from veto_reasons_since(timestamptz '2025-06-15 11:30:00+00', cast(['vps:2'] as varchar[]))"


def veto(store: GivenRows, minutes: float, reason: str, **columns: Any) -> None:
    store.add("vetoes", ago(minutes=minutes), veto_reason=reason, **{"symbol": "BTCUSDT", "pid": 1, **columns})


def test_they_are_counted_by_reason_and_symbol(store: GivenRows) -> None:
    veto(store, 61, "kill_switch")
    veto(store, 60, "kill_switch")
    veto(store, 50, "below_min_notional")
    veto(store, 40, "min_notional")
    veto(store, 30, "kill_switch")
    veto(store, 20, "min_notional", symbol="ETHUSDT")
    rows = store.rows(REASONS)
    assert [(row["reason"], row["symbol"], row["vetoes"]) for row in rows] == [
        ("min_notional", "BTCUSDT", 2),
        ("kill_switch", "BTCUSDT", 1),
        ("min_notional", "ETHUSDT", 1),
    ]
    assert (rows[0]["first_ts"], rows[0]["last_ts"]) == (ago(minutes=50), ago(minutes=40))


def test_twins_are_one_also_at_the_edge(store: GivenRows) -> None:
    veto(store, 40, "min_notional", position_side="LONG")
    store.add("vetoes", ago(minutes=40, seconds=-0.5), symbol="BTCUSDT", veto_reason="min_notional")
    veto(store, 60, "min_notional", position_side="LONG")  # at the instant, so its twin after it is before the span
    store.add("vetoes", ago(minutes=60, seconds=-0.5), symbol="BTCUSDT", veto_reason="min_notional")
    assert store.one(REASONS)["vetoes"] == 1


def test_those_of_processes_apart_are_counted_by_themselves(store: GivenRows) -> None:
    veto(store, 40, "kill_switch", hostname="vps", pid=2)
    veto(store, 39, "kill_switch", hostname="vps", pid=2)
    veto(store, 38, "kill_switch", hostname="vps", pid=1)
    row = store.one(REASONS)
    assert (row["vetoes"], row["vetoes_apart"]) == (1, 2)
