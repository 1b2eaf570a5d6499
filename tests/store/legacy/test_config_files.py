"""Imported limits and universe: what is used otherwise than it stands there is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tape.store.legacy.config_files import kept_in_range
from tape.store.legacy.importer import import_logs
from tests.conftest import AS_OF, GivenRows


@pytest.mark.parametrize(
    ("kind", "document", "said"),
    [
        (
            "limits",
            {"global": {"symbol_notional_share_cap_pct": 250, "max_trade_nav_pct": "-3"}},
            [
                "limits: global.symbol_notional_share_cap_pct: expected 0 to 1, or per cent up to 100, found 250.0:"
                " 1 is used",
                "limits: global.max_trade_nav_pct: expected 0 to 1, or per cent up to 100, found -3.0: 0 is used",
            ],
        ),
        (
            "limits",
            {"per_symbol": {"X": {"max_nav_pct": 101}, "Y": {"max_nav_pct": 100}, "Z": 7}},
            ["limits: per_symbol.X.max_nav_pct: expected 0 to 1, or per cent up to 100, found 101.0: 1 is used"],
        ),
        (
            "limits",
            {"router_autotune": {"min_bias": -1, "max_bias": 2}},
            [
                "limits: router_autotune.min_bias: expected 0 to 1, found -1.0: 0 is used",
                "limits: router_autotune.max_bias: expected 0 to 1, found 2.0: 1 is used",
            ],
        ),
        (
            "universe",
            {"universe": ["Y", {"symbol": "X", "caps": {"max_trade_nav_pct": -0.5}}, 5]},
            ["universe: X.caps.max_trade_nav_pct: expected 0 to 1, or per cent up to 100, found -0.5: 0 is used"],
        ),
        ("universe", {"symbols": [{"symbol": "X", "caps": None}]}, []),
        ("limits", {"global": {"max_trade_nav_pct": True, "symbol_notional_share_cap_pct": "NaN"}}, []),
        ("limits", [1], []),
    ],
)
def test_caps_and_biases_out_of_range_are_said(store: GivenRows, kind: str, document: Any, said: list[str]) -> None:
    store.add("config_snapshots", kind=kind, payload=document)
    assert kept_in_range(store.connection) == said


def test_an_import_ends_with_the_caps_that_it_does_not_use_as_they_stand(store: GivenRows, tmp_path: Path) -> None:
    (tmp_path / "risk_limits.json").write_text(json.dumps({"global": {"max_trade_nav_pct": 250}}))
    said = ["limits: global.max_trade_nav_pct: expected 0 to 1, or per cent up to 100, found 250.0: 1 is used"]
    assert _notes(store.connection, tmp_path) == said
    assert _notes(store.connection, tmp_path) == said, "again, although nothing is new"
    (tmp_path / "risk_limits.json").write_text(json.dumps({"global": {"max_trade_nav_pct": 25}}))
    assert _notes(store.connection, tmp_path) == []


def _notes(connection: duckdb.DuckDBPyConnection, folder: Path) -> list[str]:
    return import_logs(connection, folder, now=AS_OF).notes
