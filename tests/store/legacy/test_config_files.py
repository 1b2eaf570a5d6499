"""Imported limits and universe: what is used otherwise than it stands there is said."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tape.store.legacy.config_files import import_config, kept_in_range, without_use
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


def test_an_import_counts_and_names_the_keys_that_mean_nothing_here(store: GivenRows, tmp_path: Path) -> None:
    document = {"global": {"max_leverage": "four", "tiers": {}, "max_trade_nav_pc": 2}, "non_prod": {}}
    (tmp_path / "risk_limits.json").write_text(json.dumps(document))
    (tmp_path / "pairs_universe.json").write_text('{"version": "v6", "universe": ["BTCUSDT"]}')
    assert _notes(store.connection, tmp_path) == [
        "limits: 3 keys are kept without effect: non_prod, global.tiers, global.max_trade_nav_pc",
        "limits: global.max_trade_nav_pc: expected a key of [limits.global], found none of this name; did you mean"
        " max_trade_nav_pct?",
        "limits: global.max_leverage: expected a number above 0, up to 125 (times), found 'four': it is left out",
        "universe: 1 key is kept without effect: version",
    ]
    (payload,) = store.connection.execute("select payload from config_snapshots where kind = 'limits'").fetchall()[0]
    assert json.loads(payload) == document, "the document itself is kept whole"


def test_of_several_limits_the_newest_are_spoken_of(store: GivenRows) -> None:
    store.add("config_snapshots", AS_OF, kind="limits", payload={"old": 1})
    store.add("config_snapshots", AS_OF + timedelta(days=1), kind="limits", payload={"global": {"max_leverage": 2}})
    assert without_use(store.connection) == []


def test_a_document_is_compared_with_the_newest_on_record_and_not_with_an_older_equal_one(
    store: GivenRows, tmp_path: Path
) -> None:
    path = tmp_path / "risk_limits.json"
    for day, most in enumerate((1, 2, 2, 1)):
        path.write_text(json.dumps({"global": {"max_leverage": most}}))
        import_config(store.connection, path, "limits", AS_OF + timedelta(days=day))
    rows = store.connection.execute("select payload from config_snapshots order by ts").fetchall()
    assert [json.loads(payload)["global"]["max_leverage"] for (payload,) in rows] == [1, 2, 1]


def test_of_two_documents_at_one_instant_the_one_stored_last_is_judged(store: GivenRows) -> None:
    for most in (250, 0.5, 300, 0.25):
        store.limits(**{"global": {"max_trade_nav_pct": most}})
    assert kept_in_range(store.connection) == []
    store.limits(**{"global": {"max_trade_nav_pct": 101}})
    assert len(kept_in_range(store.connection)) == 1
