"""vetoes_since: a raw and a canonical row of one veto are merged, nearest first (semantics 14)."""

import json
from typing import Any

import pytest

from tests.conftest import GivenRows, ago

SINCE = "from vetoes_since(timestamptz '2025-06-15 11:30:00+00') order by ts, ingest_seq"


def veto(store: GivenRows, event_id: str, seconds: float, **columns: Any) -> None:
    """A veto ``seconds`` after 12:00; ids that begin with r are raw."""
    given = {"symbol": "BTCUSDT", "veto_reason": "min_notional", **columns}
    if event_id.startswith("r"):
        given.setdefault("position_side", "LONG")
    store.add("vetoes", ago(minutes=30, seconds=-seconds), event_id=event_id, **given)


def twins(store: GivenRows) -> dict[str, str | None]:
    return {row["event_id"]: row["twin_event_id"] for row in store.rows(SINCE)}


def test_a_raw_and_a_canonical_row_are_one_veto_with_fields_joined(store: GivenRows) -> None:
    veto(store, "r1", 0.0, veto_reason="below_min_notional", side="BUY", qty_req=2.0, veto_detail={"seen": 1})
    veto(store, "c1", 0.3, side="SELL", attempt_id="a1")
    row = store.rows(SINCE)[0]
    assert (row["event_id"], row["twin_event_id"], row["reason"]) == ("c1", "r1", "min_notional")
    assert (row["ts"], row["side"], row["position_side"]) == (ago(minutes=30), "SELL", "LONG")
    assert (row["qty_req"], row["attempt_id"], row["original_reason"]) == (2.0, "a1", "min_notional")
    assert len(store.rows(SINCE)) == 1


@pytest.mark.parametrize(("distance", "count"), [(1.0, 1), (-1.0, 1), (1.000001, 2), (-1.000001, 2), (0.0, 1)])
def test_twins_are_at_most_one_second_apart_with_the_second_included(
    store: GivenRows, distance: float, count: int
) -> None:
    veto(store, "r1", 0.0)
    veto(store, "c1", distance)
    assert len(store.rows(SINCE)) == count


@pytest.mark.parametrize("ids", [("r1", "r2"), ("c1", "c2")])
def test_two_rows_of_the_same_shape_are_never_one(store: GivenRows, ids: tuple[str, str]) -> None:
    for event_id in ids:
        veto(store, event_id, 0.0)
    assert twins(store) == dict.fromkeys(ids)


@pytest.mark.parametrize("differing", [{"symbol": "ETHUSDT"}, {"veto_reason": "kill_switch"}])
def test_twins_have_the_same_symbol_and_canonical_reason(store: GivenRows, differing: dict[str, Any]) -> None:
    veto(store, "r1", 0.0)
    veto(store, "c1", 0.0, **differing)
    assert twins(store) == {"r1": None, "c1": None}


@pytest.mark.parametrize(
    ("detail", "count"), [({"intent": {"symbol": "BTCUSDT"}}, 1), ({"intent": None}, 2), ({"reasons": []}, 2)]
)
def test_an_intent_in_the_detail_marks_a_raw_row(store: GivenRows, detail: dict[str, Any], count: int) -> None:
    veto(store, "x1", 0.0, veto_detail=detail)
    veto(store, "c1", 0.0)
    assert len(store.rows(SINCE)) == count


@pytest.mark.parametrize("side", [None, "", " "])
def test_a_position_side_of_nothing_marks_no_raw_row(store: GivenRows, side: str | None) -> None:
    veto(store, "c1", 0.0, position_side=side)
    veto(store, "r1", 0.2, position_side="LONG")
    assert twins(store) == {"c1": "r1"}
    veto(store, "c2", 5.0, position_side=side)
    veto(store, "c3", 5.2)
    assert twins(store) == {"c1": "r1", "c2": None, "c3": None}


def test_a_twin_after_the_instant_is_not_seen(store: GivenRows) -> None:
    veto(store, "c1", 0.0)
    veto(store, "r1", 0.4)
    before = store.rows(SINCE, as_of=ago(minutes=30, seconds=-0.3))
    assert [(row["event_id"], row["twin_event_id"]) for row in before] == [("c1", None)]
    assert twins(store) == {"c1": "r1"}


