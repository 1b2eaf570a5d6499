"""The layout of a home: the path of each of its files. Nothing here reads the disk.

::

    logs/                      all files of Tape, beside the contract's logs of a runtime
      tape.duckdb              the database
      journal/                 recorded events, until they are stored and backed up
      state/                   the published files
      cache/                   state for local dashboards and accounts
      backup/                  copies of the database
      damaged/, rebuilding/    a database that was set aside, and one that is being made
      tape.pid, tape.sock      the owner's claim and its socket
      tape-executor.pid        the executor's claim
      tape.written             the files that Tape wrote, and the digest of the last content of each
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

CONFIG_FILES = {"limits": "risk_limits.json", "universe": "pairs_universe.json"}
"""Documents of a home that may lie in a file of their own, by their kind."""


def state_in(logs: Path) -> Path:
    """Return the folder of published files of a logs folder."""
    return logs / "state"


@dataclass(frozen=True)
class Layout:
    """The paths in a home folder."""

    home: Path

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def database(self) -> Path:
        return self.logs / "tape.duckdb"

    @property
    def journal(self) -> Path:
        return self.logs / "journal"

    @property
    def state(self) -> Path:
        return state_in(self.logs)

    @property
    def cache(self) -> Path:
        return self.logs / "cache"

    @property
    def backups(self) -> Path:
        return self.logs / "backup"

    @property
    def damaged(self) -> Path:
        return self.logs / "damaged"

    @property
    def rebuilding(self) -> Path:
        return self.logs / "rebuilding"

    @property
    def owner_claim(self) -> Path:
        return self.logs / "tape.pid"

    @property
    def executor_claim(self) -> Path:
        return self.logs / "tape-executor.pid"

    @property
    def socket(self) -> Path:
        return self.logs / "tape.sock"

    @property
    def written(self) -> Path:
        return self.logs / "tape.written"
