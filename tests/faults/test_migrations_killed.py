"""A migration that is killed leaves the revision before it or the newest one, whole; the next start goes on.

The long run kills before and after each statement, from every revision; of the hundreds that are alike, at some.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tape.store.revisions import MIGRATIONS, head_revision
from tests.faults.migrating import OLD_VIEWS, Migrations

REVISIONS = sorted(path.name.split("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
_ALIKE = (
    "comment on",
    "drop view if exists ",
    "drop macro if exists ",
    "create or replace view",
    "create macro",
    "create temp table",
    "drop table temp.",
    "delete from applied_sql where",
    "insert into applied_sql",
    "--",
)
"""How the statements begin that there are by the hundred, all within a transaction."""
_SOME = 25
_DURING_S = 0.004


@pytest.fixture(scope="module")
def migrations() -> Iterator[Migrations]:
    started = Migrations()
    yield started
    started.close()


@pytest.fixture(scope="module")
def made(migrations: Migrations, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A database with rows at each revision, by revision."""
    folder = tmp_path_factory.mktemp("revisions")
    paths = {revision: folder / f"{revision}.duckdb" for revision in REVISIONS}
    migrations.done("make", paths[REVISIONS[0]])
    for before, revision in pairwise(REVISIONS):
        shutil.copy(paths[before], paths[revision])
        migrations.done("upgrade", paths[revision], revision)
    for path in paths.values():
        migrations.done("apply_old_views", path)
    return paths


@pytest.fixture(scope="module")
def columns(migrations: Migrations, made: dict[str, Path]) -> dict[str | None, Any]:
    """The columns of a whole database of each revision; none of one that is empty."""
    return {None: []} | {revision: migrations.done("look", path)["columns"] for revision, path in made.items()}


@pytest.mark.rows(2)
@pytest.mark.parametrize("start", [None, *REVISIONS])
def test_a_killed_migration_is_never_half_done(
    start: str | None,
    migrations: Migrations,
    made: dict[str, Path],
    columns: dict[str | None, Any],
    tmp_path: Path,
    chance: Random,
    times: Callable[[int, int, int], int],
) -> None:
    path = tmp_path / "tape.duckdb"

    def begin() -> dict[str, Any]:
        for old in tmp_path.glob("tape.duckdb*"):
            old.unlink()
        if start is None:
            return {"revision": None, "columns": [], "views": [], "applied": [], "rows": {}}
        shutil.copy(made[start], path)
        return dict(migrations.done("look", path))

    before = begin()
    statements = migrations.done("migrated", path, None, "", 0)
    wanted = migrations.done("mend", path)
    assert wanted["revision"] == head_revision()
    for at, when in _kills(statements, chance, times):
        begin()
        number, _ = migrations.run("migrated", path, at, when, chance.uniform(0, _DURING_S))
        where = f"{when} {at}: {statements[at]}"
        assert number == 9, where
        found = migrations.done("look", path)
        assert found["revision"] in (start, head_revision()), where
        assert found["columns"] == columns[found["revision"]], where
        assert found["views"] == found["applied"], f"{where}: what is said to be applied is what is there"
        if found["revision"] == start:
            assert found["rows"] == before["rows"], where
        assert migrations.done("mend", path) == wanted, where


def _kills(statements: list[str], chance: Random, times: Callable[[int, int, int], int]) -> list[tuple[int, str]]:
    """Where and when: at each statement, of those that are alike at some."""
    decisive = [at for at, statement in enumerate(statements) if not statement.lower().startswith(_ALIKE)]
    alike = sorted(set(range(len(statements))) - set(decisive))
    points = decisive + chance.sample(alike, min(_SOME, len(alike)))
    beside = [(at, when) for at in points for when in ("before", "after")]
    inside = [(at, "during") for at in decisive if statements[at].startswith(("commit", "checkpoint"))]
    every = beside + inside * 10
    return chance.sample(every, times(1, 1, len(every)))


def test_what_an_older_program_had_applied_is_gone_or_another_after_a_migration(
    migrations: Migrations, made: dict[str, Path], tmp_path: Path
) -> None:
    path = tmp_path / "tape.duckdb"
    shutil.copy(made[REVISIONS[0]], path)
    assert {name for (name,) in migrations.done("look", path)["views"]} == OLD_VIEWS.keys()
    views = {name for (name,) in migrations.done("mend", path)["views"]}
    assert "latest_of" not in views
    assert {"seen_ticks", "as_of", "nav_now"} <= views
