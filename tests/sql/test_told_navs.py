"""told_navs: equity of ticks, and the NAV that attempts and vetoes saw."""

from tests.conftest import GivenRows


def test_each_source_tells_its_nav(store: GivenRows) -> None:
    store.add("ticks", equity_usd=100.0, hostname="a", pid=1)
    store.add("order_attempts", symbol="BTCUSDT", nav_snapshot={"nav_usd": 101.0}, hostname="a", pid=2)
    store.add("vetoes", symbol="BTCUSDT", veto_reason="x", context={"nav": 102.0}, hostname="a", pid=3)
    store.add("vetoes", symbol="BTCUSDT", veto_reason="x", veto_detail={"nav_snapshot": {"nav_usd": 103.0}}, pid=4)
    rows = store.rows("select process, source, is_derived, nav_usd from told_navs order by nav_usd")
    assert [tuple(row.values()) for row in rows] == [
        ("a:1", "tick", False, 100.0),
        ("a:2", "attempt", True, 101.0),
        ("a:3", "veto", True, 102.0),
        (":4", "veto", True, 103.0),
    ]


def test_zero_and_unknown_are_not_told(store: GivenRows) -> None:
    store.add("ticks", equity_usd=0.0)
    store.add("ticks", equity_usd=None)
    store.add("order_attempts", symbol="BTCUSDT", nav_snapshot={"nav_usd": 0.0})
    store.add("vetoes", symbol="BTCUSDT", veto_reason="x")
    assert store.rows("told_navs") == []
