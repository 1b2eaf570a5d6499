"""The caches of dashboards and old runtimes beside an owner: kept without Firestore, and without harm."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tape.execution.events import Ticked
from tape.store.journal.writer import Journal
from tests.store.old_logs import write_files
from tests.tape.owners import Serving, wait_for

OLD_PEAK = {"day": "2024-01-01", "peak": 1700.0, "peak_equity": 1700.0, "nav": 1690.0, "dd_pct": 0.6, "note": "by hand"}


def told(path: Path) -> Any:
    return json.loads(path.read_bytes())


def test_an_owner_keeps_both_caches_alive_without_firestore_and_what_is_there(tmp_path: Path) -> None:
    logs, now = tmp_path / "logs", time.time()
    old = [{"t": now - 60.5 * (720 - at), "nav": 1600.0 + at, "unrealized_pnl": 0.5} for at in range(720)]
    write_files(
        tmp_path,
        {
            "tape.toml": '[limits]\nreset_timezone = "Asia/Tokyo"\n',
            "logs/nav_log.json": json.dumps(old),
            "logs/cache/peak_state.json": json.dumps(OLD_PEAK),
        },
    )
    peak_path, log_path = logs / "cache" / "peak_state.json", logs / "nav_log.json"
    with Serving(tmp_path) as owner:
        time.sleep(1)
        assert told(peak_path) == OLD_PEAK, "without a tick there is nothing to say"
        with Journal(tmp_path, "executor") as journal:
            for equity in (2000.0, 1900.0):
                journal.record([Ticked(ts=datetime.now(UTC), equity_usd=equity, nav_usd=equity)], durable=True)
                time.sleep(0.01)
        wait_for(lambda: told(peak_path).get("equity") == 1900.0, owner.log)
        wait_for(lambda: len(told(log_path)) > 720, owner.log)
        peak, points = told(peak_path), told(log_path)
        expected = {"peak": 2000.0, "dd_pct": 5.0, "dd_abs": 100.0, "nav": 1900.0, "nav_usd": 1900.0}
        assert {key: peak[key] for key in expected} == expected
        assert (peak["peak_equity"], peak["drawdown_pct"], peak["note"]) == (2000.0, 5.0, "by hand")
        tokyo = ZoneInfo("Asia/Tokyo")
        assert peak["day"] in {f"{datetime.fromtimestamp(each, tokyo):%Y-%m-%d}" for each in (now, time.time())}
        assert (peak["reset_timezone"], peak["realized_pnl_today"]) == ("Asia/Tokyo", 0.0)
        assert abs(peak["ts"] - time.time()) < 60
        assert [point for point in points if point in old] == old
        assert points[-1]["equity"] == 1900.0

        peak_path.write_text(json.dumps(OLD_PEAK))  # the old runtime starts again
        with Journal(tmp_path, "executor") as journal:
            journal.record([Ticked(ts=datetime.now(UTC), equity_usd=1950.0, nav_usd=1950.0)], durable=True)
        wait_for(lambda: owner.status()["workers"]["caches"]["error"], "nobody says that another program writes")
        assert "peak_state.json: expected what Tape wrote there last" in owner.status()["workers"]["caches"]["error"]
        assert told(peak_path) == OLD_PEAK
        assert owner.end() == 0
