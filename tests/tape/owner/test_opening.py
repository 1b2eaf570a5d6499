"""The owner as a process, and damage: it heals what can be healed without loss, and says what it cannot."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tape.exporters.contract import STATE_FILES
from tape.exporters.mirrors.events import EVENT_MIRRORS
from tape.store.errors import StoreError
from tests.programs import fails, tape
from tests.store.homes import Home, flip, recorded_in
from tests.store.old_logs import CLOSE, EXECUTED, text, write_files
from tests.store.recovery.test_rebuild import damage_a_row_block
from tests.tape.owners import Serving, wait_for


@pytest.fixture
def home(tmp_path: Path, empty_database: Path) -> Home:
    """A home with a backup, something stored behind it, and backups of its own switched off."""
    home = Home(tmp_path / "home", empty_database)
    write_files(home.folder, {"tape.toml": "[backup]\nevery_h = 0\n"})
    home.trade(60)
    home.store()
    home.back_up("20260101T000000Z")
    home.compress()
    home.trade(30, seed=2)
    home.store()
    return home


def mirrored(home: Home) -> Counter[str]:
    """The ids of the whole lines of all event mirrors, archived ones too."""
    found: Counter[str] = Counter()
    for name in EVENT_MIRRORS:
        path = home.logs / name
        for each in filter(Path.exists, [path, *(path.parent / "archive").glob(f"{path.name}.*")]):
            whole = each.read_bytes().rpartition(b"\n")[0]
            found.update(json.loads(line)["event_id"] for line in whole.splitlines())
    return found


def to_be_mirrored(home: Home) -> Counter[str]:
    tables = {event.table for events in EVENT_MIRRORS.values() for event in events}
    recorded = recorded_in(home.journal)
    return Counter({event_id: count for (table, event_id), count in recorded.items() if table in tables})


def published(home: Home) -> dict[str, Any]:
    """The instant that each state file says it is of."""
    found = {}
    for file in STATE_FILES:
        document = json.loads((home.logs / "state" / file.name).read_bytes())
        found[file.name] = next(document[key] for key in CLOCK_KEYS if key in document)
    return found


CLOCK_KEYS = ("updated_at", "updated_ts", "generated_at", "generated_ts", "ts")


def end_well(serving: Serving) -> None:
    assert serving.end() == 0, serving.log


def test_a_damaged_database_is_rebuilt_at_the_start_and_status_and_doctor_say_so(home: Home) -> None:
    flip(home.database, 5_000, 1)
    recorded = recorded_in(home.journal)
    with Serving(home.folder) as owner:
        assert "is damaged, it is rebuilt: IO Error: Corrupt database file" in owner.log
        assert "from backup tape-20260101T000000Z.duckdb" in owner.log
        rebuilt = owner.status()["last_rebuild"]
        assert (rebuilt["backup"], rebuilt["lost"]) == ("tape-20260101T000000Z.duckdb", [])
        doctor = {check["name"]: check for check in tape("--home", home.folder, "doctor", "--json").json["checks"]}
        assert doctor["rebuild"]["state"] == "degraded"
        assert "nothing lost" in doctor["rebuild"]["found"]
        assert "rebuilt 20" in tape("--home", home.folder, "status").out
        end_well(owner)
    assert home.stored() == recorded
    assert any(name.endswith(".duckdb") for name in home.damaged())


def test_damage_found_while_it_runs_ends_the_owner_and_the_next_one_rebuilds(home: Home) -> None:
    damage_a_row_block(home.database, "shadow_decisions")
    recorded = recorded_in(home.journal)
    owner = Serving(home.folder)
    try:
        wait_for(lambda: _asked(owner) is not None, "a damaged block is read, and nobody minds", seconds=120)
        assert owner.process.wait() != 0
        assert "is damaged" in owner.log or "the next start rebuilds it" in owner.log
        assert "Traceback" not in owner.log.splitlines()[-1]
    finally:
        owner.kill()
    with Serving(home.folder) as owner:
        assert "it is rebuilt" in owner.log
        end_well(owner)
    assert home.stored() == recorded


@pytest.mark.thorough
def test_damage_found_while_it_starts_ends_it_and_the_next_one_rebuilds(home: Home) -> None:
    damage_a_row_block(home.database, "config_snapshots")
    write_files(home.folder, {"risk_limits.json": '{"global": {}}'})
    recorded = recorded_in(home.journal)
    owner = Serving(home.folder)
    assert owner.process.wait() == 1
    assert owner.log.splitlines()[-1].endswith("the next start rebuilds it")
    with Serving(home.folder) as owner:
        assert "it is rebuilt" in owner.log
        end_well(owner)
    assert home.stored() > recorded, "and the limits"


@pytest.mark.thorough
def test_damage_that_cannot_be_marked_ends_the_owner_with_its_reason_all_the_same(home: Home) -> None:
    damage_a_row_block(home.database, "config_snapshots")
    write_files(home.folder, {"risk_limits.json": '{"global": {}}', "logs/damaged": "in the way"})
    owner = Serving(home.folder)
    assert owner.process.wait() == 1
    assert "the damage is not marked, the next start has to find it again: " in owner.log
    assert "can no longer be used" in owner.log.splitlines()[-1]


def _asked(owner: Serving) -> int | None:
    """Reads all of a table through the door; the exit code of the owner once it has ended."""
    with suppress(StoreError):
        owner.query("select bit_xor(hash(each)) from shadow_decisions as each")
    return owner.process.poll()


@pytest.mark.thorough
def test_what_cannot_be_rebuilt_without_loss_is_not_started_and_is_changed_only_when_asked(home: Home) -> None:
    (home.logs / "backup" / "tape-20260101T000000Z.duckdb").unlink()
    sorted(home.journal.glob("*.gz"))[0].unlink()
    flip(home.database, 5_000, 1)
    before = home.database.read_bytes()
    with (
        pytest.raises(AssertionError, match=r"cannot be rebuilt without loss: .* is gone") as refused,
        Serving(home.folder),
    ):
        pass
    assert "Traceback" not in str(refused.value)
    assert home.database.read_bytes() == before
    done = tape("--home", home.folder, "rebuild", "--json")
    assert (done.code, len(done.json["lost"])) == (1, 2)
    with Serving(home.folder) as owner:
        gaps = tape("--home", home.folder, "status", "--json").json["gaps"]
        assert len(gaps) == 1
        assert gaps[0].endswith("-000001.journal is gone")
        assert f"gap: {gaps[0]}" in tape("--home", home.folder, "status").out
        assert gaps[0] in owner.log
        end_well(owner)


@pytest.mark.thorough
def test_rebuild_is_refused_beside_an_owner_and_works_without(home: Home) -> None:
    with Serving(home.folder) as owner:
        fails(tape("--home", home.folder, "rebuild"), 1, f"pid {owner.pid}")
        end_well(owner)
    backup = home.logs / "backup" / "tape-20260101T000000Z.duckdb"
    done = tape("--home", home.folder, "rebuild", "--from", backup)
    assert done.code == 0, done
    for words in (f"begun with {backup.name}", "rows, every block read", "gaps 0", "set aside: logs/damaged/tape-"):
        assert words in done.out
    fails(tape("--home", home.folder, "rebuild", "--from", home.folder / "none"), 1, "found nothing")
    assert home.stored() == recorded_in(home.journal)


def test_nothing_is_imported_into_an_empty_database_in_place_of_a_lost_one(home: Home) -> None:
    home.database.unlink()
    write_files(home.folder / "old", {EXECUTED: text(CLOSE)})
    fails(tape("--home", home.folder, "import", home.folder / "old"), 1, "is damaged: it is gone", "`tape rebuild`")
    assert not home.database.exists()
    assert tape("--home", home.folder, "rebuild").code == 0
    assert tape("--home", home.folder, "import", home.folder / "old").code == 0


@pytest.mark.thorough
def test_after_a_step_back_no_mirror_doubles_a_line_and_no_state_file_goes_back(home: Home) -> None:
    def is_mirrored() -> bool:
        return sum(mirrored(home).values()) >= sum(to_be_mirrored(home).values())

    with Serving(home.folder) as owner:
        home.trade(200, seed=3)
        wait_for(is_mirrored, "not all is mirrored")
        wait_for(lambda: _publishes(owner), "not all is published")
        owner.kill()
    before = published(home)
    assert home.wal.stat().st_size > 1_000
    with home.wal.open("rb+") as file:
        file.truncate(home.wal.stat().st_size // 3)
    with Serving(home.folder) as owner:
        home.trade(20, seed=4)
        wait_for(is_mirrored, "not all is mirrored")
        end_well(owner)
    flip(home.database, 5_000, 1)  # a longer step back: to the backup
    with Serving(home.folder) as owner:
        wait_for(lambda: _publishes(owner), "nothing is published")
        home.trade(20, seed=5)
        wait_for(is_mirrored, "not all is mirrored")
        end_well(owner)
    assert mirrored(home) == to_be_mirrored(home)
    assert home.stored() == recorded_in(home.journal)
    after = published(home)
    assert all(after[name] > instant for name, instant in before.items())


def _publishes(owner: Serving) -> bool:
    return all(file["published"] for file in owner.status()["files"].values())
