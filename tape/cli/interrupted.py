"""Ctrl-C, as a command says it."""

from __future__ import annotations


class Interrupted(Exception):
    """Ctrl-C ended a command; the text says what it had done by then, if anything."""