def test_of_three_rows_the_nearest_pair_is_one_and_the_third_stays(store: GivenRows) -> None:
    veto(store, "r1", 0.0)
    veto(store, "c1", 0.4)
    veto(store, "r2", 0.6)
    assert twins(store) == {"r1": None, "c1": "r2"}


def test_what_the_nearest_pair_leaves_is_paired_again(store: GivenRows) -> None:
    veto(store, "r1", 0.0)
    veto(store, "c1", 0.5)
    veto(store, "r2", 0.6)
    veto(store, "c2", 0.9)
    assert twins(store) == {"c1": "r2", "c2": "r1"}


def test_what_the_nearest_pair_leaves_stays_alone_when_it_is_too_far_apart(store: GivenRows) -> None:
    veto(store, "r1", 0.0)
    veto(store, "c1", 0.4)
    veto(store, "r2", 0.6)
    veto(store, "c2", 1.4)
    assert twins(store) == {"r1": None, "c1": "r2", "c2": None}


def test_of_two_rows_equally_near_the_earlier_is_the_twin(store: GivenRows) -> None:
    veto(store, "c_after", 0.5)
    veto(store, "r1", 0.0)
    veto(store, "c_before", -0.5)
    assert twins(store) == {"c_before": "r1", "c_after": None}


def test_of_two_rows_at_the_same_time_the_earlier_arrival_is_the_twin(store: GivenRows) -> None:
    veto(store, "c_first", 0.0)
    veto(store, "c_second", 0.0)
    veto(store, "r1", 0.0)
    assert twins(store) == {"c_first": "r1", "c_second": None}


def test_four_rows_at_the_same_time_are_two_vetoes(store: GivenRows) -> None:
    for event_id in ("r1", "r2", "c1", "c2"):
        veto(store, event_id, 0.0)
    assert twins(store) == {"c1": "r1", "c2": "r2"}


def test_the_original_reason_is_the_logged_one_where_none_is_given(store: GivenRows) -> None:
    veto(store, "c1", 0.0, veto_reason="not_whitelisted")
    row = store.rows(SINCE)[0]
    assert (row["reason"], row["original_reason"]) == ("whitelist", "not_whitelisted")


def test_the_instant_itself_is_excluded(store: GivenRows) -> None:
    veto(store, "c1", -1800)
    veto(store, "c2", -1799.9)
    assert twins(store) == {"c2": None}


JOINED = {
    "side": "BUY",
    "position_side": "LONG",
    "strategy": "vol",
    "original_reason": "too_small",
    "qty_req": 2.0,
    "signal_ts": ago(minutes=40),
    "attempt_id": "a1",
    "intent_id": "i1",
    "thresholds": {"min_notional_usd": 25.0},
    "veto_detail": {"intent": {"symbol": "BTCUSDT"}},
    "context": {"spread_bps": 1.5},
}


@pytest.mark.parametrize("name", JOINED)
def test_each_field_that_the_canonical_row_lacks_is_taken_from_the_raw_row(store: GivenRows, name: str) -> None:
    own = {
        "side": "SELL",
        "strategy": "own",
        "original_reason": "own",
        "qty_req": 7.0,
        "signal_ts": ago(minutes=50),
        "attempt_id": "own",
        "intent_id": "own",
        "thresholds": {"own": 1},
        "veto_detail": {"own": 1},
        "context": {"own": 1},
    }
    veto(store, "r1", 0.0, **JOINED)
    veto(store, "c1", 0.3, **{key: value for key, value in own.items() if key != name})
    (row,) = store.rows(SINCE)
    found = {key: json.loads(row[key]) if isinstance(JOINED[key], dict) else row[key] for key in JOINED}
    assert found == {**JOINED, **own, name: JOINED[name]} | {"position_side": "LONG"}
    assert row["ts"] == ago(minutes=30)


def test_a_merged_veto_keeps_the_number_of_the_canonical_row(store: GivenRows) -> None:
    veto(store, "r1", 0.3)
    veto(store, "c1", 0.0)
    (row,) = store.rows(SINCE)
    assert (row["ts"], row["ingest_seq"]) == (ago(minutes=30), 2)


def test_a_mutual_match_at_equal_distance_goes_to_the_pair_that_was_stored_first(store: GivenRows) -> None:
    veto(store, "c2", 0.2)
    veto(store, "r1", 0.0)
    veto(store, "c1", 0.2)
    veto(store, "r2", 0.0)
    assert twins(store) == {"c2": "r1", "c1": "r2"}
