"""Whose the files of a home are: of older versions, killed owners, rebuilt databases or other programs."""

from __future__ import annotations

import json
import lzma
import shutil
from pathlib import Path

import orjson
import pytest

from tape.exporters.contract import STATE_FILES, state_file
from tape.exporters.home_files import adopt, refuse_foreign, settle
from tape.exporters.publisher import republish
from tape.exporters.state_files import to_json
from tape.store.database import closing, migrate, open_database
from tape.store.own_files import ForeignFile, OwnFiles
from tests.exporters.test_older_publications import OLDER
from tests.store.old_logs import write_files

LOG = "execution/orders_executed.jsonl"
FOREIGN = b'{"event_type": "order_ack", "symbol": "BTCUSDT"}\n'
OWN = b'{"event_type": "order_ack", "event_id": "a"}\n'


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a version that kept no record: its database, and the twelve files that it published last."""
    home = tmp_path_factory.mktemp("older")
    database = home / "logs" / "tape.duckdb"
    database.parent.mkdir()
    database.write_bytes(lzma.decompress(OLDER.read_bytes()))
    migrated = home / "migrated" / "tape.duckdb"
    migrated.parent.mkdir()
    shutil.copy(database, migrated)
    migrate(migrated)
    with closing(open_database(migrated, read_only=True)) as connection:
        for file in STATE_FILES:
            query = "select max(export_id) from exports where file = ?"
            ((number,),) = connection.execute(query, [file.name]).fetchall()
            if number is None:
                continue  # of a later version
            republish(connection, number, home / "logs" / "state")
    return home


@pytest.fixture
def home(older: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(older, tmp_path / "home"))


def settled(home: Path, *, take_over: bool = False) -> OwnFiles:
    """The record of a home whose owner has begun."""
    own = OwnFiles(home)
    if not take_over:
        refuse_foreign(own)
    migrate(home / "logs" / "tape.duckdb")
    with closing(open_database(home / "logs" / "tape.duckdb")) as connection:
        settle(own, connection, take_over=take_over)
    return own


def published_later(path: Path, seconds: float) -> None:
    """Makes a nav.json that is like this one, of another instant."""
    document = orjson.loads(path.read_bytes())
    path.write_bytes(to_json(document | {"updated_ts": document["updated_ts"] + seconds}, indent=True))


def mark(home: Path, offset: int) -> None:
    migrate(home / "logs" / "tape.duckdb")
    with closing(open_database(home / "logs" / "tape.duckdb")) as connection:
        connection.execute("delete from mirror_watermarks where mirror = ?", [LOG])
        connection.execute("insert into mirror_watermarks values (?, 1, ?)", [LOG, offset])


def log_of(home: Path, content: bytes) -> Path:
    path = home / "logs" / LOG
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_the_files_of_an_older_version_are_its_own(home: Path) -> None:
    own = settled(home)
    published = list((home / "logs" / "state").glob("*.json"))
    assert len(published) == 12
    assert all(own.knows(path) for path in published)
    # from now on the record decides, also where the database is gone
    (home / "logs" / "tape.duckdb").unlink()
    refuse_foreign(OwnFiles(home))


@pytest.mark.thorough
def test_so_is_the_one_that_a_killed_older_owner_did_not_get_to_record(home: Path) -> None:
    published_later(home / "logs" / "state" / "nav.json", 1.0)
    assert settled(home).is_own(home / "logs" / "state" / "nav.json")


@pytest.mark.rows(1)
@pytest.mark.parametrize(
    "change",
    [
        lambda path: published_later(path, -3600.0),
        lambda path: path.write_text(json.dumps(json.loads(path.read_bytes()))),
        lambda path: path.write_bytes(path.read_bytes()[:-20]),
        lambda path: path.write_text('{"nav": 5, "updated_ts": 9999999999}'),
        lambda path: path.write_text("9" * 5000),
    ],
)
def test_what_was_changed_since_is_not(home: Path, change: object) -> None:
    path = home / "logs" / "state" / "nav.json"
    assert callable(change)
    change(path)
    before = {each: each.read_bytes() for each in home.rglob("*") if each.is_file()}
    with pytest.raises(ForeignFile, match=r"nav\.json: expected what Tape wrote there last"):
        refuse_foreign(OwnFiles(home))
    assert {each: each.read_bytes() for each in home.rglob("*") if each.is_file()} == before
    migrate(home / "logs" / "tape.duckdb")
    with closing(open_database(home / "logs" / "tape.duckdb")) as connection, pytest.raises(ForeignFile):
        settle(OwnFiles(home), connection, take_over=False)
    assert settled(home, take_over=True).is_own(path)
    assert [each.read_bytes() for each in (home / "logs" / "taken-over").iterdir()] == [before[path]]


def test_files_laid_out_like_its_own_are_foreign_where_the_database_never_published(home: Path) -> None:
    (home / "logs" / "tape.duckdb").unlink()
    with pytest.raises(ForeignFile, match=r"nav\.json"):
        refuse_foreign(OwnFiles(home))
    migrate(home / "logs" / "tape.duckdb")  # as an import makes it
    with pytest.raises(ForeignFile, match=r"nav\.json"):
        refuse_foreign(OwnFiles(home))


@pytest.mark.thorough
def test_what_an_older_version_exported_is_replaced(home: Path, tmp_path: Path) -> None:
    """An export is on no record of an older version, neither in the home nor elsewhere."""
    out, nav = tmp_path / "out", state_file("nav")
    shutil.copytree(home / "logs" / "state", out)
    write_files(out, {LOG: OWN, "router_health.jsonl": FOREIGN, "positions.json": "{}"})
    migrate(home / "logs" / "tape.duckdb")
    own = OwnFiles(home)
    with closing(open_database(home / "logs" / "tape.duckdb")) as connection:
        connection.execute("delete from exports")
        adopt(own, connection, home / "logs" / "state", [nav])
        adopt(own, connection, out, [nav, state_file("positions")])
        adopt(own, connection, out, [])
    assert own.is_own(home / "logs" / "state" / "nav.json")
    is_own = {name: own.is_own(out / name) for name in ("nav.json", "positions.json", LOG, "router_health.jsonl")}
    assert is_own == {"nav.json": True, "positions.json": False, LOG: True, "router_health.jsonl": False}


def test_a_rebuilt_database_that_forgot_its_publications_does_not_lock_the_owner_out(home: Path) -> None:
    (home / "logs" / "tape.duckdb").unlink()
    migrate(home / "logs" / "tape.duckdb")
    report = {"at": "2025-01-01T00:00:00.000+00:00", "reason": "damaged"}
    (home / "logs" / "damaged").mkdir()
    (home / "logs" / "damaged" / "tape-20250101T000000Z.json").write_text(json.dumps(report))
    assert settled(home).is_own(home / "logs" / "state" / "nav.json")
    (home / "logs" / "tape.written").unlink()
    log_of(home, OWN)  # without the watermark, which is forgotten too
    assert settled(home).foreign_bytes(home / "logs" / LOG) == 0
    (home / "logs" / "tape.written").unlink()
    (home / "logs" / "state" / "nav.json").write_text("theirs")
    with pytest.raises(ForeignFile, match=r"nav\.json"):
        settled(home)


def test_a_log_of_an_older_version_is_its_own_up_to_its_watermark_and_behind_it_with_ids(home: Path) -> None:
    log_of(home, FOREIGN + OWN)
    mark(home, len(FOREIGN))
    own = settled(home)
    assert own.foreign_bytes(home / "logs" / LOG) == len(FOREIGN)
    (home / "logs" / "tape.written").unlink()
    for content in (FOREIGN + OWN + FOREIGN, FOREIGN[:-9] + b"\n"):  # appended to, and begun anew by somebody else
        log_of(home, content)
        with pytest.raises(ForeignFile, match=r"orders_executed\.jsonl"):
            refuse_foreign(OwnFiles(home))


def test_a_log_without_a_watermark_is_foreign_until_it_is_taken_over(home: Path) -> None:
    path = log_of(home, FOREIGN)
    mark(home, 0)
    with pytest.raises(ForeignFile, match=r"orders_executed\.jsonl"):
        refuse_foreign(OwnFiles(home))
    assert settled(home, take_over=True).foreign_bytes(path) == len(FOREIGN)
    path.write_bytes(FOREIGN + OWN + FOREIGN)  # and somebody writes there again
    assert settled(home, take_over=True).foreign_bytes(path) == len(FOREIGN + OWN + FOREIGN)
    assert path.read_bytes() == FOREIGN + OWN + FOREIGN
