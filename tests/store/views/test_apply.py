"""``sql/`` is applied in dependency order, and only what changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from tape.store.views import sql_files
from tape.store.views.apply import apply_views, pending_views
from tape.store.views.sql_files import LAYERS, SqlObject, sql_objects
from tests.conftest import GivenRows

OBJECTS = {item.name: item for item in sql_objects()}


def _oid(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    views = connection.execute("select view_name, view_oid from duckdb_views() where not internal and not temporary")
    found = dict(views.fetchall())
    macros = connection.execute(
        "select function_name, function_oid from duckdb_functions()"
        " where function_type in ('macro', 'table_macro') and not internal"
    )
    return {**found, **dict(macros.fetchall())}


def test_objects_come_after_all_they_read() -> None:
    seen: set[str] = set()
    for item in sql_objects():
        assert item.reads <= seen, item.name
        seen.add(item.name)


def test_a_layer_reads_only_itself_and_those_below() -> None:
    for item in sql_objects():
        for name in item.reads:
            assert LAYERS.index(OBJECTS[name].layer) <= LAYERS.index(item.layer), f"{item.name} reads {name}"


def test_every_object_has_a_head_comment() -> None:
    assert [item.name for item in sql_objects() if not item.head] == []


def test_a_migrated_database_holds_every_object_and_has_none_pending(store: GivenRows) -> None:
    assert pending_views(store.connection) == []
    assert apply_views(store.connection) == []
    assert _oid(store.connection).keys() == OBJECTS.keys()


@pytest.mark.parametrize("changed", ["nav_now", "router_quality", "trades_since", "limits", "nav_document"])
def test_only_an_object_whose_digest_differs_is_made_again(store: GivenRows, changed: str) -> None:
    before = _oid(store.connection)
    store.connection.execute("update applied_sql set digest = 'older' where name = ?", [changed])
    assert [item.name for item in pending_views(store.connection)] == [changed]
    assert apply_views(store.connection) == [changed]
    after = _oid(store.connection)
    assert {name for name in after if after[name] != before[name]} == {changed}
    assert pending_views(store.connection) == []


def test_several_changed_objects_are_made_in_dependency_order(store: GivenRows) -> None:
    names = [item.name for item in sql_objects()][::7]
    store.connection.execute("update applied_sql set digest = 'older' where name in (select unnest(?))", [names])
    assert apply_views(store.connection) == names


def test_a_digest_changes_with_whatever_lies_beneath() -> None:
    assert len({item.digest for item in sql_objects()}) == len(OBJECTS)


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], SqlObject]]:
    """Writes the text of a base view, and returns the document above it as it is then."""
    for layer in LAYERS:
        (tmp_path / layer).mkdir()
    (tmp_path / "documents" / "above.sql").write_text("-- All of it.\nselect * from beneath\n")
    monkeypatch.setattr(sql_files, "SQL", tmp_path)

    def write(text: str) -> SqlObject:
        (tmp_path / "base" / "beneath.sql").write_text(text)
        sql_objects.cache_clear()
        return next(item for item in sql_objects() if item.name == "above")

    yield write
    sql_objects.cache_clear()


@pytest.mark.parametrize(
    "changed",
    [
        "-- Other words.\nselect 'a  --b' as \"a  b\", 1 as one\n",
        "select 'a  --b' as \"a  b\", 1 as one",
        "-- Words.\nselect\n    'a  --b' as \"a  b\",  -- why it is so\n    1 /* the\nnumber */ as one\n",
        "-- It's quoted: 'not a text.\nselect 'a  --b' as \"a  b\", 1 as one\n",
    ],
)
def test_comments_and_layout_change_what_is_applied_and_not_what_a_publication_records(
    written: Callable[[str], SqlObject], changed: str
) -> None:
    before = written("-- Words.\nselect 'a  --b' as \"a  b\", 1 as one\n")
    after = written(changed)
    assert after.digest != before.digest
    assert after.code_digest == before.code_digest


@pytest.mark.parametrize(
    "changed",
    [
        "-- Words.\nselect 'a  --b' as \"a  b\", 2 as one\n",
        "-- Words.\nselect 'a --b' as \"a  b\", 1 as one\n",
        "-- Words.\nselect 'a  --c' as \"a  b\", 1 as one\n",
        "-- Words.\nselect 'a  --b' as \"a b\", 1 as one\n",
        "-- Words.\nselect 'a  --b' as \"a  b\", 1 asone\n",
    ],
)
def test_changed_code_and_changed_texts_change_both(written: Callable[[str], SqlObject], changed: str) -> None:
    before = written("-- Words.\nselect 'a  --b' as \"a  b\", 1 as one\n")
    after = written(changed)
    assert after.digest != before.digest
    assert after.code_digest != before.code_digest


def test_an_object_that_is_gone_from_sql_is_dropped(store: GivenRows) -> None:
    connection = store.connection
    connection.execute("create view old_view as select 1 as one")
    connection.execute("create macro old_macro() as 1")
    connection.execute("create macro old_rows() as table select 1 as one")
    for name in ("old_view", "old_macro", "old_rows"):
        connection.execute("insert into applied_sql values (?, 'old')", [name])
    assert set(apply_views(connection)) == {"old_view", "old_macro", "old_rows"}
    assert _oid(connection).keys() == OBJECTS.keys()
    assert connection.execute("select count(*) from applied_sql").fetchone() == (len(OBJECTS),)


def test_applying_leaves_no_temporary_table(store: GivenRows) -> None:
    store.connection.execute("delete from applied_sql")
    apply_views(store.connection)
    assert store.connection.execute("select count(*) from duckdb_tables() where temporary").fetchone() == (0,)


def test_head_comments_are_visible_in_the_database(store: GivenRows) -> None:
    found = store.connection.execute("select comment from duckdb_views() where view_name = 'nav_now'").fetchone()
    assert found == ({item.name: item.head for item in sql_objects()}["nav_now"],)
