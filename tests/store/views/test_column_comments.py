"""Every column of the database says what it means: stated where it is made, inherited above it."""

from __future__ import annotations

import pytest

from tape.execution.events import EVENTS, unit_of
from tape.store.views.apply import apply_views
from tape.store.views.column_comments import UNITS, catalog_comments, comment_columns, view_comments, with_unit
from tape.store.views.sql_files import SqlObject, sql_objects
from tests.conftest import GivenRows

OBJECTS = {item.name: item for item in sql_objects()}


def view(name: str, text: str) -> SqlObject:
    return SqlObject(name, "base", text, frozenset(), "", "")


def test_every_column_of_every_table_and_view_has_a_comment(store: GivenRows) -> None:
    held = catalog_comments(store.connection)
    silent = {f"{name}.{column}" for name, columns in held.items() for column, text in columns.items() if not text}
    assert silent - {"alembic_version.version_num"} == set()
    assert {item.name for item in sql_objects() if not item.is_macro} <= held.keys()


def test_every_column_a_head_names_is_there(store: GivenRows) -> None:
    held = catalog_comments(store.connection)
    for item in sql_objects():
        made = set(held.get(item.name, item.mentions))
        assert item.columns.keys() <= made, item.name


def test_a_column_keeps_its_meaning_through_the_views_and_macros_above_it(store: GivenRows) -> None:
    held = catalog_comments(store.connection)
    net = "realised PnL after fees; null unless all fees are priced [USD]"
    assert held["closed_trades"]["net_pnl_usd"] == held["trades_48h"]["net_pnl_usd"] == net
    assert held["seen_ticks"]["equity_usd"] == held["ticks"]["equity_usd"]
    assert held["router_health"]["slip_q95"] == held["router_effectiveness"]["slip_q95"]


def test_of_several_relations_the_first_that_is_mentioned_counts() -> None:
    unsaid: dict[str, str | None] = dict.fromkeys("xyzw")
    held: dict[str, dict[str, str | None]]
    held = {"a": {"x": "of a"}, "b": {"x": "of b", "y": "of b"}, "c": unsaid}
    joined = view("c", "-- Joined.\n-- Columns:\n--   z: own: made here\nselect b.x, b.y, 1 as z, 2 as w from b join a")
    assert view_comments([joined], held) == {"c": {"x": "of b", "y": "of b", "z": "own: made here"}}
    assert joined.head == "Joined."


def test_comments_follow_where_they_are_missing_or_another(store: GivenRows) -> None:
    connection = store.connection
    before = catalog_comments(connection)
    connection.execute("comment on column nav_now.drawdown_pct is 'something else'")
    connection.execute("comment on column seen_ticks.ts is null")
    comment_columns(connection, sql_objects())
    assert catalog_comments(connection) == before


def test_a_view_that_is_made_again_has_its_comments_again(store: GivenRows) -> None:
    before = catalog_comments(store.connection)["nav_now"]
    store.connection.execute("update applied_sql set digest = 'older' where name = 'nav_now'")
    assert apply_views(store.connection) == ["nav_now"]
    assert catalog_comments(store.connection)["nav_now"] == before


@pytest.mark.parametrize(
    ("column", "text", "told"),
    [
        ("pnl_usd", "gain", "gain [USD]"),
        ("size_pct_diff", "difference [%]", "difference [%]"),
        ("as_of_s", "it is [s]", "it is [s]"),
        ("symbol", "instrument", "instrument"),
    ],
)
def test_a_unit_follows_from_the_name_unless_it_is_given(column: str, text: str, told: str) -> None:
    assert with_unit(column, text) == told


def test_names_and_units_of_events_agree() -> None:
    for event in EVENTS:
        for name, field in event.model_fields.items():
            named = next((unit for end, unit in UNITS.items() if name.endswith(end)), None)
            assert named in (None, unit_of(field)), f"{event.table}.{name}"


@pytest.mark.parametrize("item", [item for item in sql_objects() if not item.is_macro], ids=lambda item: item.name)
def test_every_view_says_its_grain(item: SqlObject) -> None:
    assert "Grain: " in item.head or "One row" in item.head
