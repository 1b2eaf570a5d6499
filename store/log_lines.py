"""Reads old logs line by line, compressed or not."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any


def batched_lines(path: Path) -> Iterable[tuple[tuple[int, str], ...]]:
    """The lines of a file with their numbers from 1, blank ones left out, 20,000 at a time."""
    lines = _lines(path)
    return iter(lambda: tuple(islice(lines, 20_000)), ())


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    if path.suffix == ".json":
        yield from _array_items(path)
        return
    line_no = 0
    try:
        with _open(path) as file:
            for line_no, line in enumerate(file, 1):
                if text := line.decode("utf-8", "backslashreplace").lstrip("\ufeff").strip():
                    yield line_no, text.replace("\0", "\\x00")
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        yield line_no + 1, f"(unreadable from here on: {error})"


def _open(path: Path) -> Any:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")


def _array_items(path: Path) -> Iterator[tuple[int, str]]:
    """The items of a JSON array, numbered from 1, each as one line; a file that is no array is one line."""
    text = path.read_text(encoding="utf-8", errors="backslashreplace")
    try:
        items = json.loads(text)
    except json.JSONDecodeError:
        items = None
    if not isinstance(items, list):
        yield 1, text
        return
    for number, item in enumerate(items, 1):
        yield number, json.dumps(item)


def line_numbers(path: Path, ordinals: set[int]) -> dict[int, int]:
    """The line numbers, from 1, of the n-th lines of a file that are not blank."""
    return {n: line_no for n, (line_no, _) in enumerate(_lines(path)) if n in ordinals}


def why_not_json(raw: str) -> str:
    try:
        json.loads(raw)
    except RecursionError:
        return "expected one JSON object per line, found one nested too deeply"
    except json.JSONDecodeError as error:
        at_end = ", the line ends too early" if error.pos >= len(raw) else ""
        return f"expected one JSON object per line, found {error.msg} at character {error.pos + 1}{at_end}"
    return "expected one JSON object per line, found what only a lenient parser reads"
