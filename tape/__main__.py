"""``python -m tape``."""

from tape.cli import run

run()
