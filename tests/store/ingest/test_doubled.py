"""The whole history is searched for ids that came again and for events that stand twice."""

from __future__ import annotations

from datetime import UTC, datetime

from tape.store.ingest.doubled import Doubled, shared_contents, shared_ids
from tests.conftest import GivenRows

ELEVEN, NOON = (datetime(2025, 11, 1, hour, tzinfo=UTC) for hour in (11, 12))
MD5 = "0123456789abcdef0123456789abcdef"
CLOSE = {"symbol": "BTCUSDT", "order_id": "7", "realized_pnl_usd": 10.0, "run_id": "run"}


def test_ids_of_one_table_and_of_two_are_told_with_their_times(store: GivenRows) -> None:
    store.add("order_closes", ELEVEN, event_id="close-1", **CLOSE)
    store.add("order_closes", NOON, event_id="close-1", **CLOSE)
    store.add("order_closes", ELEVEN, event_id="close-0", **CLOSE)
    store.add("order_closes", ELEVEN, event_id="close-0", **CLOSE)
    store.add("order_errors", NOON, event_id="x", symbol="BTCUSDT")
    store.add("marks", ELEVEN, event_id="x", symbol="BTCUSDT", mark_price=1.0)
    store.add("marks", ELEVEN, event_id="alone", symbol="BTCUSDT", mark_price=1.0)
    assert shared_ids(store.connection) == [
        Doubled(("marks", "order_errors"), 1, 2, "x", ELEVEN, NOON),
        Doubled(("order_closes",), 2, 4, "close-1", ELEVEN, NOON),
    ]


def test_ids_that_the_journal_made_are_not_searched(store: GivenRows) -> None:
    for _ in range(2):
        store.add("marks", NOON, event_id="run-1", symbol="BTCUSDT", mark_price=1.0, run_id="run")
    assert shared_ids(store.connection) == []


def test_an_order_event_in_other_words_under_ids_that_nobody_gave_is_told(store: GivenRows) -> None:
    veto = {"symbol": "BTCUSDT", "veto_reason": "cap", "run_id": "run"}
    store.add("vetoes", NOON, event_id="run-1", veto_detail={"a": 1, "b": 2}, **veto)
    store.add("vetoes", NOON, event_id=MD5, veto_detail={"b": 2.0, "a": 1}, **veto)
    store.add("vetoes", NOON, event_id="given", veto_detail={"a": 1, "b": 2}, **veto)
    store.add("vetoes", NOON, event_id="run-2", veto_detail={"a": 1, "b": 3}, **veto)
    store.add("vetoes", ELEVEN, event_id="run-3", veto_detail={"a": 1, "b": 2}, **veto)
    assert shared_contents(store.connection) == [Doubled(("vetoes",), 1, 2, MD5, NOON, NOON)]
    assert shared_ids(store.connection) == []


def test_an_empty_store_has_none(store: GivenRows) -> None:
    assert (shared_ids(store.connection), shared_contents(store.connection)) == ([], [])
