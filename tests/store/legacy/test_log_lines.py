"""What a line is: it ends with a newline alone, NULs are no part of it, and the reading takes little memory."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tape.store.legacy.log_bytes import LogBytes, zstd
from tape.store.legacy.log_lines import LogLine, LogReader, blank_lines

PACKERS: list[Callable[[bytes], bytes]] = [gzip.compress, bz2.compress, lzma.compress, zstd.compress]
MB = 1_000_000


def read(path: Path, *, is_array: bool = False) -> tuple[list[LogLine], int]:
    with LogBytes(path) as file:
        reader = LogReader(file, is_array=is_array)
        return [line for batch in reader.batches() for line in batch], reader.nul_count


def lines_of(folder: Path, content: bytes, *, is_array: bool = False) -> list[LogLine]:
    path = folder / "some.log"
    path.write_bytes(content)
    return read(path, is_array=is_array)[0]


@pytest.mark.parametrize("end", ["\r", "\u2028", "\u2029", "\x0b", "\x0c", "\x1c", "\x85"])
def test_only_a_newline_ends_a_line(tmp_path: Path, end: str) -> None:
    assert lines_of(tmp_path, f"a{end}b\nc".encode()) == [LogLine(1, f"a{end}b"), LogLine(2, "c")]


def test_marks_and_carriage_returns_around_a_line_are_no_part_of_it(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbfa\r\n\r\n  b \t\r\n\xef\xbb\xbfc"
    assert lines_of(tmp_path, content) == [LogLine(1, "a"), LogLine(3, "b"), LogLine(4, "c")]


@pytest.mark.parametrize("kind", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_read_by_its_mark(tmp_path: Path, kind: str) -> None:
    mark = {"utf-16": "", "utf-16-le": "\ufeff", "utf-16-be": "\ufeff"}[kind]
    assert lines_of(tmp_path, (mark + "é\r\n\U0001f600\n").encode(kind)) == [LogLine(1, "é"), LogLine(2, "\U0001f600")]


@pytest.mark.parametrize("packed", PACKERS)
@pytest.mark.parametrize("name", ["x.jsonl", "x.jsonl.gz", "x.jsonl.zst"])
def test_what_is_packed_shows_in_its_first_bytes(tmp_path: Path, packed: Callable[[bytes], bytes], name: str) -> None:
    (tmp_path / name).write_bytes(packed(b"a\nb\n") + packed(b"c\n"))
    assert read(tmp_path / name)[0] == [LogLine(1, "a"), LogLine(2, "b"), LogLine(3, "c")]


def test_a_plain_file_with_the_name_of_an_archive_is_read(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl.gz").write_bytes(b"a\n")
    assert read(tmp_path / "x.jsonl.gz")[0] == [LogLine(1, "a")]


@pytest.mark.parametrize("packed", PACKERS)
def test_an_archive_cut_anywhere_keeps_its_whole_lines_and_says_once_that_it_was_cut(
    tmp_path: Path, packed: Callable[[bytes], bytes]
) -> None:
    whole = [json.dumps({"n": n, "salt": os.urandom(40).hex()}) for n in range(2000)]
    content = packed("".join(f"{line}\n" for line in whole).encode())
    for cut in (len(content) // 3, len(content) - 1):
        found = lines_of(tmp_path, content[:cut])
        good = [line.raw for line in found if line.flaw is None]
        assert good == whole[: len(good)]
        assert [line.flaw is None for line in found] == [True] * len(good) + [False]
        assert found[-1].raw.startswith("(unreadable from here on: ")
    assert len(good) >= 1000 or packed is not gzip.compress


def test_the_torn_line_of_a_cut_archive_is_told(tmp_path: Path) -> None:
    flushed = zlib.compressobj(wbits=31)
    content = flushed.compress(b'{"a": 1}\n{"b": 2') + flushed.flush(zlib.Z_SYNC_FLUSH)
    _, cut = lines_of(tmp_path, content)
    assert cut.number == 2
    assert cut.flaw is not None
    assert cut.flaw.endswith("behind the torn line '{\"b\": 2'")


def test_padding_behind_an_archive_is_nothing_and_garbage_is_told(tmp_path: Path) -> None:
    assert lines_of(tmp_path, gzip.compress(b"a\n") + b"\0" * 5000) == [LogLine(1, "a")]
    found = lines_of(tmp_path, gzip.compress(b"a\n") + b"garbage")
    assert [line.raw for line in found if line.flaw is None] == ["a"]
    assert len(found) == 2


def holed(path: Path, parts: list[bytes | int]) -> Path:
    """A file of bytes and of holes, whose length is given; a hole takes no room on the disk."""
    with path.open("wb") as file:
        for part in parts:
            if isinstance(part, int):
                file.seek(part, os.SEEK_CUR)
            else:
                file.write(part)
        file.truncate()
    return path


def test_holes_at_the_start_in_the_middle_and_at_the_end_are_counted_and_the_lines_read(tmp_path: Path) -> None:
    path = holed(tmp_path / "x", [3 * MB, b'{"a": 1}\n{"b"', 2 * MB, b'{"c": 1}\n', MB])
    found, nul_count = read(path)
    assert [line.raw for line in found] == ['{"a": 1}', '{"b"', '{"c": 1}']
    assert [line.number for line in found] == [1, 2, 2]
    assert nul_count == 6 * MB


def test_a_hole_of_many_gigabytes_takes_no_time_and_no_memory(tmp_path: Path) -> None:
    path = holed(tmp_path / "x", [40_000 * MB, b'{"a": 1}\n'])
    if path.stat().st_blocks > 1000:
        pytest.skip("the file system writes holes out")
    tracemalloc.start()
    try:
        found, nul_count = read(path)
        assert tracemalloc.get_traced_memory()[1] < 8 * MB
    finally:
        tracemalloc.stop()
    assert found == [LogLine(1, '{"a": 1}')]
    assert nul_count == 40_000 * MB


def test_nuls_that_were_written_are_like_a_hole(tmp_path: Path) -> None:
    (tmp_path / "x.gz").write_bytes(gzip.compress(bytes(5 * MB) + b'{"a": 1}\n{"b": 2}\0{"c": 3}\n'))
    found, nul_count = read(tmp_path / "x.gz")
    assert [line.raw for line in found] == ['{"a": 1}', '{"b": 2}', '{"c": 3}']
    assert nul_count == 5 * MB + 1


def test_a_line_of_nothing_but_nuls_is_lost_and_said(tmp_path: Path) -> None:
    found = lines_of(tmp_path, b"a\n\0\0\0\nb\n")
    assert found[1] == LogLine(2, "(3 NUL bytes)", "expected a line, found nothing but NUL bytes")
    assert [found[0].raw, found[2].raw] == ["a", "b"]


def test_nuls_within_what_is_no_line_do_not_make_many_lines_of_it(tmp_path: Path) -> None:
    (line,) = lines_of(tmp_path, '{"a": 1, "b": [1, 2]}'.encode("utf-16-le") + b"\n")
    assert line.flaw is not None
    assert line.raw.startswith('{\\x00"\\x00a')


def test_a_line_without_end_takes_bounded_memory_and_its_beginning_is_kept(tmp_path: Path) -> None:
    (tmp_path / "x.gz").write_bytes(gzip.compress(b"{" + b"y" * (200 * MB) + b"\n{}\n", 1))
    tracemalloc.start()
    try:
        found, _ = read(tmp_path / "x.gz")
        assert tracemalloc.get_traced_memory()[1] < 80 * MB
    finally:
        tracemalloc.stop()
    assert len(found[0].raw) < 70_000
    assert "of 200,000,001 bytes" in found[0].raw
    assert found[0].flaw == "expected a line of at most 1,048,576 bytes, found 200,000,001"
    assert found[1] == LogLine(2, "{}")


def test_where_blank_lines_stand(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\na\nb\n\n\nc\n\nd\n")
    assert list(blank_lines(tmp_path / "x", 2)) == [(0, 1), (2, 3)]
    assert list(blank_lines(tmp_path / "x", 9)) == [(0, 1), (2, 3), (3, 4)]
    assert list(blank_lines(tmp_path / "gone", 0)) == []


# --- arrays ---


def test_the_items_of_an_array_over_many_blocks(tmp_path: Path) -> None:
    items = [{"t": n, "nav": n / 7, "note": "é" * (n % 50)} for n in range(20_000)]
    for content in (json.dumps(items), json.dumps(items, indent=1, ensure_ascii=False)):
        found = lines_of(tmp_path, content.encode(), is_array=True)
        assert [line.number for line in found] == list(range(1, 20_001))
        assert [json.loads(line.raw) for line in found] == items


@pytest.mark.parametrize(
    ("content", "good"),
    [
        ('[{"t": 1}, {"t": 2', ['{"t": 1}']),
        ('[{"t": 1},', ['{"t": 1}']),
        ('[{"t": 1} {"t": 2}]', ['{"t": 1}']),
        ('[{"t": 1}] more', ['{"t": 1}']),
        ("[,]", []),
        ('{"t": 1,\n"nav": 2', []),
        ('"text"', []),
        ("[" * 100_000, []),
        ("[" + "9" * 5000 + "]", []),
    ],
)
def test_what_is_no_array_is_refused_once_and_its_whole_items_are_taken(
    tmp_path: Path, content: str, good: list[str]
) -> None:
    *items, refused = lines_of(tmp_path, content.encode(), is_array=True)
    assert [item.raw for item in items] == good
    assert all(item.flaw is None for item in items)
    assert (refused.number, refused.raw) == (1, content)
    assert refused.flaw is not None
    assert "expected " in refused.flaw


def test_lines_in_place_of_an_array_are_read_as_lines(tmp_path: Path) -> None:
    content = b'{"t": 1}\n{"t": 2}\n'
    assert lines_of(tmp_path, content, is_array=True) == [LogLine(1, '{"t": 1}'), LogLine(2, '{"t": 2}')]


def test_an_empty_array_and_an_empty_file_have_no_items(tmp_path: Path) -> None:
    assert lines_of(tmp_path, b" [ ] \n", is_array=True) == []
    assert lines_of(tmp_path, b"", is_array=True) == []
