"""Every file in a folder of logs is read, or listed with the reason why it is not; a path is never a pattern."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tape.store.database import migrate, open_database
from tape.store.errors import NoLogs, StoreError
from tape.store.ingest.counter import FileCount
from tape.store.legacy.importer import import_logs
from tape.store.legacy.log_bytes import zstd
from tape.store.legacy.logs import find_logs, log_folder
from tests.store.old_logs import (
    CLOSE,
    EXECUTED,
    HEARTBEAT,
    HEARTBEATS,
    NAV,
    NAV_POINT,
    NOW,
    LogStore,
    text,
    write_files,
)

PACKED: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstd.compress,
}
ODD_NAMES = [
    "run[1]",
    "a*b",
    "what?",
    "[!x]",
    "{a,b}",
    'o\'brien "ünï"',
    "new\nline",
    "back\\slash",
    "back\\sl[a]sh",
    "-dash",
    "per%41cent",
    "ha#sh",
    "symbol=BTC",
    "~",
]


def beat(service: str) -> str:
    return text({**HEARTBEAT, "service": service})


def reasons(folder: Path) -> dict[str, str]:
    return {path: each.reason for each in find_logs(folder).unread for path in each.paths}


@pytest.mark.rows(4)
@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_folder_is_taken_as_named_and_nothing_of_its_neighbours(imported: LogStore, name: str) -> None:
    above = imported.folder
    for neighbour in ("run1", "axb", "whatx", "y", "a", "backslash", "backxslash", "back\\slash2", name):
        write_files(above / neighbour, {HEARTBEATS: beat(neighbour)})
    imported.folder = above / name
    assert imported.load().total == FileCount(read=1, stored=1)
    assert imported.column("service", "heartbeats") == [name]


def test_every_part_that_rotation_leaves_is_read_once_in_its_order(imported: LogStore) -> None:
    names = [
        "archive/sync_heartbeats.jsonl-20251001.gz",
        "sync_heartbeats-20251002.jsonl",
        "old/2025/sync_heartbeats.jsonl.2025-10-03.xz",
        "sync_heartbeats.jsonl.2025-10-04T12:00:00Z.zst",
        "sync_heartbeats.jsonl.3.bz2",
        "sync_heartbeats.2.jsonl",
        "sync_heartbeats.jsonl.1",
        "sync_heartbeats.jsonl.old",
        "SYNC_HEARTBEATS.JSONL.gz",
        "sync_heartbeats.jsonl",
    ]
    files: dict[str, str | bytes] = {
        f"execution/{name}": PACKED.get(Path(name).suffix, bytes)(beat(name).encode()) for name in names
    }
    report = imported.load(files)
    assert imported.column("service", "heartbeats") == names
    assert list(report.files) == [f"execution/{name}" for name in names]
    assert report.unread == []


def test_what_is_not_read_is_listed_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    execution = tmp_path / "execution"
    write_files(
        tmp_path,
        {
            HEARTBEATS: beat("live"),
            "execution/sync_heartbeats_old.jsonl": "",
            "execution/sync_heartbeats.jsonl.bak": "",
            "execution/audit_2025.jsonl": "",
            "execution/nav.jsonl": "",
            "orders_executed.jsonl": "",
            "nav.json": "",
            "pipeline_v6_compare.jsonl": "",
            "state/nav.json": "",
            "logs/nav.jsonl": "",
            "notes/x.txt": "",
        },
    )
    (execution / "sync_heartbeats.jsonl.1").mkdir()
    os.mkfifo(execution / "sync_heartbeats.jsonl.2")
    (execution / "sync_heartbeats.jsonl.3").symlink_to("nowhere")
    (execution / "sync_heartbeats.jsonl.4").symlink_to("sync_heartbeats.jsonl.4")
    (execution / "sync_heartbeats.jsonl.5").symlink_to("sync_heartbeats.jsonl")
    (execution / "archive").symlink_to(execution)
    monkeypatch.chdir(execution)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("sync_heartbeats.jsonl.6")
    unlike = "its name is not like sync_heartbeats.jsonl, with a date or number where it was rotated"
    assert reasons(tmp_path) == {
        "execution/archive": "the same as execution",
        "execution/audit_2025.jsonl": "its name is not that of a log",
        "execution/nav.jsonl": "expected beside the folder execution, not in it",
        "execution/sync_heartbeats.jsonl.1": "a folder that is neither execution nor an archive",
        "execution/sync_heartbeats.jsonl.2": "a pipe, not a file",
        "execution/sync_heartbeats.jsonl.3": "a link to nothing",
        "execution/sync_heartbeats.jsonl.4": "a link to itself",
        "execution/sync_heartbeats.jsonl.5": "the same as execution/sync_heartbeats.jsonl",
        "execution/sync_heartbeats.jsonl.6": "a socket, not a file",
        "execution/sync_heartbeats.jsonl.bak": unlike,
        "execution/sync_heartbeats_old.jsonl": unlike,
        "logs": "a folder with logs of its own: import it by itself if they belong to this account",
        "nav.json": "its name is not like nav.jsonl, with a date or number where it was rotated",
        "notes": "a folder that is neither execution nor an archive",
        "orders_executed.jsonl": "expected in the folder execution",
        "pipeline_v6_compare.jsonl": "computed from shadow decisions and orders",
        "state": "published files: they are computed from the events",
    }
    assert [path.name for _, paths in find_logs(tmp_path).logs for path in paths] == ["sync_heartbeats.jsonl"]


def test_a_name_that_is_refused_does_not_hide_the_same_file_under_a_good_one(tmp_path: Path) -> None:
    write_files(tmp_path, {"execution/sync_heartbeats.bak": beat("x")})
    (tmp_path / HEARTBEATS).hardlink_to(tmp_path / "execution" / "sync_heartbeats.bak")
    assert find_logs(tmp_path).count == 1


def test_a_file_that_may_not_be_read_is_listed_and_the_others_are_read(
    imported: LogStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(imported.folder, {HEARTBEATS: beat("live"), NAV: text(NAV_POINT)})
    found = find_logs(imported.folder)
    (imported.folder / NAV).unlink()  # rotated away between the look and the reading
    report = import_logs(imported.connection, imported.folder, now=NOW, found=found)
    assert report.total == FileCount(read=1, stored=1)
    assert [(each.paths, each.reason) for each in report.unread] == [
        (("nav.jsonl",), "cannot be read: No such file or directory")
    ]
    write_files(imported.folder, {NAV: text(NAV_POINT)})
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "nav.jsonl")
    assert reasons(imported.folder) == {"nav.jsonl": "cannot be read: Permission denied"}


def test_thousands_of_files_are_listed_in_a_few_lines(tmp_path: Path) -> None:
    write_files(tmp_path, {HEARTBEATS: "", **{f"execution/audit_{n:04}.jsonl": "" for n in range(2000)}})
    (unread,) = find_logs(tmp_path).unread
    assert unread.count == 2000
    assert unread.paths == tuple(f"execution/audit_{n:04}.jsonl" for n in range(10))


def test_names_that_are_no_text_are_read_and_named(imported: LogStore) -> None:
    write_files(imported.folder, {HEARTBEATS: beat("live")})
    folder = os.fsencode(imported.folder / "execution")
    Path(os.fsdecode(folder + b"/archive\xff.jsonl")).write_bytes(b"")
    assert imported.load().unread[0].paths == ("execution/archive\\xff.jsonl",)


def test_a_folder_without_logs_says_where_they_are(imported: LogStore) -> None:
    home = write_files(imported.folder, {"logs/nav.jsonl": "", "logs/execution/sync_heartbeats.jsonl": beat("x")})
    with pytest.raises(NoLogs, match=f"there are logs in {home / 'logs'}: import that"):
        import_logs(imported.connection, home, now=NOW)
    with pytest.raises(NoLogs, match=f"there are logs in {home / 'logs'}: import that"):
        import_logs(imported.connection, home / "logs" / "execution", now=NOW)


def test_the_folder_to_import_for_a_file(tmp_path: Path) -> None:
    assert log_folder(tmp_path / "execution" / "archive" / "sync_heartbeats.jsonl.1.gz") == tmp_path
    assert log_folder(tmp_path / "nav.jsonl") == tmp_path
    assert log_folder(tmp_path / "risk_limits.json") == tmp_path
    assert log_folder(tmp_path / "notes.txt") is None


def test_a_hole_is_said_and_the_lines_behind_it_are_stored(imported: LogStore) -> None:
    path = write_files(imported.folder, {EXECUTED: ""}) / EXECUTED
    with path.open("wb") as file:
        file.truncate(64_000_000)
        file.seek(64_000_000)
        file.write(text(CLOSE, {**CLOSE, "orderId": "10"}).encode())
    report = imported.load()
    assert report.files[EXECUTED] == FileCount(read=2, stored=2)
    assert report.notes == [f"{EXECUTED}: 64,000,000 NUL bytes (a hole in the file) left out"]
    assert imported.load().total == FileCount(read=2, known=2)


def test_a_file_of_nothing_but_a_hole_is_said(imported: LogStore) -> None:
    report = imported.load({HEARTBEATS: b"\0"})
    assert report.notes == [f"{HEARTBEATS}: 1 NUL bytes (a hole in the file) left out"]


def test_lines_beyond_all_bounds_are_refused_and_the_others_stored(imported: LogStore) -> None:
    content = beat("before").encode() + b"{" + b"z" * 40_000_000 + b"\n" + bytes([1, 255, 10]) + beat("after").encode()
    report = imported.load({HEARTBEATS: content})
    assert report.total == FileCount(read=4, stored=2, rejected=2)
    assert max(len(raw) for raw in imported.column("raw", "rejected_events")) < 70_000


def test_a_large_nav_array_and_its_rotated_parts_are_read(imported: LogStore) -> None:
    points = [{"t": 1762000000 + n, "nav": 1000 + n} for n in range(5000)]
    older = [{"t": 1761000000, "nav": 5}]
    report = imported.load(
        {"nav_log.json": json.dumps(points), "archive/nav_log.json.1.gz": gzip.compress(json.dumps(older).encode())}
    )
    assert {name: count.stored for name, count in report.files.items()} == {
        "archive/nav_log.json.1.gz": 1,
        "nav_log.json": 5000,
    }


@pytest.mark.rows(1)
@pytest.mark.parametrize("name", [name for name in ODD_NAMES if "?" not in name])
def test_a_home_is_taken_as_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name / "logs" / "tape.duckdb"
    migrate(path)
    open_database(path).close()
    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_a_home_with_a_question_mark_is_refused_in_one_line_and_nothing_is_made(tmp_path: Path) -> None:
    path = tmp_path / "what?x=1" / "logs" / "tape.duckdb"
    (tmp_path / "link").symlink_to(tmp_path / "what?x=1")
    for each in (path, tmp_path / "link" / "logs" / "tape.duckdb"):
        with pytest.raises(StoreError, match=r"expected a path without \?") as refused:
            migrate(each)
        assert str(each) in str(refused.value)
        assert "\n" not in str(refused.value)
    assert [each.name for each in tmp_path.iterdir()] == ["link"]
