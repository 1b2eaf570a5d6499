"""``tape sync`` and ``[sync]`` of the owner: guards, and the path from the runtime to Google's emulator."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from tape.exporters.contract import STATE_FILES
from tape.exporters.firestore import remote
from tape.exporters.firestore.remote import ExtraMissing, require_extra
from tape.owner.sync import SyncRefused, make_sync
from tape.settings import load_settings
from tape.store.errors import StoreError
from tests.exporters.firestores import Emulator, connected, emulator
from tests.programs import Program, tape
from tests.store.old_logs import write_files
from tests.tape.owners import SOON_S, Serving, wait_for

started_emulator = pytest.fixture(scope="module", name="started")(emulator)


@pytest.fixture
def firestore(started: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """An empty Firestore that this process and those it starts find."""
    started.wipe()
    for name, value in {"FIRESTORE_EMULATOR_HOST": started.host, "FIRESTORE_ENABLED": "1", "ENV": "dev"}.items():
        monkeypatch.setenv(name, value)
    return started


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({}, "sync: off: expected FIRESTORE_ENABLED=1"),
        ({"FIRESTORE_ENABLED": "0"}, "sync: off: expected FIRESTORE_ENABLED=1"),
        ({"FIRESTORE_ENABLED": "1", "ENV": "prod"}, "expected ALLOW_PROD_SYNC=1 or ALLOW_PROD_WRITE=1"),
        ({"FIRESTORE_ENABLED": "1", "ENV": "a/b"}, "expected a name without slash"),
    ],
)
def test_it_refuses_to_start_unless_it_is_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], message: str
) -> None:
    for name in ("FIRESTORE_ENABLED", "ENV", "ALLOW_PROD_SYNC", "ALLOW_PROD_WRITE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SyncRefused, match=message):
        make_sync(tmp_path, load_settings(tmp_path))
    ended = tape("--home", tmp_path, "sync")
    assert ended.code == 1
    assert message in ended.err
    assert len(ended.err.splitlines()) == 1


@pytest.mark.parametrize("permission", ["ALLOW_PROD_SYNC", "ALLOW_PROD_WRITE"])
def test_production_may_be_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, permission: str) -> None:
    for name in ("FIRESTORE_ENABLED", permission):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("ENV", "prod")
    monkeypatch.setenv("SYNC_INTERVAL_SEC", "7")
    sync = make_sync(tmp_path, load_settings(tmp_path))
    assert (sync.env, sync.interval_s) == ("prod", 7)


def test_without_the_extra_it_says_in_one_line_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "find_spec", lambda _: None)
    with pytest.raises(ExtraMissing, match=r"pip install 'tape\[firestore\]'"):
        require_extra()
    assert issubclass(ExtraMissing, StoreError)


def test_tape_sync_mirrors_what_is_published_and_ends_at_once(tmp_path: Path, firestore: Emulator) -> None:
    state = tmp_path / "logs" / "state"
    state.mkdir(parents=True)
    (state / "positions.json").write_text(json.dumps({"items": [], "updated_ts": time.time()}))
    old = [{"t": 1735700000.25 + 61 * at, "nav": 1000.0 + at} for at in range(720)]
    point = {"t": "2025-01-02T00:00:30Z", "equity": 95.0, "nav": 95.0, "unrealized_pnl": 0.0, "realized_pnl": 0.0}
    nav = {"series": [point], "peak_equity": 120.0, "total_equity": 95.0, "drawdown_pct": 5.0, "drawdown_abs": 5.0}
    # 00:00:30 in UTC is still the day before in New York
    clocks = {"updated_at": point["t"], "updated_ts": 1735776030.0}
    files: dict[str, object] = {
        "nav_log.json": old,
        "cache/peak_state.json": {"peak": 1719.0, "dd_pct": 1.0, "nav": 1700.0, "note": "by hand"},
        "state/nav.json": nav | clocks | {"realized_pnl_today": -1.0},
    }
    caches = write_files(tmp_path / "logs", {name: json.dumps(each) for name, each in files.items()})
    write_files(tmp_path, {"tape.toml": '[limits]\nreset_timezone = "America/New_York"\n'})
    client = connected()
    with (tmp_path / "sync.log").open("wb") as log:
        process = Program("-m", "tape", "--home", tmp_path, "sync", stderr=log, stdout=log)
    try:
        wait_for(lambda: client.read("state/positions"), (tmp_path / "sync.log").read_text())
        assert tape("--home", tmp_path, "sync").err.count("expected no other sync, found one running") == 1
    finally:
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert process.wait(10) == 0, (tmp_path / "sync.log").read_text()
    assert time.monotonic() - began < SOON_S
    client.close()
    # no owner runs, so the sync keeps the caches, and what an old runtime has in them
    assert json.loads((caches / "nav_log.json").read_bytes()) == [*old, point]
    peak = json.loads((caches / "cache" / "peak_state.json").read_bytes())
    expected = {"peak": 100.0, "dd_pct": 5.0, "dd_abs": 5.0, "nav": 95.0, "nav_usd": 95.0, "peak_equity": 120.0}
    expected_words = {"day": "2025-01-01", "reset_timezone": "America/New_York", "note": "by hand"}
    assert {key: peak[key] for key in [*expected, *expected_words]} == {**expected, **expected_words}


def test_the_owner_syncs_what_it_publishes_and_says_how_it_goes(tmp_path: Path, firestore: Emulator) -> None:
    (tmp_path / "tape.toml").write_text("[sync]\nenabled = true\ninterval_s = 1\n")
    client = connected()
    with Serving(tmp_path) as owner:
        tape("--home", tmp_path, "load", "--rate", "200", "--seconds", "1")
        paths = [f"state/{file.stem}" for file in STATE_FILES]
        wait_for(lambda: all(client.read(path) for path in paths), "not all documents arrive")
        wait_for(lambda: (tmp_path / "logs" / "nav_log.json").exists(), "no NAV log")
        assert (tmp_path / "logs" / "cache" / "peak_state.json").exists()
        shown = tape("--home", tmp_path, "status").out
        assert "sync to hedge/dev: lag " in shown
        assert owner.status()["sync"]["problems"] == []
        firestore.freeze(until_thawed=True)
        try:
            tape("--home", tmp_path, "load", "--rate", "200", "--seconds", "1", "--seed", "2")
            wait_for(lambda: "DEADLINE_EXCEEDED" in str(owner.status()["sync"]["error"]), "no failure is told")
            began = time.monotonic()
            assert owner.end() == 0
            assert time.monotonic() - began < SOON_S, "a frozen server does not hold the owner up"
        finally:
            firestore.freeze(until_thawed=False)
    client.close()


def test_an_owner_that_may_not_sync_to_production_does_not_start(tmp_path: Path, firestore: Emulator) -> None:
    (tmp_path / "tape.toml").write_text("[sync]\nenabled = true\n")
    environment = {"ENV": "prod", "ALLOW_PROD_SYNC": "0", "ALLOW_PROD_WRITE": "0"}
    owner = Serving(tmp_path, **environment)
    assert owner.process.wait(30) == 1
    assert "expected ALLOW_PROD_SYNC=1" in owner.log
