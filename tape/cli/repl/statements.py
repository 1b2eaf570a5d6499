"""Splits a text into SQL statements, which end with ``;``, and commands, lines that begin with a dot.

DuckDB's parser decides where a statement ends: a ``;`` in a text, a name or a comment does not end it.
"""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

_LEAVING = ("quit", "exit")


def steps_of(text: str) -> Iterator[str]:
    """Return commands and statements in their order; the last statement may lack its ``;``."""
    pending = ""
    for line in text.splitlines(keepends=True):
        if is_command(line) and _is_blank(pending):
            pending = ""
            yield line.strip()
            continue
        pending += line
        if ";" in line:
            statements, pending = _cut(pending)
            yield from statements
    if not _is_blank(pending):
        yield pending.strip()


def is_command(text: str) -> bool:
    return text.lstrip().startswith(".") or text.strip().lower() in _LEAVING


def is_whole(text: str) -> bool:
    """Return whether all typed text can be run, or nothing is typed."""
    if not text.strip() or (is_command(text) and "\n" not in text.strip()):
        return True
    return ";" in text and _is_blank(_cut(text)[1])


def _cut(text: str) -> tuple[list[str], str]:
    """Return the complete statements, and the rest."""
    raw = text.encode()
    statements, begin = [], 0
    for at, kind in duckdb.tokenize(text):
        if kind == duckdb.token_type.operator and raw[at : at + 1] == b";":
            statement = raw[begin:at].decode().strip()
            begin = at + 1
            if not _is_blank(statement):
                statements.append(statement)
    return statements, raw[begin:].decode()


def _is_blank(text: str) -> bool:
    """Return whether there is nothing but comments; an unfinished text or comment is not blank."""
    if not text.strip() or duckdb.tokenize(text):
        return not text.strip()
    return bool(duckdb.tokenize(f"{text}\n1"))
