"""Reads a JSON array item by item, so that an array of any size takes little memory."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

_SPACE = re.compile(r"[ \t\r\n]*")
_LONGEST = 16_777_216
"""Characters of one item; a longer one is no item of a log."""


class NoArray(Exception):
    """The text is not a JSON array, or stops being one. ``is_at_start``: it does not even begin as one."""

    def __init__(self, reason: str, *, is_at_start: bool = False) -> None:
        self.is_at_start = is_at_start
        super().__init__(reason)


def array_items(blocks: Iterator[str]) -> Iterator[str]:
    """Yield the items of an array that comes in blocks, each as one line of JSON; the last of repeated keys counts.

    Raises:
        NoArray: the text is wrong at some place; all items before it were yielded.
    """
    text = _Text(blocks)
    if text.next_sign() != "[":
        raise NoArray("expected a JSON array, found none", is_at_start=True)
    text.skip()
    number, sign = 0, text.next_sign()
    while sign != "]":
        number += 1
        yield text.item(number)
        sign = text.next_sign()
        if sign == ",":
            text.skip()
        elif sign != "]":
            raise NoArray(f"expected , or ] after item {number}, found {sign or 'the end'}")
    text.skip()
    if sign := text.next_sign():
        raise NoArray(f"expected the end after the array, found {sign}")


class _Text:
    """The text that is not read yet."""

    def __init__(self, blocks: Iterator[str]) -> None:
        self._blocks = blocks
        self._text, self._at = "", 0
        self._decoder = json.JSONDecoder()

    def next_sign(self) -> str:
        """Return the next character that is not white space; empty at the end."""
        while True:
            found = _SPACE.match(self._text, self._at)
            self._at = self._at if found is None else found.end()
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def skip(self) -> None:
        """Skip one character."""
        self._at += 1

    def item(self, number: int) -> str:
        """Read one value."""
        self.next_sign()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except (ValueError, RecursionError) as error:
                if isinstance(error, RecursionError) or self._is_enough() or not self._more():
                    raise NoArray(f"item {number}: expected JSON, found {_words(error)}") from error
                continue
            # A number may go on in the next block: `12` at the end of this one may be `123`.
            if end < len(self._text) or not self._more():
                self._at = end
                # Written anew, because an item may span lines and have a key twice.
                return json.dumps(value)

    def _is_enough(self) -> bool:
        return len(self._text) - self._at > _LONGEST

    def _more(self) -> bool:
        """Append as many blocks as there is text already, so that a long item is retried only a few times."""
        # Twice the text with each try: a long item is decoded from its beginning each time, and so costs twice its
        # length.
        wanted, parts = max(1, len(self._text) - self._at), [self._text[self._at :]]
        while wanted > 0 and (block := next(self._blocks, None)) is not None:
            parts.append(block)
            wanted -= len(block)
        if len(parts) == 1:
            return False
        self._text, self._at = "".join(parts), 0
        return True


def _words(error: ValueError | RecursionError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return error.msg
    return "too many levels" if isinstance(error, RecursionError) else str(error)
