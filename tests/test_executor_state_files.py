"""The contract: a tick of the executor populates NAV, positions, risk and synced state, with all flags."""

from __future__ import annotations

from pathlib import Path

from tape.execution.v6_flags import FIELDS
from tests.conftest import AS_OF
from tests.runtimes import runtime

SIX_FLAGS = {name for name in FIELDS if name.endswith("_ENABLED")}


def test_pub_tick_populates_nav_positions_risk_and_synced_state(database: Path) -> None:
    with runtime(database, AS_OF) as run:
        run.tick(60)
        run.publish()
        account = run.venue.account()
        assert account.holdings, "the market gave no position to look at"
        nav, positions, risk, synced = (
            run.file(name) for name in ("nav.json", "positions.json", "risk_snapshot.json", "synced_state.json")
        )
        assert nav["total_equity"] == nav["nav"] == account.equity_usd
        assert nav["unrealized_pnl"] == account.unrealized_pnl_usd
        assert {item["symbol"]: item["qty"] for item in positions["items"]} == {
            holding.symbol: holding.qty for holding in account.holdings
        }
        assert {entry["symbol"] for entry in risk["symbols"]} == set(run.venue.quotes())
        assert all(entry["vol"]["atr_now"] is not None for entry in risk["symbols"])
        assert [item["symbol"] for item in synced["items"]] == [item["symbol"] for item in positions["items"]]
        assert synced["nav"] == account.equity_usd
        assert set(synced["v6_flags"]) == SIX_FLAGS
        assert len(SIX_FLAGS) == 6
        assert synced["engine_version"].startswith("tape-")


def test_one_tick_alone_is_enough_for_every_file_of_a_tick(database: Path) -> None:
    with runtime(database, AS_OF) as run:
        run.tick()
        assert len(run.publish()) == 14
        assert run.file("nav.json")["total_equity"] == 10_000
        assert run.file("positions.json")["items"] == []
        assert set(run.file("synced_state.json")["v6_flags"]) == SIX_FLAGS


def test_files_of_a_tick_follow_every_tick(database: Path) -> None:
    with runtime(database, AS_OF) as run:
        run.tick()
        run.publish()
        run.tick()
        files = {"nav.json", "positions.json", "risk_snapshot.json", "symbol_scores_v6.json", "synced_state.json"}
        assert files <= set(run.publish())
        assert run.file("nav.json")["updated_ts"] == run.now.timestamp()
