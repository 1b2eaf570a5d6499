"""The text of an expression as written in the file of its view. Pure: from texts to texts."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from tape.store.query.tree import Node, nodes_in

_TOKEN = re.compile(r"--[^\n]*|'(?:[^']|'')*'|\"[^\"]*\"|[A-Za-z_][A-Za-z0-9_]*|[0-9][0-9.e]*|\S")
_NO_LOCATION = 2**63


class _Token(NamedTuple):
    start: int
    end: int
    word: str
    depth: int
    """Of brackets around it; a bracket counts as outside."""


@cache
def _tokens(text: str) -> tuple[_Token, ...]:
    found, depth = [], 0
    for match in _TOKEN.finditer(text):
        word = match[0]
        if word.startswith("--"):
            continue
        depth -= word in ")]}"
        found.append(_Token(match.start(), match.end(), word, depth))
        depth += word in "([{"
    return tuple(found)


def words_of(text: str, expression: Node, name: str) -> str | None:
    """Return the text of ``expression as name``, or of ``'name': expression`` in a struct, as its select has it."""
    at = [
        each["query_location"] for each in nodes_in(expression) if each.get("query_location", _NO_LOCATION) < len(text)
    ]
    if not at:
        return None
    tokens = _tokens(text)
    first = next((n for n, token in enumerate(tokens) if token.end > min(at)), None)
    if first is None:
        return None
    span = _member_span(tokens, first, name) or _item_span(tokens, first, name)
    return None if span is None else _dedented(text, tokens[span[0]].start, tokens[span[1]].end)


def _item_span(tokens: tuple[_Token, ...], first: int, name: str) -> tuple[int, int] | None:
    """Return the first and last token of ``.. as name``."""
    for n in range(first, len(tokens) - 1):
        if tokens[n].word == "as" and tokens[n + 1].word.strip('"') == name:
            depth = tokens[n].depth
            start = _back(tokens, min(first, n - 1), depth)
            return (start, n - 1) if start <= n - 1 else None
    return None


def _member_span(tokens: tuple[_Token, ...], first: int, name: str) -> tuple[int, int] | None:
    """Return the first and last token after ``'name':``, which stands just before, in or before opened brackets."""
    for n in range(first - 1, 0, -1):
        if tokens[n].word == ":" and tokens[n].depth <= tokens[first].depth:
            if tokens[n - 1].word != f"'{name}'":
                return None
            depth = tokens[n].depth
            end = n + 1
            while end + 1 < len(tokens) and not _ends(tokens[end + 1], depth):
                end += 1
            return n + 1, end
        if tokens[n].word in ("select", "from", "as"):
            return None
    return None


def _ends(token: _Token, depth: int) -> bool:
    """Return whether a token ends or begins an item of a list whose items stand at a depth."""
    return token.depth < depth or (token.depth == depth and token.word in (",", "select"))


def _back(tokens: tuple[_Token, ...], n: int, depth: int) -> int:
    """Return the first token of the item that holds the ``n``-th token, where items of its list stand at a depth."""
    while n > 0 and not _ends(tokens[n - 1], depth):
        n -= 1
    while tokens[n].word == "distinct":
        n += 1
    return n


def _dedented(text: str, start: int, end: int) -> str:
    """Return the lines without the indentation that all but the first share."""
    lines = text[start:end].split("\n")
    line_start = text.rfind("\n", 0, start) + 1
    own = len(text[line_start:start]) - len(text[line_start:start].lstrip())
    margin = min([len(line) - len(line.lstrip()) for line in lines[1:]] + [own])
    return "\n".join([lines[0], *(line[margin:] for line in lines[1:])])
