"""exposure: gross, net and largest notional of the open positions (semantics 11)."""

from tests.conftest import GivenRows


def test_shorts_add_to_gross_and_take_from_net(store: GivenRows) -> None:
    store.add("positions", symbol="BTCUSDT", qty=2.0, entry_price=90.0, mark_price=100.0)
    store.add("positions", symbol="ETHUSDT", qty=-3.0, entry_price=60.0, mark_price=50.0)
    assert store.one("exposure") == {
        "gross_exposure_usd": 350.0,
        "net_exposure_usd": 50.0,
        "largest_position_usd": 200.0,
        "unrealized_pnl_usd": 50.0,  # 2 * 10 + 3 * 10
        "unmarked_positions": 0,
    }


def test_without_positions_exposure_is_zero_and_pnl_unknown(store: GivenRows) -> None:
    assert store.one("exposure") == {
        "gross_exposure_usd": 0.0,
        "net_exposure_usd": 0.0,
        "largest_position_usd": 0.0,
        "unrealized_pnl_usd": None,
        "unmarked_positions": 0,
    }


def test_a_position_marked_at_entry_exposes_but_tells_no_pnl(store: GivenRows) -> None:
    store.add("positions", symbol="BTCUSDT", qty=2.0, entry_price=90.0)
    row = store.one("exposure")
    assert (row["gross_exposure_usd"], row["unrealized_pnl_usd"]) == (180.0, None)


def test_positions_whose_pnl_is_unknown_are_counted_beside_the_sums(store: GivenRows) -> None:
    store.add("positions", symbol="MARKED", qty=2.0, entry_price=90.0, mark_price=100.0)
    store.add("positions", symbol="NO_MARK", qty=1.0, entry_price=50.0)
    store.add("positions", symbol="NO_ENTRY", qty=1.0, mark_price=30.0)
    store.add("positions", symbol="NEITHER", qty=-1.0)
    assert store.one("exposure") == {
        "gross_exposure_usd": 280.0,  # 200 + 50 at entry + 30
        "net_exposure_usd": 280.0,
        "largest_position_usd": 200.0,
        "unrealized_pnl_usd": 20.0,
        "unmarked_positions": 3,
    }
