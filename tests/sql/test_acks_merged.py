"""acks_merged: the two halves of an old ack are one (semantics 14)."""

from typing import Any

import pytest

from tests.conftest import GivenRows, ago


def ack(store: GivenRows, seconds: float, source: str | None = "order_ack", **columns: Any) -> None:
    given = {"symbol": "BTCUSDT", "client_order_id": "c1", **columns}
    store.add("order_acks", ago(seconds=seconds), source=source, **given)


def test_an_executed_row_of_the_same_client_order_id_is_the_same_ack_with_fields_joined(store: GivenRows) -> None:
    ack(store, 60, price=0.0, side="BUY", order_type=None, event_id="half")
    ack(store, 59, "order_executed", price=101.0, side="SELL", order_type="MARKET", attempt_id="a1", event_id="other")
    row = store.one("acks_merged")
    assert (row["event_id"], row["twin_event_id"], row["ts"]) == ("half", "other", ago(seconds=60))
    assert (row["price"], row["side"], row["order_type"], row["attempt_id"]) == (0.0, "BUY", "MARKET", "a1")


def test_a_reused_client_order_id_goes_to_the_ack_nearest_in_time(store: GivenRows) -> None:
    ack(store, 100, event_id="early")
    ack(store, 10, event_id="late")
    ack(store, 9, "order_executed", event_id="executed")
    found = {row["event_id"]: row["twin_event_id"] for row in store.rows("acks_merged")}
    assert found == {"early": None, "late": "executed"}


def test_an_executed_row_of_another_symbol_or_without_an_ack_stays_its_own(store: GivenRows) -> None:
    ack(store, 10, event_id="btc")
    ack(store, 10, "order_executed", symbol="ETHUSDT", event_id="eth")
    ack(store, 10, "order_executed", client_order_id="c2", event_id="alone")
    found = {row["event_id"]: row["twin_event_id"] for row in store.rows("acks_merged")}
    assert found == {"btc": None, "eth": None, "alone": None}


def test_two_acks_are_never_one(store: GivenRows) -> None:
    ack(store, 10)
    ack(store, 10)
    assert len(store.rows("acks_merged")) == 2


def test_status_dry_marks_a_dry_run(store: GivenRows) -> None:
    ack(store, 3, status="DRY")
    ack(store, 2, status="NEW")
    ack(store, 1)
    assert [row["is_dry_run"] for row in store.rows("from acks_merged order by ts")] == [True, False, False]


JOINED: dict[str, Any] = {
    "side": "BUY",
    "request_qty": 2.0,
    "order_type": "LIMIT",
    "status": "NEW",
    "price": 99.0,
    "position_side": "LONG",
    "reduce_only": True,
    "latency_ms": 12.0,
    "attempt_id": "a1",
    "intent_id": "i1",
    "strategy": "vol",
}
OWN: dict[str, Any] = {
    "side": "SELL",
    "request_qty": 0.0,
    "order_type": "MARKET",
    "status": "DRY",
    "price": 0.0,
    "position_side": "SHORT",
    "reduce_only": False,
    "latency_ms": 0.0,
    "attempt_id": "own",
    "intent_id": "own",
    "strategy": "own",
}


@pytest.mark.parametrize("name", JOINED)
def test_each_field_that_an_ack_lacks_is_taken_from_its_other_half(store: GivenRows, name: str) -> None:
    ack(store, 60, **{key: value for key, value in OWN.items() if key != name})
    ack(store, 59, "order_executed", **JOINED)
    row = store.one("acks_merged")
    assert {key: row[key] for key in JOINED} == {**OWN, name: JOINED[name]}
    assert (row["ingest_seq"], row["ts"]) == (1, ago(seconds=60))


def test_of_two_halves_equally_near_the_one_stored_first_is_joined(store: GivenRows) -> None:
    ack(store, 10, event_id="ack")
    ack(store, 9, "order_executed", event_id="after")
    ack(store, 11, "order_executed", event_id="before")
    found = {row["event_id"]: row["twin_event_id"] for row in store.rows("acks_merged")}
    assert found == {"ack": "after", "before": None}


def test_of_two_acks_equally_near_the_one_stored_first_is_joined(store: GivenRows) -> None:
    ack(store, 9, event_id="first")
    ack(store, 11, event_id="second")
    ack(store, 10, "order_executed", event_id="executed")
    found = {row["event_id"]: row["twin_event_id"] for row in store.rows("acks_merged")}
    assert found == {"first": "executed", "second": None}


def test_an_ack_of_an_unknown_source_is_another_half(store: GivenRows) -> None:
    ack(store, 10, event_id="ack")
    ack(store, 9, None, event_id="unknown")
    assert [row["twin_event_id"] for row in store.rows("acks_merged")] == ["unknown"]


def test_the_nearer_half_is_joined_although_another_was_stored_first(store: GivenRows) -> None:
    ack(store, 10, event_id="ack")
    ack(store, 50, "order_executed", event_id="far")
    ack(store, 9, "order_executed", event_id="near")
    found = {row["event_id"]: row["twin_event_id"] for row in store.rows("acks_merged")}
    assert found == {"ack": "near", "far": None}
