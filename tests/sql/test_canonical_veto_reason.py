"""canonical_veto_reason: one name per reason (semantics 14)."""

import pytest

from tests.conftest import GivenRows


@pytest.mark.parametrize(
    ("logged", "canonical"),
    [
        ("kill_switch_triggered", "kill_switch"),
        ("below_min_notional", "min_notional"),
        ("exceeds_per_trade_cap", "per_trade_cap"),
        ("exceeds_leverage_cap", "leverage_cap"),
        ("leverage_exceeded", "leverage_cap"),
        ("exceeds_open_notional_cap", "open_notional_cap"),
        ("too_many_positions", "position_limit"),
        ("daily_loss_limit", "daily_loss"),
        ("day_loss_limit", "daily_loss"),
        ("trade_gt_max_trade_nav_pct", "max_trade_nav"),
        ("trade_gt_10pct_equity", "max_trade_nav"),
        ("trade_gt_equity_cap", "max_trade_nav"),
        ("max_gross_nav_pct", "portfolio_cap"),
        ("not_whitelisted", "whitelist"),
        ("min_notional", "min_notional"),
        ("something_new", "something_new"),
    ],
)
def test_old_names_become_canonical_and_others_stay(store: GivenRows, logged: str, canonical: str) -> None:
    assert store.value(f"canonical_veto_reason('{logged}')") == canonical
