"""``python -m tape``."""

from tape.cli.app import run

run()
