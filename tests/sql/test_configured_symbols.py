"""configured_symbols: the universe with its caps (semantics head, 8)."""

from typing import Any

import pytest

from tests.conftest import GivenRows, ago


def rows(store: GivenRows) -> dict[str, dict[str, Any]]:
    return {row["symbol"]: row for row in store.rows("configured_symbols")}


def test_without_a_universe_there_is_no_symbol(store: GivenRows) -> None:
    assert store.rows("configured_symbols") == []


@pytest.mark.parametrize("shape", ["universe", "symbols", "list"])
def test_the_universe_is_read_in_each_of_its_shapes(store: GivenRows, shape: str) -> None:
    listed = ["btcusdt", {"symbol": "ethusdt", "tier": "CORE"}]
    payload = listed if shape == "list" else {shape: listed}
    store.add("config_snapshots", ago(days=9), kind="universe", payload=payload)
    found = {symbol: (row["is_enabled"], row["tier"]) for symbol, row in rows(store).items()}
    assert found == {"BTCUSDT": (True, None), "ETHUSDT": (True, "CORE")}


def test_a_symbol_is_enabled_unless_it_says_otherwise(store: GivenRows) -> None:
    store.universe({"symbol": "A"}, {"symbol": "B", "enabled": True}, {"symbol": "C", "enabled": False})
    assert {symbol: row["is_enabled"] for symbol, row in rows(store).items()} == {"A": True, "B": True, "C": False}


def test_the_newest_universe_replaces_the_older_one(store: GivenRows) -> None:
    store.universe("OLDUSDT")
    store.add("config_snapshots", ago(days=1), kind="universe", payload={"universe": [{"symbol": "NEWUSDT"}]})
    assert set(rows(store)) == {"NEWUSDT"}


def test_limits_of_the_symbol_count_before_the_caps_of_the_universe(store: GivenRows) -> None:
    caps = {"max_nav_pct": 30, "max_trade_nav_pct": 0.05, "max_concurrent_positions": 4}
    store.universe({"symbol": "BTCUSDT", "caps": caps}, {"symbol": "ETHUSDT", "caps": caps}, "SOLUSDT")
    store.limits(per_symbol={"btcusdt": {"max_nav_pct": 0, "max_trade_nav_pct": None, "max_concurrent_positions": 2}})
    names = ("nav_cap_frac", "trade_cap_frac", "max_concurrent_positions")
    assert {symbol: tuple(row[name] for name in names) for symbol, row in rows(store).items()} == {
        "BTCUSDT": (0.0, 0.05, 2),
        "ETHUSDT": (0.3, 0.05, 4),
        "SOLUSDT": (None, None, None),
    }


def test_caps_are_kept_within_their_bounds(store: GivenRows) -> None:
    huge = {"max_nav_pct": 250, "max_trade_nav_pct": -3, "max_concurrent_positions": 1e99}
    store.universe({"symbol": "A", "caps": huge}, {"symbol": "B", "caps": {"max_concurrent_positions": -2}})
    found = rows(store)
    assert (found["A"]["nav_cap_frac"], found["A"]["trade_cap_frac"]) == (1.0, 0.0)
    assert (found["A"]["max_concurrent_positions"], found["B"]["max_concurrent_positions"]) == (10**15, 0)


def test_symbols_are_trimmed_and_of_two_entries_the_last_counts(store: GivenRows) -> None:
    store.universe({"symbol": " btcusdt ", "tier": "OLD"}, {"symbol": "BTCUSDT", "tier": "NEW"}, " ", {"symbol": ""})
    store.limits(per_symbol={" btcusdt": {"max_nav_pct": 0.5}})
    assert {symbol: (row["tier"], row["nav_cap_frac"]) for symbol, row in rows(store).items()} == {
        "BTCUSDT": ("NEW", 0.5)
    }


@pytest.mark.parametrize("per_symbol", [{'A"B.c': {"max_nav_pct": 0.1}, "A": {"max_nav_pct": 0.2}}, [1], "x", 7, None])
def test_limits_of_any_shape_do_no_harm(store: GivenRows, per_symbol: object) -> None:
    store.universe("A")
    store.limits(per_symbol=per_symbol)
    assert rows(store)["A"]["nav_cap_frac"] == (0.2 if isinstance(per_symbol, dict) else None)


@pytest.mark.parametrize("word", ["false", "0", "no", "off", "OFF", False, 0])
def test_each_word_for_off_switches_a_symbol_off(store: GivenRows, word: object) -> None:
    store.universe({"symbol": "A", "enabled": word}, {"symbol": "B", "enabled": "yes"}, {"symbol": "C", "enabled": 1})
    assert {symbol: row["is_enabled"] for symbol, row in rows(store).items()} == {"A": False, "B": True, "C": True}


def test_of_two_universes_at_one_instant_the_one_stored_last_counts(store: GivenRows) -> None:
    store.universe("FIRST")
    store.universe("SECOND")
    assert set(rows(store)) == {"SECOND"}


def test_of_two_limits_of_one_symbol_the_first_by_its_spelling_counts(store: GivenRows) -> None:
    store.universe("A")
    store.limits(per_symbol={"a": {"max_nav_pct": 0.1}, "A": {"max_nav_pct": 0.2}})
    assert rows(store)["A"]["nav_cap_frac"] == 0.2
