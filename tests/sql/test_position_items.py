"""position_items: the open positions as they are listed (semantics 11)."""

from tests.conftest import GivenRows, ago


def test_positions_are_listed_by_symbol_and_side(store: GivenRows) -> None:
    for symbol, qty in [("ETHUSDT", 1.0), ("BTCUSDT", -2.0), ("BTCUSDT", 3.0), ("SOLUSDT", 0.0)]:
        store.add("positions", ago(minutes=1), symbol=symbol, qty=qty, entry_price=90.0, mark_price=100.0, leverage=4.0)
    items = store.one("position_items")["items"]
    assert [(item["symbol"], item["side"]) for item in items] == [
        ("BTCUSDT", "LONG"),
        ("BTCUSDT", "SHORT"),
        ("ETHUSDT", "LONG"),
    ]
    assert items[1] == {
        "symbol": "BTCUSDT",
        "side": "SHORT",
        "positionSide": "SHORT",
        "qty": -2.0,
        "entry_price": 90.0,
        "mark_price": 100.0,
        "pnl": -20.0,
        "leverage": 4.0,
        "notional": 200.0,
        "ts": ago(minutes=1).timestamp(),
        "is_marked": None,
    }


def test_without_positions_the_list_is_empty(store: GivenRows) -> None:
    assert store.one("position_items") == {"items": []}


def test_an_item_without_a_known_mark_says_so(store: GivenRows) -> None:
    store.add("positions", symbol="BTCUSDT", qty=2.0, entry_price=90.0)
    (item,) = store.one("position_items")["items"]
    assert (item["mark_price"], item["pnl"], item["notional"], item["is_marked"]) == (90.0, 0.0, 180.0, False)
