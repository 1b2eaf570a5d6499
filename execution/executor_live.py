"""The contract's command: ``python -m execution.executor_live --home DIR`` runs the executor beside ``tape serve``.

Law kept here: no module imports this one. Its import of the command line, which imports the executor, would close a
circle.
"""

from __future__ import annotations

from tape.cli.app import run
from tape.cli.executor import app

if __name__ == "__main__":
    run(app)
