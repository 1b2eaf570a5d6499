"""Segments as their readers take them: headers, names and lines, given byte by byte."""

from __future__ import annotations

import fcntl
import re
from pathlib import Path
from zlib import crc32

import pytest

from tape.store.journal.segments import (
    HeaderDamaged,
    JournalError,
    Line,
    Segment,
    header_of_name,
    is_finished,
    read_header,
    read_lines,
    segment_name,
    segment_paths,
)

NAME = "executor-r.1-000003.journal"
HEADER = b'TAPE1 79198b40 {"producer":"executor","run_id":"r.1","hostname":"h","pid":41,"segment":3,"first_seq":17}\n'
BODY = HEADER.partition(b" ")[2].partition(b" ")[2].rstrip(b"\n")


def line(body: bytes) -> bytes:
    return b"%08x %b\n" % (crc32(body), body)


def written(folder: Path, content: bytes, name: str = NAME) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_a_header_is_read_field_by_field(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER)
    assert read_header(path) == Segment(path, "executor", "r.1", "h", 41, 3, 17, len(HEADER))


@pytest.mark.parametrize("at", [at for at, byte in enumerate(HEADER) if chr(byte).isdigit()])
def test_a_header_with_one_digit_changed_is_damaged(tmp_path: Path, at: int) -> None:
    digit = (HEADER[at] - ord("0") + 1) % 10 + ord("0")
    path = written(tmp_path, HEADER[:at] + bytes([digit]) + HEADER[at + 1 :])
    with pytest.raises(HeaderDamaged, match=re.escape(f"segment {NAME}: line 1: expected a header, found ")):
        read_header(path)


@pytest.mark.parametrize(
    "content",
    [
        HEADER[:-1],
        HEADER.replace(b"TAPE1 ", b""),
        HEADER.replace(b"TAPE1", b"TAPE2"),
        b"TAPE1 " + line(b"[]"),
        b"TAPE1 " + line(BODY.replace(b'"pid":41,', b"")),
        b"TAPE1 " + line(BODY.replace(b":17", b':"x"')),
        b"",
    ],
)
def test_what_is_no_whole_header_is_damaged(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(HeaderDamaged):
        read_header(written(tmp_path, content))


@pytest.mark.parametrize(
    "name", ["executor-r.1-000004.journal", "executor-r.2-000003.journal", "router-r.1-000003.journal"]
)
def test_the_header_of_another_segment_is_a_copy_and_not_damaged(tmp_path: Path, name: str) -> None:
    with pytest.raises(JournalError, match=f"expected its own header, found that of {re.escape(NAME)}") as error:
        read_header(written(tmp_path, HEADER, name))
    assert not isinstance(error.value, HeaderDamaged)


def test_behind_a_damaged_header_name_and_first_whole_batch_say_what_they_can(tmp_path: Path) -> None:
    head = b"no header\n"
    path = written(tmp_path, head + b"deadbeef broken\n" + line(b"18 5 []") + line(b"19 5 []"))
    assert header_of_name(path) == Segment(path, "executor", "r.1", None, None, 3, 18, len(head))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (NAME, b"no header\n"),
        (NAME, b"no header\ndeadbeef broken\n"),
        ("executor-r.1.journal", b"x\n" + line(b"1 5 []")),
        ("executor-r.1-00003.journal", b"x\n" + line(b"1 5 []")),
    ],
)
def test_without_a_whole_batch_or_a_name_nothing_can_be_said(tmp_path: Path, name: str, content: bytes) -> None:
    assert header_of_name(written(tmp_path, content, name)) is None


def test_numbers_of_segments_have_six_digits_and_more_where_they_need(tmp_path: Path) -> None:
    assert segment_name("executor", "r", 7) == "executor-r-000007.journal"
    assert segment_name("executor", "r", 1_234_567) == "executor-r-1234567.journal"


def test_segments_are_listed_by_name_without_hidden_and_other_files(tmp_path: Path) -> None:
    for name in (
        "b-r-000001.journal",
        "a-r-000002.journal",
        "a-r-000001.journal",
        ".c-r-000001.journal",
        "a.journal.gz",
    ):
        (tmp_path / name).touch()
    assert [path.name for path in segment_paths(tmp_path)] == [
        "a-r-000001.journal",
        "a-r-000002.journal",
        "b-r-000001.journal",
    ]
    assert segment_paths(tmp_path / "none") == []


def test_lines_are_numbered_and_end_behind_their_newline(tmp_path: Path) -> None:
    first, second = line(b'17 1500 [["a",{}]]'), line(b"18 -20 []")
    path = written(tmp_path, HEADER + first + second + b"torn")
    lines = list(read_lines(path, len(HEADER), 2, 10_000))
    assert lines == [
        Line(2, len(HEADER + first), first[:-1], 17, 1500, b'[["a",{}]]'),
        Line(3, len(HEADER + first + second), second[:-1], 18, -20, b"[]"),
    ]
    assert lines[0].items == [["a", {}]]


@pytest.mark.parametrize("limit", [1, 20])
def test_a_slice_ends_behind_the_line_in_which_its_limit_lies(tmp_path: Path, limit: int) -> None:
    content = line(b"1 5 []") + line(b"2 5 []")
    assert len(line(b"1 5 []")) == 16
    found = [each.seq for each in read_lines(written(tmp_path, content), 0, 1, limit)]
    assert found == ([1] if limit == 1 else [1, 2])


def test_a_wrong_checksum_is_told_with_both(tmp_path: Path) -> None:
    (found,) = read_lines(written(tmp_path, b"00000000 1 5 []\n"), 0, 1, 100)
    assert (found.fault, found.seq, found.body) == (f"crc {crc32(b'1 5 []'):08x}, expected 00000000", 0, b"")


def test_a_segment_is_finished_once_nobody_holds_its_lock(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER)
    with path.open("rb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        assert not is_finished(path)
    assert is_finished(path)
