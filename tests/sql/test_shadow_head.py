"""shadow_head: shadow decisions of 24 h (semantics 10)."""

import json
from typing import Any

from tests.conftest import GivenRows, ago


def decide(store: GivenRows, hours: float, is_allowed: bool | None, **columns: Any) -> None:
    given = {"symbol": "BTCUSDT", "is_heartbeat": False, "decision": {"hours": hours}, **columns}
    store.add("shadow_decisions", ago(hours=hours), is_allowed=is_allowed, **given)


def test_what_is_not_allowed_is_vetoed_and_heartbeats_are_never_counted(store: GivenRows) -> None:
    decide(store, 3, True)
    decide(store, 2, False)
    decide(store, 4, None)
    decide(store, 1, True, is_heartbeat=True)
    decide(store, 24, True)
    row = store.one("shadow_head")
    assert (row["total"], row["allowed"], row["vetoed"]) == (3, 1, 2)
    assert json.loads(row["last_decision"]) == {"hours": 2}


def test_of_two_decisions_at_the_same_time_the_later_arrival_is_the_latest(store: GivenRows) -> None:
    decide(store, 1, True, decision={"n": 1})
    decide(store, 1, True, decision={"n": 2})
    assert json.loads(store.one("shadow_head")["last_decision"]) == {"n": 2}


def test_without_decisions_there_are_zeros_and_no_decision(store: GivenRows) -> None:
    assert store.one("shadow_head") == {"total": 0, "allowed": 0, "vetoed": 0, "last_decision": None}
