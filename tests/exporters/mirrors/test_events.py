"""The mirrors of events one slice at a time: which rows come next, in which order, and how far they reach."""

from __future__ import annotations

import json

import pytest

from tape.execution.events import IntentVetoed, OrderAcked, OrderClosed, OrderFailed, OrderFilled
from tape.exporters.mirrors import events as event_mirrors
from tape.exporters.mirrors.events import EVENT_MIRRORS, EventMirror, not_imported
from tests.conftest import AS_OF, GivenRows


def mirror(store: GivenRows, name: str) -> EventMirror:
    return EventMirror(store.connection, name, EVENT_MIRRORS[name], not_imported(store.connection))


def test_the_logs_hold_the_events_of_the_contract() -> None:
    orders = EVENT_MIRRORS["execution/orders_executed.jsonl"]
    assert set(orders) == {OrderAcked, OrderFilled, OrderClosed, OrderFailed}
    assert EVENT_MIRRORS["execution/risk_vetoes.jsonl"] == (IntentVetoed,)
    assert len(EVENT_MIRRORS) == 4


@pytest.mark.parametrize(
    ("spans", "condition"),
    [
        ([], "true"),
        ([(3, 5)], "true and not ingest_seq between 3 and 5"),
        ([(6, 9), (3, 5)], "true and not ingest_seq between 3 and 9"),
        ([(3, 5), (7, 9)], "true and not ingest_seq between 3 and 5 and not ingest_seq between 7 and 9"),
        ([(3, 9), (4, 5), (10, 10)], "true and not ingest_seq between 3 and 10"),
    ],
)
def test_what_was_imported_is_told_by_as_few_spans_as_can_be(
    store: GivenRows, spans: list[tuple[int, int]], condition: str
) -> None:
    for first, last in spans:
        store.connection.execute("insert into imports values (?, 'log', ?, ?)", [AS_OF, first, last])
    assert not_imported(store.connection) == condition


def test_rows_of_several_tables_come_in_the_order_in_which_they_were_stored(store: GivenRows) -> None:
    ids = [store.add(table) for table in ("order_fills", "order_acks", "order_errors", "order_closes", "order_acks")]
    store.add("vetoes")
    lines = mirror(store, "execution/orders_executed.jsonl").lines(0)
    assert ([event_id for event_id, _ in lines.lines], lines.last_seq, lines.are_all) == (ids, 5, True)
    assert [json.loads(line)["event_id"] for _, line in lines.lines] == ids


def test_rows_behind_a_number_come_and_the_row_itself_does_not(store: GivenRows) -> None:
    ids = [store.add("vetoes") for _ in range(3)]
    lines = mirror(store, "execution/risk_vetoes.jsonl").lines(2)
    assert ([event_id for event_id, _ in lines.lines], lines.last_seq) == (ids[2:], 3)
    assert mirror(store, "execution/risk_vetoes.jsonl").lines(3) == ([], 3, True)


def test_imported_rows_are_left_out_and_do_not_move_the_number(store: GivenRows) -> None:
    own = store.add("vetoes")
    store.add("vetoes")
    store.connection.execute("insert into imports values (?, 'log', 2, 2)", [AS_OF])
    lines = mirror(store, "execution/risk_vetoes.jsonl").lines(0)
    assert ([event_id for event_id, _ in lines.lines], lines.last_seq) == ([own], 1)


@pytest.mark.parametrize(("size", "reached"), [(2, [2, 4, 5]), (5, [5, 5]), (6, [5])])
def test_a_full_slice_is_not_known_to_be_all(
    store: GivenRows, monkeypatch: pytest.MonkeyPatch, size: int, reached: list[int]
) -> None:
    for table in ("order_fills", "order_acks", "order_acks", "order_closes", "order_fills"):
        store.add(table)
    monkeypatch.setattr(event_mirrors, "_SLICE", size)
    found, last_seq = [], 0
    while True:
        lines = mirror(store, "execution/orders_executed.jsonl").lines(last_seq)
        last_seq = lines.last_seq
        found.append(last_seq)
        if lines.are_all:
            break
    assert found == reached
