"""processes_since: what each process recorded after an instant, and the NAVs that it told."""

from tests.conftest import GivenRows, ago

PROCESSES = "from processes_since(timestamptz '2025-06-15 11:30:00+00')"
LIVE = {"hostname": "vps", "pid": 1}
TEST = {"hostname": "vps", "pid": 2}


def test_counts_are_of_events_after_the_instant_and_navs_of_a_month_more(store: GivenRows) -> None:
    store.add("ticks", ago(days=31), equity_usd=50.0, **LIVE)
    store.add("ticks", ago(days=2), equity_usd=100.0, **LIVE)
    store.add("ticks", ago(minutes=50), equity_usd=90.0, **LIVE)
    store.add("ticks", ago(minutes=40), equity_usd=95.0, **LIVE)
    for minutes in (70, 45, 44):
        store.add("order_attempts", ago(minutes=minutes), symbol="BTCUSDT", attempt_id="a1", **LIVE)
    store.add("order_attempts", ago(minutes=43), symbol="BTCUSDT", attempt_id="a2", **LIVE)
    store.add("order_errors", ago(minutes=42), symbol="BTCUSDT", **LIVE)
    store.add("order_fills", ago(minutes=41), symbol="BTCUSDT", order_id="o1", **LIVE)
    store.close("BTCUSDT", 1.0, ago(minutes=41), order_id="o1", **LIVE)
    row = store.one(PROCESSES)
    assert (row["process"], row["first_ts"], row["last_ts"]) == ("vps:1", ago(days=2), ago(minutes=40))
    assert (row["nav_first_usd"], row["nav_last_usd"]) == (100.0, 95.0)
    assert (row["nav_low_usd"], row["nav_high_usd"], row["navs"]) == (90.0, 100.0, 3)
    counts = [row[name] for name in ("ticks", "attempts", "vetoes", "fills", "closes", "errors")]
    assert counts == [2, 2, 0, 1, 1, 1]


def test_twins_of_a_veto_are_one(store: GivenRows) -> None:
    given = {"symbol": "BTCUSDT", "veto_reason": "min_notional", **TEST}
    store.add("vetoes", ago(minutes=30), position_side="LONG", **given)
    store.add("vetoes", ago(minutes=30, seconds=-0.4), context={"nav": 1000.0}, **given)
    row = store.one(PROCESSES)
    assert (row["process"], row["vetoes"], row["nav_last_usd"]) == ("vps:2", 1, 1000.0)


def test_a_process_that_told_no_nav_has_none(store: GivenRows) -> None:
    store.add("order_attempts", ago(minutes=30), symbol="BTCUSDT", nav_snapshot={"nav_usd": 0.0})
    row = store.one(PROCESSES)
    assert (row["process"], row["navs"], row["nav_first_usd"], row["attempts"]) == (":", 0, None, 1)
