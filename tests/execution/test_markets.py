"""The market of a moment: the older tick's quote for what happened in between, none where it is too old."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tape.execution.intents import Intent
from tape.execution.markets import QUOTE_MAX_AGE, Markets, market_veto
from tape.execution.venues.venue import Quote

NOW = datetime(2025, 11, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def quote(ts: datetime, bid: float = 99.0) -> Quote:
    return Quote("BTCUSDT", ts, bid, bid + 2, bid + 1)


def test_what_happened_between_two_ticks_happened_in_the_older_market() -> None:
    markets = Markets()
    older, newer = quote(NOW), quote(NOW + SECOND, 109.0)
    markets.turn({"BTCUSDT": older})
    markets.turn({"BTCUSDT": newer})
    assert markets.at("BTCUSDT", NOW + SECOND / 2) == older
    assert markets.at("BTCUSDT", NOW + SECOND) == newer
    assert markets.at("BTCUSDT", NOW - SECOND) is None
    assert markets.at("ETHUSDT", NOW) is None


def test_an_old_quote_is_no_market_of_the_moment() -> None:
    markets = Markets()
    markets.turn({"BTCUSDT": quote(NOW)})
    assert markets.at("BTCUSDT", NOW + QUOTE_MAX_AGE) == quote(NOW)
    assert markets.at("BTCUSDT", NOW + QUOTE_MAX_AGE + SECOND) is None
    assert markets.fresh(NOW + QUOTE_MAX_AGE) == {"BTCUSDT": quote(NOW)}
    assert markets.fresh(NOW + QUOTE_MAX_AGE + SECOND) == {}


def test_nothing_is_entered_by_an_old_quote_and_nothing_worked_without_one() -> None:
    enters = Intent("i", "a", NOW, "BTCUSDT", "BUY", 1.0, 100.0, "s", NOW)
    leaves, late = replace(enters, reduce_only=True), NOW + QUOTE_MAX_AGE + SECOND
    assert market_veto(enters, quote(NOW), NOW) is None
    assert market_veto(leaves, quote(NOW), late) is None
    veto = market_veto(enters, quote(NOW), late)
    assert veto is not None
    assert (veto.reasons, veto.observed) == (("quote_stale",), {"quote_age_s": 91.0})
    missing = market_veto(leaves, None, NOW)
    assert missing is not None
    assert missing.reason == "no_quote"
