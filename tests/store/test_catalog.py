"""Everything that can be asked is described: each relation, and each of its columns."""

from __future__ import annotations

import re

from store.catalog import CATALOG_SQL, GROUPS, column_comment, purpose_of, relations_of, unit_in
from store.schema import METADATA
from store.view_columns import MEANINGS
from store.views import sql_objects
from tests.conftest import GivenRows

NOT_OURS = {"alembic_version"}
DOCUMENTS = GROUPS[3]


def test_the_catalog_has_every_table_and_view_in_a_group(store: GivenRows) -> None:
    relations = relations_of(store.value(f"({CATALOG_SQL})"))
    views = {item.name for item in sql_objects() if not item.is_macro}
    assert relations.keys() - NOT_OURS == METADATA.tables.keys() | views
    assert {each.group for each in relations.values()} == set(GROUPS)
    assert [column.name for column in relations["clock"].columns] == ["as_of", "as_of_s", "as_of_text"]
    assert relations["ticks"].columns[2].type == "DOUBLE"


def test_every_relation_and_every_column_says_what_it_is_for(store: GivenRows) -> None:
    for relation in relations_of(store.value(f"({CATALOG_SQL})")).values():
        if relation.name in NOT_OURS:
            continue
        assert relation.purpose, relation.name
        assert relation.description.startswith(relation.purpose.split()[0].rstrip(".")), relation.name
        for column in relation.columns:
            assert column.comment or relation.group == DOCUMENTS, f"{relation.name}.{column.name}"


def test_no_meaning_is_of_a_column_that_is_not_there(store: GivenRows) -> None:
    relations = relations_of(store.value(f"({CATALOG_SQL})"))
    columns = {
        column.name for each in relations.values() if each.name not in METADATA.tables for column in each.columns
    }
    objects = {item.name for item in sql_objects()}
    for name in MEANINGS:
        owner, _, column = name.rpartition(".")
        assert column in columns, name
        assert not owner or owner in objects, name


def test_a_column_that_a_view_hands_on_means_what_it_means_in_the_table() -> None:
    assert column_comment("latest_fills_7d", "avg_price") == METADATA.tables["order_fills"].columns["avg_price"].comment
    assert unit_in(column_comment("positions_now", "qty")) == "base units"


def test_a_column_that_a_view_computes_means_what_it_is_there() -> None:
    assert column_comment("nav_minutes", "peak_equity_usd") == "highest equity of the minute [USD]"
    assert column_comment("nav_now", "peak_equity_usd") == "highest equity on record [USD]"
    assert column_comment("trades_48h", "slippage_bps") == column_comment("closed_trades", "slippage_bps")
    assert "as logged" not in column_comment("closed_trades", "slippage_bps")


def test_a_unit_that_a_name_says_is_the_one_that_is_told(store: GivenRows) -> None:
    said = {"_usd": "USD", "_bps": "bps", "_pct": "%", "_ms": "ms"}
    for relation in relations_of(store.value(f"({CATALOG_SQL})")).values():
        for column in relation.columns:
            suffix = next((each for each in said if column.name.endswith(each)), None)
            if suffix is not None and column.comment:
                assert unit_in(column.comment) == said[suffix], f"{relation.name}.{column.name}: {column.comment}"


def test_a_purpose_is_one_sentence_without_sources() -> None:
    assert purpose_of("closed_trades") == "Every closed trade."
    assert purpose_of("order_acks") == "The venue accepted an order."
    for item in sql_objects():
        assert not re.search(r"semantics|\.\s", item.purpose), item.purpose
