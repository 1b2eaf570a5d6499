"""Ctrl-C, as reported by a command."""

from __future__ import annotations


class Interrupted(Exception):
    """Ctrl-C ended a command; the text says what the command had done by then, if anything."""
