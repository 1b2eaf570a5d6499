"""The paper account: what opens needs margin, what closes does not, funding goes from longs to shorts."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tape.execution.positions import UNITS
from tape.execution.venues.ledger import Fees, Ledger
from tape.execution.venues.venue import Quote, Side, Traded

NOON = datetime(2025, 11, 1, 12, tzinfo=UTC)


def ledger_with(side: Side, qty: float) -> Ledger:
    ledger = Ledger(1_000.0, Fees(), leverage=5.0)
    ledger.apply(Traded("c", "1", "1", "X", side, NOON, qty, 100.0, 1.0, "USDT", False, "FILLED"))
    return ledger


def quotes(mark: float) -> dict[str, Quote]:
    return {"X": Quote("X", NOON, mark - 0.1, mark + 0.1, mark)}


@pytest.mark.parametrize(
    ("signed_qty", "opens_qty"), [(5, 5), (-5, 0), (-20, 0), (-25, 5)], ids=["adds", "reduces", "turns", "turns more"]
)
def test_only_what_enlarges_the_position_opens(signed_qty: int, opens_qty: int) -> None:
    assert ledger_with("BUY", 10).opens_usd("X", signed_qty * UNITS, 100.0) == opens_qty * 100


def test_equity_covers_held_and_open_and_new() -> None:
    """Equity 999 at leverage 5 carries 4,995 with its fees: 1,000 held, 2,000 of other orders, 1,980 new."""
    ledger = ledger_with("BUY", 10)
    assert ledger.covers(1_980.0, 2_000.0, quotes(100.0))
    assert not ledger.covers(1_995.0, 2_000.0, quotes(100.0))
    assert not ledger.covers(1_980.0, 2_020.0, quotes(100.0))
    assert not ledger.covers(1_980.0, 2_000.0, quotes(99.0))
    assert ledger.covers(0.0, 9_999.0, quotes(1.0))


def test_shorts_are_paid_by_a_positive_rate() -> None:
    ledger = ledger_with("SELL", 10)
    assert ledger.fund("X", 100.0, 1e-4) == pytest.approx(0.1)
    assert ledger.wallet_usd == pytest.approx(999.1)


def test_the_account_is_wallet_and_what_is_open() -> None:
    account = ledger_with("SELL", 10).account(NOON, quotes(99.0))
    assert (account.wallet_usd, account.unrealized_pnl_usd, account.equity_usd) == (999.0, 10.0, 1_009.0)
    assert [(held.symbol, held.qty, held.entry_price, held.leverage) for held in account.holdings] == [
        ("X", -10.0, 100.0, 5.0)
    ]
