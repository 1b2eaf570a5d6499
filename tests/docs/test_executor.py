"""The example executor, as it is run beside an owner: every file has its numbers, and the page shows its code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.docs.pages import DOCS, PROJECT, fences
from tests.tape.owners import Serving, wait_for

EXAMPLE = PROJECT / "examples" / "executor.py"


def file(home: Path, name: str) -> dict[str, Any]:
    return dict(json.loads((home / "logs" / "state" / name).read_bytes()))


def lines(home: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (home / "logs" / "execution" / name).read_bytes().splitlines()]


def test_the_page_shows_the_example_whole() -> None:
    assert fences(DOCS / "executor.md", "python") == [EXAMPLE.read_text(encoding="utf-8")]


def test_what_it_records_is_published(tmp_path: Path) -> None:
    with Serving(tmp_path / "home") as owner:
        subprocess.run([sys.executable, EXAMPLE, owner.home, "1"], cwd=PROJECT, check=True, timeout=60)
        wait_for(lambda: owner.value("select count(*) from order_closes") == 1, "the close is not stored")
        wait_for(lambda: file(owner.home, "nav.json")["total_equity"] == 10_005.56, "the NAV is not published")
        wait_for(lambda: file(owner.home, "expectancy_v6.json")["sample_count"] == 1, "the trade is not published")
        nav = file(owner.home, "nav.json")
        assert (nav["gross_exposure_usd"], nav["realized_pnl_today"]) == (1098.0, 3.0)
        counts = nav["exec_stats"]
        assert (counts["attempted_24h"], counts["executed_24h"], counts["fill_rate"]) == (2, 2, 1.0)
        assert counts["top_vetoes"] == [{"reason": "max_trade_nav", "count": 1}]
        assert counts["last_heartbeats"].keys() == {"executor_live"}
        (position,) = file(owner.home, "positions.json")["items"]
        assert (position["symbol"], position["qty"], position["pnl"]) == ("BTCUSDT", 0.01, 3.0)
        trades = file(owner.home, "expectancy_v6.json")["symbols"]["BTCUSDT"]
        assert (trades["count"], trades["expectancy"], trades["net_expectancy"]) == (1, 3.0, 2.78)
        (router,) = file(owner.home, "router_health.json")["symbols"]
        assert (router["maker_fill_rate"], router["fallback_rate"]) == (1.0, 0.0)
        wait_for(lambda: len(lines(owner.home, "orders_executed.jsonl")) == 5, "the orders are not in the log")
        assert len(lines(owner.home, "order_metrics.jsonl")) == 2
        assert [line["veto_reason"] for line in lines(owner.home, "risk_vetoes.jsonl")] == ["max_trade_nav"]
        assert owner.value("select count(*) from rejected_events") == 0
