"""Everything that can be asked is described: each relation, and each of its columns."""

from __future__ import annotations

import re

from tape.store.schema import METADATA
from tape.store.views.catalog import CATALOG_SQL, GROUPS, purpose_of, relations_of, unit_in
from tape.store.views.sql_files import sql_objects
from tests.conftest import GivenRows

NOT_OURS = {"alembic_version"}


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
            assert column.comment, f"{relation.name}.{column.name}"


def test_a_column_says_what_the_database_says_of_it(store: GivenRows) -> None:
    nav_now = relations_of(store.value(f"({CATALOG_SQL})"))["nav_now"]
    assert nav_now.comments["peak_equity_usd"] == "highest equity on record [USD]"
    assert unit_in(nav_now.comments["peak_equity_usd"]) == "USD"
    assert unit_in("text [of this] kind") is None


def test_a_purpose_is_one_sentence_without_sources() -> None:
    assert purpose_of("closed_trades") == "Every closed trade."
    assert purpose_of("order_acks") == "The venue accepted an order."
    for item in sql_objects():
        assert not re.search(r"semantics|\.\s", item.purpose), item.purpose
