"""exec_stats: execution counts of 24 h (semantics 11)."""

from tests.conftest import GivenRows, ago
from tests.sql.conftest import read_one


def test_fill_rate_is_the_share_of_the_attempts_that_have_a_fill_whenever_it_came(store: GivenRows) -> None:
    for attempt_id, hours in [("a", 1.0), ("b", 2.0), ("c", 3.0), (None, 4.0), ("old", 25.0)]:
        store.add("order_attempts", ago(hours=hours), attempt_id=attempt_id)
    store.add("order_fills", ago(hours=30), symbol="BTCUSDT", order_id="1", attempt_id="a")
    store.add("order_fills", ago(hours=1), symbol="BTCUSDT", order_id="2", attempt_id="a")
    store.add("order_fills", ago(hours=1), symbol="BTCUSDT", order_id="3", attempt_id="old")
    store.add("order_fills", ago(hours=1), symbol="BTCUSDT", order_id="4")
    row = read_one(store, "exec_stats")
    assert (row["attempted_24h"], row["executed_24h"], row["fill_rate"]) == (4, 3, 0.25)


def test_an_order_that_ended_without_a_quantity_has_no_fill(store: GivenRows) -> None:
    for number, quantity in enumerate([0.0, 0.0, 1.0, 2.0], 1):
        store.add("order_attempts", attempt_id=f"a{number}")
        store.add("order_fills", symbol="BTCUSDT", order_id=str(number), attempt_id=f"a{number}", executed_qty=quantity)
    row = read_one(store, "exec_stats")
    assert (row["attempted_24h"], row["executed_24h"], row["fill_rate"]) == (4, 2, 0.5)


def test_rows_with_one_attempt_id_are_one_attempt(store: GivenRows) -> None:
    for attempt_id, hours in [("a", 1.0), ("a", 2.0), ("b", 3.0), ("c", 23.0), ("c", 25.0), (None, 1.0), (None, 1.0)]:
        store.add("order_attempts", ago(hours=hours), attempt_id=attempt_id)
    store.add("order_fills", symbol="BTCUSDT", order_id="1", attempt_id="a")
    store.add("order_fills", symbol="BTCUSDT", order_id="2", attempt_id="c")
    row = read_one(store, "exec_stats")
    assert (row["attempted_24h"], row["fill_rate"]) == (4, 0.25), "a, b and two without an id: c began before"


def test_without_attempts_there_is_no_fill_rate_and_every_list_is_empty(store: GivenRows) -> None:
    store.add("order_fills", symbol="BTCUSDT", order_id="1")
    assert read_one(store, "exec_stats") == {
        "attempted_24h": 0,
        "executed_24h": 1,
        "vetoes_24h": 0,
        "fill_rate": None,
        "top_vetoes": [],
        "last_heartbeats": {},
    }


def test_the_five_most_frequent_reasons_come_by_count_then_by_name(store: GivenRows) -> None:
    for reason, count in [("b", 2), ("a", 2), ("z", 3), ("e", 1), ("d", 1), ("c", 1)]:
        for minute in range(count):
            store.add("vetoes", ago(minutes=minute), symbol="BTCUSDT", veto_reason=reason)
    row = read_one(store, "exec_stats")
    assert row["vetoes_24h"] == 10
    found = [(item["reason"], item["count"]) for item in row["top_vetoes"]]
    assert found == [("z", 3), ("a", 2), ("b", 2), ("c", 1), ("d", 1)]


def test_a_veto_logged_twice_counts_once_under_its_canonical_reason(store: GivenRows) -> None:
    store.add("vetoes", symbol="BTCUSDT", veto_reason="below_min_notional", position_side="LONG")
    store.add("vetoes", symbol="BTCUSDT", veto_reason="min_notional")
    row = read_one(store, "exec_stats")
    assert (row["vetoes_24h"], row["top_vetoes"]) == (1, [{"reason": "min_notional", "count": 1}])


def test_the_last_heartbeat_of_each_service_heard_within_24_hours_is_told(store: GivenRows) -> None:
    for service, hours in [("executor", 2.0), ("executor", 1.0), ("publisher", 23.0), ("gone", 24.0)]:
        store.add("heartbeats", ago(hours=hours), service=service)
    assert read_one(store, "exec_stats")["last_heartbeats"] == {
        "executor": "2025-06-15T11:30:00Z",
        "publisher": "2025-06-14T13:30:00Z",
    }
