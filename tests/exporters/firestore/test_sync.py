"""The sync against Google's emulator, through faults, and on simulated time."""

from __future__ import annotations

import json
import os
import random
import socket
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest

from tape.exporters.contract import STATE_FILES
from tape.exporters.documents import Document
from tape.exporters.firestore.client import FirestoreClient
from tape.exporters.firestore.remote import Outcome, RemoteFailed
from tape.exporters.firestore.sync import Sync, refuse_foreign_status, restored, sync_status
from tape.store.claims import owning
from tape.store.own_files import ForeignFile
from tests.exporters.firestores import Emulator, FaultServer, connected, emulator, resident_bytes

started_emulator = pytest.fixture(scope="module", name="started")(emulator)
T0 = 1_750_000_000.0


@pytest.fixture
def firestore(started: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """An empty Firestore that clients find."""
    started.wipe()
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", started.host)
    return started


@pytest.fixture
def client(firestore: Emulator) -> Iterator[FirestoreClient]:
    client = connected()
    yield client
    client.close()


def text(ts: float) -> str:
    return datetime.fromtimestamp(ts, UTC).isoformat().replace("+00:00", "Z")


def nav(ts: float, equity: float, points: int = 500) -> dict[str, Any]:
    series = [
        {"t": text(ts - 60 * back), "equity": equity, "nav": equity, "unrealized_pnl": 1.5, "realized_pnl": None}
        for back in reversed(range(points))
    ]
    state = {"series": series, "peak_equity": equity, "total_equity": equity, "drawdown_pct": 0.0, "drawdown_abs": 0.0}
    return state | {"updated_at": text(ts), "updated_ts": ts}


def write(home: Path, stem: str, content: dict[str, Any]) -> None:
    path = home / "logs" / "state" / f"{stem}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(content))
    temporary.replace(path)


def publish(home: Path, ts: float, value: float) -> None:
    """All files, their content and their clocks."""
    for file in STATE_FILES:
        if file.stem == "nav":
            write(home, "nav", nav(ts, value))
        else:
            symbols = [{"symbol": f"S{at}", "score": value + at, "updated_ts": ts} for at in range(50)]
            write(home, file.stem, {"symbols": symbols, "updated_ts": ts})


class Recording:
    """A Firestore that takes everything, or fails with ``failure``."""

    def __init__(self) -> None:
        self.documents: dict[str, Document] = {}
        self.calls: list[list[str]] = []
        self.failure: RemoteFailed | None = None

    def read(self, path: str) -> dict[str, Any] | None:
        if self.failure is not None:
            raise self.failure
        return None

    def send(self, documents: Sequence[Document], *, rewrite: bool) -> dict[str, Outcome]:
        self.calls.append([each.path for each in documents])
        if self.failure is not None:
            raise self.failure
        self.documents.update({each.path: each for each in documents})
        return {each.path: "sent" for each in documents}

    def close(self) -> None: ...


# on simulated time


def test_a_cycle_with_nothing_changed_sends_nothing_though_the_clocks_of_the_files_go_on(tmp_path: Path) -> None:
    remote = Recording()
    sync = Sync(tmp_path, "dev", remote)
    publish(tmp_path, T0, 1.0)
    sync.step(T0, 0)
    assert len(remote.calls) == 1
    assert len(remote.calls[0]) == len(STATE_FILES) + 1
    publish(tmp_path, T0 + 20, 1.0)
    write(tmp_path, "nav", nav(T0, 1.0) | {"updated_ts": T0 + 20})
    sync.step(T0 + 20, 20)
    assert len(remote.calls) == 1


def test_what_changed_is_sent_alone_and_all_once_an_hour(tmp_path: Path) -> None:
    remote = Recording()
    sync = Sync(tmp_path, "dev", remote)
    publish(tmp_path, T0, 1.0)
    sync.step(T0, 0)
    write(tmp_path, "positions", {"items": [1], "updated_ts": T0 + 20})
    sync.step(T0 + 20, 20)
    assert remote.calls[1:] == [["state/positions"]]
    sync.step(T0 + 3600, 3600)
    assert len(remote.calls[-1]) == len(STATE_FILES) + 1


def test_the_health_document_has_these_keys_and_no_others(tmp_path: Path) -> None:
    remote = Recording()
    sync = Sync(tmp_path, "prod", remote, stamp={"version": "1.2.3"})
    write(tmp_path, "positions", {"items": [], "updated_ts": T0})
    write(tmp_path, "symbol_scores_v6", {"symbols": float("nan"), "updated_ts": T0})
    sync.step(T0 + 0.25, 0)
    health = remote.documents["telemetry/health"]
    assert health.path == "telemetry/health"
    assert health.seq == 1_750_000_000_250_000
    fields = dict(health.fields)
    assert fields.pop("_sync").keys() == {"seq", "digest", "writer", "trimmed"}
    (problem,) = fields.pop("problems")
    assert problem.startswith("state/symbol_scores_v6: ")
    assert fields == {
        "updated_at": "2025-06-15T15:06:40.250000Z",
        "updated_ts": T0 + 0.25,
        "env": "prod",
        "hostname": socket.gethostname(),
        "pid": os.getpid(),
        "version": "1.2.3",
        "cycles": 0,
        "writes": 0,
        "reads": 1,
        "stale": 0,
        "failures": 0,
        "documents": {"positions": T0},
    }


def test_the_health_document_is_set_every_minute_whatever_changed(tmp_path: Path) -> None:
    remote = Recording()
    sync = Sync(tmp_path, "dev", remote)
    for at in (0.0, 20.0, 40.0, 59.4, 59.5, 79.5, 119.0):
        sync.step(T0 + at, at)
    assert remote.calls == [["telemetry/health"]] * 3
    assert [sync.counts.cycles, sync.counts.writes, sync.counts.reads] == [7, 3, 4]


def test_a_document_that_changes_all_the_time_is_set_a_few_times_at_once_and_then_at_its_pace(tmp_path: Path) -> None:
    """One every 20 s, and five saved up at the start; by 25 s a sixth is earned."""
    remote = Recording()
    sync = Sync(tmp_path, "dev", remote)
    for at in range(0, 105, 5):
        write(tmp_path, "positions", {"items": [at], "updated_ts": T0 + at})
        sync.step(T0 + at, float(at))
    sent = [call for call in remote.calls if "state/positions" in call]
    assert len(sent) == 10
    assert sync.mirrored[1].credit == 0.0
    assert [round(each.credit, 9) for each in sync.mirrored if each.file.stem == "nav"] == [5.0]


def test_after_a_failure_the_waits_grow_and_a_cycle_that_works_begins_them_again(tmp_path: Path) -> None:
    remote = Recording()
    sync = Sync(tmp_path, "dev", remote)
    remote.failure = RemoteFailed("UNAVAILABLE", "gone")
    assert [sync.step(T0, 0) for _ in range(6)] == [1.0, 2.0, 4.0, 6.0, 6.0, 6.0]
    remote.failure = None
    assert sync.step(T0, 0) == 20.0
    remote.failure = RemoteFailed("UNAVAILABLE", "gone")
    publish(tmp_path, T0, 2.0)
    assert sync.step(T0 + 1, 1) == 1.0
    assert (sync.counts.failures, sync.counts.cycles) == (7, 8)


@pytest.mark.rows(1)
@pytest.mark.parametrize(("what", "changing"), [("calm", 4), ("wild", 12)])
def test_a_day_stays_under_the_free_quota_even_if_all_changes_in_every_cycle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, changing: int
) -> None:
    """A calm market moves NAV, positions, synced state and risk snapshot in every cycle, the rest every ten minutes."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    remote, generator = Recording(), random.Random(1)  # noqa: S311
    sync = Sync(tmp_path, "dev", remote)
    calm = {"nav", "positions", "synced_state", "risk_snapshot"}
    for cycle in range(86_400 // 20):
        ts = T0 + 20 * cycle
        for file in STATE_FILES:
            if changing == 12 or file.stem in calm or cycle % 30 == 0:
                value = generator.random()
                fields = nav(ts, value, points=3) if file.stem == "nav" else {"value": value, "updated_ts": ts}
                write(tmp_path, file.stem, fields)
        sync.step(ts, 20.0 * cycle)
    writes = sum(map(len, remote.calls))
    print(f"{what}: {writes:,} writes, {sync.counts.reads:,} reads a day")
    assert sync.counts.writes == writes
    assert 14_000 < writes < 20_000
    assert sync.counts.reads < 50_000


def test_ten_minutes_without_firestore_cost_no_memory_and_miss_no_later_state(tmp_path: Path) -> None:
    remote = Recording()
    sync = Sync(tmp_path, "dev", remote)
    at, waits, resident = 0.0, [], 0
    remote.failure = RemoteFailed("UNAVAILABLE", "gone")
    while at < 600:
        publish(tmp_path, T0 + at, at)
        waits.append(sync.step(T0 + at, at))
        at += waits[-1]
        if len(waits) == 20:
            resident = resident_bytes()
    assert max(waits) <= 6
    assert len(waits) < 150
    assert resident_bytes() - resident < 2 * 2**20
    status = sync_status(tmp_path, time.time())
    assert status is not None
    assert status["error"] == "firestore: UNAVAILABLE: gone"
    remote.failure = None
    sync.step(T0 + at, at)
    assert len(remote.calls[-1]) == len(STATE_FILES) + 1
    assert remote.documents["state/nav"].fields["total_equity"] == at - waits[-1]


@pytest.mark.rows(1)
@pytest.mark.parametrize("code", ["PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "UNAUTHENTICATED"])
def test_where_waiting_for_the_server_does_not_help_it_is_asked_once_a_minute(tmp_path: Path, code: str) -> None:
    remote = Recording()
    remote.failure = RemoteFailed(code, "no")
    assert Sync(tmp_path, "dev", remote).step(T0, 0) == 60


def test_a_document_that_firestore_refuses_does_not_stop_the_others(tmp_path: Path) -> None:
    class Picky(Recording):
        def send(self, documents: Sequence[Document], *, rewrite: bool) -> dict[str, Outcome]:
            if any(each.path == "state/nav" for each in documents):
                self.calls.append([])
                raise RemoteFailed("INVALID_ARGUMENT", "nav is bad")
            return super().send(documents, rewrite=rewrite)

    remote = Picky()
    sync = Sync(tmp_path, "dev", remote)
    publish(tmp_path, T0, 1.0)
    sync.step(T0, 0)
    assert len(remote.documents) == len(STATE_FILES)
    assert sync.error is None
    calls = len(remote.calls)
    sync.step(T0 + 20, 20)
    assert len(remote.calls) == calls, "refused content is not sent again"
    status = sync_status(tmp_path, T0)
    assert status is not None
    assert "nav is bad" in status["problems"][0]


def test_the_caches_are_kept_while_no_owner_runs_and_what_others_have_in_them_stays(tmp_path: Path) -> None:
    logs, foreign = tmp_path / "logs", [{"t": T0 - 61.25 * (720 - at), "nav": 9.0} for at in range(720)]
    (logs / "cache").mkdir(parents=True)
    (logs / "nav_log.json").write_text(json.dumps(foreign))
    (logs / "cache" / "peak_state.json").write_text('{"peak": 1719.0, "note": "by hand"}')
    sync = Sync(tmp_path, "dev", Recording(), reset_timezone="Asia/Tokyo")
    write(tmp_path, "nav", nav(T0, 95.0, points=1) | {"drawdown_abs": 5.0, "drawdown_pct": 5.0})
    with owning(tmp_path):
        sync.step(T0, 0)
        assert json.loads((logs / "nav_log.json").read_bytes()) == foreign
    sync.step(T0 + 20, 20)
    assert json.loads((logs / "nav_log.json").read_bytes())[:720] == foreign
    peak = json.loads((logs / "cache" / "peak_state.json").read_bytes())
    assert (peak["peak"], peak["dd_pct"], peak["nav"], peak["note"]) == (100.0, 5.0, 95.0, "by hand")
    assert peak["reset_timezone"] == "Asia/Tokyo"
    write(tmp_path, "nav", {"nav": 5.0, "updated_ts": T0 + 40})  # an old runtime's
    sync.step(T0 + 40, 40)
    assert json.loads((logs / "cache" / "peak_state.json").read_bytes()) == peak
    status = sync_status(tmp_path, T0)
    assert status is not None
    assert "nav.json: expected the shape of docs/schema/nav.schema.json" in status["problems"][0]


SNAPSHOT: dict[str, Any] = {
    "symbols": [
        {
            "symbol": "BTCUSDT",
            "risk": {
                "toggle_active": True,
                "toggle_meta": {"disabled_ts": T0, "disabled_until": text(T0 + 600), "reason": "news"},
            },
        },
        {"symbol": "ETHUSDT", "risk": {"toggle_active": False, "toggle_meta": None}},
    ],
    "updated_ts": T0,
}


def test_toggles_in_force_elsewhere_and_unknown_here_are_restored() -> None:
    now = datetime.fromtimestamp(T0 + 60, UTC)
    (toggle,) = restored(SNAPSHOT, None, now)
    assert (toggle.symbol, toggle.ts.timestamp(), toggle.is_disabled, toggle.reason) == ("BTCUSDT", T0, True, "news")
    assert restored(SNAPSHOT, SNAPSHOT, now) == []
    assert restored(SNAPSHOT, None, datetime.fromtimestamp(T0 + 601, UTC)) == []


@pytest.mark.parametrize(("known_s", "count"), [(-1.0, 1), (0.0, 0), (1.0, 0)])
def test_of_two_words_on_a_symbol_the_later_holds_and_the_local_one_at_one_instant(known_s: float, count: int) -> None:
    def snapshot(since: float) -> dict[str, Any]:
        meta = {"disabled_ts": since, "disabled_until": None, "reason": None}
        return {"symbols": [{"symbol": "X", "risk": {"toggle_active": True, "toggle_meta": meta}}]}

    found = restored(snapshot(T0), snapshot(T0 + known_s), datetime.fromtimestamp(T0, UTC))
    assert [(each.event_id, each.until_ts) for each in found] == [(f"sync-X-{round(T0 * 1e6)}", None)] * count


@pytest.mark.parametrize(("until", "count"), [(None, 1), (text(T0), 0), (text(T0 + 1), 1)])
def test_a_toggle_that_has_ended_is_not_restored(until: str | None, count: int) -> None:
    meta = {"disabled_ts": T0 - 60, "disabled_until": until}
    off = {"symbol": "X", "risk": {"toggle_active": True, "toggle_meta": meta}}
    on = {"symbol": "Y", "risk": {"toggle_active": False, "toggle_meta": meta}}
    assert len(restored({"symbols": [off, on]}, None, datetime.fromtimestamp(T0, UTC))) == count


def test_only_the_status_of_a_sync_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "sync_status.json"
    refuse_foreign_status(path)
    own = {"pid": 1, "env": "dev", "cycled_ts": T0, "ok_ts": T0, "waiting": []}
    path.write_text(json.dumps(own))
    refuse_foreign_status(path)
    for key in own:
        path.write_text(json.dumps({name: value for name, value in own.items() if name != key}))
        with pytest.raises(ForeignFile, match="another program's content"):
            refuse_foreign_status(path)


def test_how_long_firestore_may_lack_what_is_new_counts_from_the_last_cycle_that_worked(tmp_path: Path) -> None:
    assert sync_status(tmp_path, T0) is None
    remote = Recording()
    sync = Sync(tmp_path, "dev", remote)
    sync.step(T0, 0)
    remote.failure = RemoteFailed("UNAVAILABLE", "gone")
    publish(tmp_path, T0, 1.0)
    sync.step(T0 + 30, 30)
    status = sync_status(tmp_path, T0 + 50)
    assert status is not None
    assert (status["lag_s"], status["ok_ts"], status["cycled_ts"]) == (50.0, T0, T0 + 30)
    assert status["waiting"] == [file.stem for file in STATE_FILES]


# against the emulator


def test_documents_are_set_whole_and_the_heartbeat_beside_them(tmp_path: Path, client: FirestoreClient) -> None:
    write(tmp_path, "positions", {"items": [{"symbol": "A"}], "ghost": 1, "updated_ts": T0})
    sync = Sync(tmp_path, "dev", client)
    sync.step(T0, 0)
    write(tmp_path, "positions", {"items": [], "deep": [[1, 2], [3]], "updated_ts": T0 + 1})
    sync.step(T0 + 20, 20)
    assert sync.error is None
    stored = client.read("state/positions")
    assert stored is not None
    assert stored.pop("_sync")["seq"] == round((T0 + 1) * 1e6)
    assert stored == {"items": [], "deep": [{"0": 1, "1": 2}, {"0": 3}], "updated_ts": T0 + 1}
    health = client.read("telemetry/health")
    assert health is not None
    assert health["env"] == "dev"


def test_an_older_sequence_never_overwrites_a_newer_one(client: FirestoreClient) -> None:
    newer = Document("state/nav", 2, "b", {"nav": 2, "_sync": {"seq": 2, "digest": "b"}})
    older = Document("state/nav", 1, "a", {"nav": 1, "_sync": {"seq": 1, "digest": "a"}})
    assert client.send([newer], rewrite=False) == {"state/nav": "sent"}
    assert client.send([older], rewrite=True) == {"state/nav": "stale"}
    assert client.send([newer], rewrite=False) == {"state/nav": "there"}
    stored = client.read("state/nav")
    assert stored is not None
    assert stored["nav"] == 2


def test_a_document_over_the_limit_arrives_with_the_newest_of_its_series(
    tmp_path: Path, client: FirestoreClient
) -> None:
    write(tmp_path, "nav", nav(T0, 1.0, points=20_000))
    sync = Sync(tmp_path, "dev", client)
    sync.step(T0, 0)
    assert sync.error is None
    stored = client.read("state/nav")
    assert stored is not None
    assert 5_000 < len(stored["series"]) < 20_000
    assert stored["series"][-1]["t"] == text(T0)
    assert "series: " in stored["_sync"]["trimmed"]


def test_toggles_are_read_back_before_the_first_document_is_set(tmp_path: Path, client: FirestoreClient) -> None:
    write(tmp_path / "old", "risk_snapshot", SNAPSHOT)
    Sync(tmp_path / "old", "dev", client).step(T0, 0)
    write(tmp_path / "new", "risk_snapshot", {"symbols": [], "updated_ts": T0 + 5})
    Sync(tmp_path / "new", "dev", client).step(T0 + 5, 0)
    segments = b"".join(path.read_bytes() for path in (tmp_path / "new" / "logs" / "journal").glob("sync-*.journal"))
    assert segments.count(b'"sync-BTCUSDT-1750000000000000"') == 1


def test_a_busy_cycle_sends_every_document_and_says_what_it_took(tmp_path: Path, client: FirestoreClient) -> None:
    sync = Sync(tmp_path, "dev", client)
    took = []
    for cycle in range(15):
        publish(tmp_path, T0 + cycle, cycle)
        began = time.perf_counter()
        sync.step(T0 + cycle, 600.0 * cycle)
        took.append(time.perf_counter() - began)
    assert sync.error is None
    assert sync.counts.writes == 15 * (len(STATE_FILES) + 1)
    p50_ms = 1000 * statistics.median(took)
    print(f"busy cycle: p50 {p50_ms:.0f} ms, max {1000 * max(took):.0f} ms")


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["killed", "frozen"])
def test_it_recovers_within_10_s_of_the_return_of_the_server(tmp_path: Path, firestore: Emulator, fault: str) -> None:
    client = connected()
    sync, stop = Sync(tmp_path, "dev", client, interval_s=6), threading.Event()
    publish(tmp_path, time.time(), 1.0)
    thread = threading.Thread(target=sync.run, args=(stop,))
    thread.start()
    try:
        _until(lambda: sync.counts.writes == len(STATE_FILES) + 1, 20)
        firestore.kill() if fault == "killed" else firestore.freeze(until_thawed=True)
        publish(tmp_path, time.time(), 2.0)
        _until(lambda: sync.counts.failures >= 2, 60)
        publish(tmp_path, time.time(), 3.0)
        firestore.start() if fault == "killed" else firestore.freeze(until_thawed=False)
        back = time.monotonic()
        _until(lambda: sync.error is None, 10)
        print(f"{fault}: works again after {time.monotonic() - back:.1f} s")
        stored = connected().read("state/nav")
        assert stored is not None
        assert stored["total_equity"] == 3.0
    finally:
        stop.set()
        began = time.monotonic()
        sync.close()
        thread.join(5)
        if firestore.process is None:
            firestore.start()
        firestore.freeze(until_thawed=False)
    assert not thread.is_alive()
    assert time.monotonic() - began < 1


def _until(condition: Any, seconds: float) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "not in time"
        time.sleep(0.02)


# through the fault server


@pytest.fixture
def faults(firestore: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultServer]:
    with FaultServer(firestore.host) as server:
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", server.host)
        yield server


ONE = Document("state/nav", 1, "a", {"nav": 1, "_sync": {"seq": 1, "digest": "a"}})


def test_a_call_that_hangs_ends_in_bounded_time(faults: FaultServer) -> None:
    faults.fault = faults.hang
    client = connected()
    began = time.monotonic()
    with pytest.raises(RemoteFailed, match="DEADLINE_EXCEEDED"):
        client.send([ONE], rewrite=False)
    assert time.monotonic() - began < 8
    assert len(faults.calls) == 2
    client.close()


def test_one_failure_is_made_good_within_the_call_and_many_are_given_up(faults: FaultServer) -> None:
    left = [grpc.StatusCode.UNAVAILABLE]

    def fail(_: str, context: grpc.ServicerContext) -> None:
        if left:
            context.abort(left.pop(), "not now")

    faults.fault = fail
    client = connected()
    assert client.send([ONE], rewrite=False) == {"state/nav": "sent"}
    left += [grpc.StatusCode.UNAVAILABLE] * 9
    with pytest.raises(RemoteFailed, match="UNAVAILABLE"):
        client.send([ONE], rewrite=False)
    assert len(left) == 7
    for status in (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.RESOURCE_EXHAUSTED):
        left[:] = [status] * 9
        with pytest.raises(RemoteFailed, match=status.name):
            client.send([ONE], rewrite=False)
        assert len(left) == 8, "it is not asked again at once"
    client.close()


def test_a_slow_server_is_waited_for(faults: FaultServer) -> None:
    faults.fault = lambda *_: time.sleep(1)
    client = connected()
    assert client.send([ONE], rewrite=False) == {"state/nav": "sent"}
    assert faults.calls == ["BatchGetDocuments", "Commit"]
    client.close()


def test_a_commit_whose_answer_is_lost_is_not_done_twice(faults: FaultServer) -> None:
    def drop(_: str, context: grpc.ServicerContext) -> Any:
        is_first = faults.calls.count("Commit") == 1 and faults.calls[-1] == "Commit"
        return (lambda: context.abort(grpc.StatusCode.UNAVAILABLE, "dropped")) if is_first else None

    faults.fault = drop
    client = connected()
    assert client.send([ONE], rewrite=False) == {"state/nav": "there"}
    client.close()
