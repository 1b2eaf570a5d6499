"""Cases of execution quality: the shared file comes out right, and a wrong number is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.vectors import agree, check_case, database
from tests.conftest import SHARED

VECTORS = SHARED.parent / "quality_vectors.json"
AT = "2026-01-05T00:00:00+00:00"
ATTEMPT = {
    "ts": AT,
    "ingest_seq": 1,
    "event_id": "e1",
    "attempt_id": "a1",
    "symbol": "BTCUSDT",
    "side": "BUY",
    "qty": 2.0,
    "mark_price": 100.0,
    "colour": "red",
}


def case(expect: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": "one",
        "as_of": "2026-01-05T01:00:00+00:00",
        "tables": {"order_attempts": [ATTEMPT]},
        "expect": expect,
    }


def test_a_number_that_is_not_right_is_told_with_its_case_and_path() -> None:
    expect = {
        "attempts[0].decision_usd": 200.0,
        "attempts[0].target_qty": 3.0,
        "attempts[0].ts": 1767571200000000,
        "attempts[symbol=ETHUSDT].ts": 0,
        "executions": [],
    }
    with database() as connection:
        wrong = check_case(connection, case(expect), 1e-9)
        again = check_case(connection, case({"attempts[1].status": "working"}), 1e-9)
    assert [str(each) for each in wrong] == [
        "one: attempts[0].target_qty: expected 3.0, found 2.0",
        "one: attempts[symbol=ETHUSDT].ts: expected 0, found nothing there",
    ]
    assert len(again) == 1, "the rows of the case before are gone"


@pytest.mark.parametrize(
    ("expected", "found", "is_right"),
    [
        (1.0, 1.0 + 5e-10, True),
        (1.0, 1.0 + 5e-9, False),
        (1e6, 1e6 + 5e-4, True),
        (0, 0.0, True),
        (1, True, False),
        (None, 0.0, False),
        (None, None, True),
        ("a", "a", True),
        (["a", 1.0], ["a", 1.0], True),
        ([], [1.0], False),
    ],
)
def test_numbers_agree_within_the_tolerance_and_all_else_is_equal(expected: Any, found: Any, is_right: bool) -> None:
    assert agree(expected, found, 1e-9) is is_right


def test_every_number_of_the_shared_cases_is_right() -> None:
    if not VECTORS.is_file():
        pytest.skip(f"needs the cases in {VECTORS}")
    document = json.loads(Path(VECTORS).read_bytes())
    with database() as connection:
        wrong = [each for one in document["cases"] for each in check_case(connection, one, document["tolerance"])]
    assert wrong == []
