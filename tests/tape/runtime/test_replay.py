"""A replay: the same market, seed and settings leave the same rows, and what was published then comes out again."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tape.execution.events import EVENTS_BY_TYPE
from tape.exporters.contract import STATE_FILES
from tape.runtime.replay import Replayed, replay
from tape.settings import load_settings
from tape.store.claims import owning
from tape.store.database import closing, open_database
from tape.store.errors import StoreError
from tape.store.ingest.positions import certificates
from tests.programs import fails, tape
from tests.tape.markets import START, candles, frames

TOML = """
[limits.global]
symbol_drawdown_cap_pct = 0.02
max_leverage = 3
max_concurrent_positions = 2
max_trade_nav_pct = 0.1
[limits.per_symbol.SOLUSDT]
max_order_notional = 250
"""
"""Limits that have work to do within two hours."""
SEED = 4
"""With this market and these limits it holds a position when funding is paid."""
HOST = {"hostname", "pid"}
"""The columns that may differ between two replays of the same market: they say where it ran."""
NEVER = {"order_error", "router_health", "transfer"}
"""No order of this market is refused by the venue, no money is moved, and router health is only imported."""


@dataclass(frozen=True)
class Ran:
    """A finished replay; ``kept``: the published files as they were after each round, by their instant."""

    home: Path
    done: Replayed
    kept: Mapping[str, Mapping[str, bytes]]


def _home(folder: Path, toml: str = TOML) -> Path:
    folder.mkdir(parents=True)
    (folder / "tape.toml").write_text(toml)
    return folder


def _replayed(home: Path, market: Path, seed: int) -> Ran:
    kept: dict[str, dict[str, bytes]] = {}

    def keep(done: Replayed) -> None:
        kept[done.now.isoformat()] = _files(home / "logs" / "state")

    done = replay(home, load_settings(home), market, seed=seed, publish_every_s=3600, tell=keep)
    return Ran(home, done, kept)


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.json")}


def _rows(home: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(open_database(home / "logs" / "tape.duckdb", read_only=True)) as connection:
        return connection.execute(query).fetchall()


def _content(home: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, without the columns of HOST."""
    with duckdb.connect(str(home / "logs" / "tape.duckdb"), read_only=True) as connection:
        columns: dict[str, list[str]] = {}
        for table, column in connection.execute(
            "select table_name, column_name from duckdb_columns() where not internal and table_name in"
            " (select table_name from duckdb_tables()) order by table_name, column_index"
        ).fetchall():
            if column not in HOST:
                columns.setdefault(table, []).append(f'"{column}"')
        return {
            table: connection.execute(f"select {', '.join(names)} from {table} order by all").fetchall()
            for table, names in columns.items()
        }


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hours of one-minute candles of three symbols."""
    return candles(tmp_path_factory.mktemp("market") / "candles.parquet", 120)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, market: Path) -> Ran:
    """A replay; tests only read it."""
    return _replayed(_home(tmp_path_factory.mktemp("replay") / "home"), market, SEED)


def test_the_same_seed_leaves_the_same_rows_and_files(tmp_path: Path, ran: Ran, market: Path) -> None:
    again = _replayed(_home(tmp_path / "again"), market, SEED)
    content, first = _content(again.home), _content(ran.home)
    assert content.keys() == first.keys()
    assert len(first["order_fills"]) > 5
    for table, rows in first.items():
        assert content[table] == rows, table
    assert again.kept == ran.kept


@pytest.mark.thorough
def test_another_seed_trades_otherwise_on_the_same_market(tmp_path: Path, ran: Ran, market: Path) -> None:
    other, first = _content(_replayed(_home(tmp_path / "other"), market, SEED + 1).home), _content(ran.home)

    def of_market(rows: Mapping[str, list[tuple[Any, ...]]]) -> list[tuple[Any, ...]]:
        return sorted(rows["mark_minutes"])

    assert other["order_fills"] != first["order_fills"]
    assert other["ticks"] != first["ticks"]
    assert of_market(other) == of_market(first)


def test_it_does_all_that_happens_in_a_runtime_and_nothing_is_lost(ran: Ran) -> None:
    empty = {
        kind
        for kind, event in EVENTS_BY_TYPE.items()
        if _rows(ran.home, f"select count(*) from {event.table}")[0][0] == 0
    }
    assert empty == NEVER
    with closing(open_database(ran.home / "logs" / "tape.duckdb", read_only=True)) as connection:
        (certificate,) = certificates(connection)
    assert (certificate.gaps, certificate.refused) == (0, 0)
    counts = ran.done.counts
    assert _rows(ran.home, "select count(*) from ticks") == [(counts.ticks,)] == [(120,)]
    assert _rows(ran.home, "select count(*) from order_closes") == [(counts.closes,)]
    assert ran.done.stored == counts.events


def test_the_clock_is_the_markets(ran: Ran) -> None:
    first, last = START + timedelta(minutes=1), START + timedelta(minutes=120)
    assert (ran.done.first, ran.done.last, ran.done.now) == (first, last, last)
    for table in sorted({event.table for event in EVENTS_BY_TYPE.values()}):
        outside = f"select count(*) from {table} where ts not between ? and ? or received_ts not between ? and ?"
        with closing(open_database(ran.home / "logs" / "tape.duckdb", read_only=True)) as connection:
            assert connection.execute(outside, [first, last] * 2).fetchone() == (0,), table
    assert sorted(ran.kept) == [at.isoformat() for at in (first, first + timedelta(hours=1), last)]


@pytest.mark.thorough
def test_every_file_is_what_sql_says_of_its_instant_later_on(tmp_path: Path, ran: Ran) -> None:
    last = max(ran.kept)
    assert ran.kept[last].keys() == {file.name for file in STATE_FILES}
    assert tape("--home", ran.home, "export", "--as-of", last, "--out", tmp_path).code == 0
    exported = _files(tmp_path)
    on_record = dict(_rows(ran.home, f"select file, max(export_id) from exports where as_of = '{last}' group by file"))
    assert {"nav.json", "positions.json", "risk_snapshot.json"} <= on_record.keys()
    for name in on_record:
        assert ran.kept[last][name] == exported[name], name


@pytest.mark.thorough
def test_a_file_of_an_instant_in_the_middle_comes_out_again(tmp_path: Path, ran: Ran) -> None:
    middle = sorted(ran.kept)[1]
    on_record = dict(_rows(ran.home, f"select file, export_id from exports where as_of = '{middle}'"))
    names = ["nav.json", "risk_allocation_suggestions_v6.json"]
    assert set(names) <= on_record.keys()
    assert tape("--home", ran.home, "export", "--as-of", middle, "--out", tmp_path / "a", *names).code == 0
    for name in names:
        assert ran.kept[middle][name] != ran.kept[max(ran.kept)][name], "else this test shows nothing"
        words = ("export", "--as-published", str(on_record[name]), "--out", tmp_path / "b")
        assert tape("--home", ran.home, *words).code == 0
        assert (tmp_path / "b" / name).read_bytes() == ran.kept[middle][name], name
        assert (tmp_path / "a" / name).read_bytes() == ran.kept[middle][name], name


def test_at_every_tick_the_equity_is_what_the_trades_on_record_make_of_the_first(ran: Ran) -> None:
    off = _rows(
        ran.home,
        """
        with booked as (
            select ingest_seq, realized_pnl_usd as usd from order_closes
            union all select ingest_seq, -fee_total from order_fills
            union all select ingest_seq, amount_usd from funding_payments
        )
        select
            t.ts, t.equity_usd,
            10000 + coalesce((select sum(usd) from booked where booked.ingest_seq < t.ingest_seq), 0)
            + t.unrealized_pnl_usd as expected_usd,
        from ticks as t
        order by t.ts
        """,
    )
    assert len(off) == 120
    assert off[-1][1] != pytest.approx(10_000, abs=0.5), "else this test shows nothing"
    for ts, equity_usd, expected_usd in off:
        assert equity_usd == pytest.approx(expected_usd, abs=0.005), ts


def test_equity_is_the_trades_at_their_decision_marks_less_slippage_fees_and_funding(ran: Ran) -> None:
    """Slippage as it is measured, per attempt: bps of the mark it was decided at, positive is cost."""
    ((equity, at_marks, slippage, fees, funding, held),) = _rows(
        ran.home,
        """
        with traded as (
            select *, case side when 'BUY' then 1 else -1 end as sign
            from order_metrics
            where contracts_qty > 0
        )

        select
            (select arg_max(equity_usd, ts) from ticks),
            (select sum(-sign * contracts_qty * mark_price) from traded),
            (select sum(slippage_bps / 1e4 * mark_price * contracts_qty) from traded),
            (select sum(fees_usd) from traded),
            (select coalesce(sum(amount_usd), 0) from funding_payments),
            (select coalesce(sum(qty * mark_price), 0) from positions where ts = (select max(ts) from ticks))
        """,
    )
    assert abs(slippage) > 0.5, "else this test shows nothing"
    assert equity == pytest.approx(10_000 + at_marks - slippage - fees + funding + held, abs=0.005)


def test_the_logs_hold_every_row(ran: Ran) -> None:
    logs = {"execution/risk_vetoes.jsonl": "vetoes", "pipeline_v6_shadow.jsonl": "shadow_decisions"}
    for name, table in logs.items():
        lines = (ran.home / "logs" / name).read_bytes().splitlines()
        assert [(len(lines),)] == _rows(ran.home, f"select count(*) from {table}"), name


@pytest.mark.rows(1)
@pytest.mark.parametrize(
    "name",
    ["tape.duckdb", "journal/a.journal", "state/nav.json", "execution/risk_vetoes.jsonl", "cache/peak_state.json"],
)
def test_a_home_with_history_is_refused_by_what_was_found(tmp_path: Path, market: Path, name: str) -> None:
    path = tmp_path / "logs" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(b"before")
    with pytest.raises(StoreError, match=f"expected a home without history, found {path}"):
        replay(tmp_path, load_settings(tmp_path), market)
    assert path.read_bytes() == b"before"
    assert not list((tmp_path / "logs").glob("pipeline*"))


def test_a_home_that_was_replayed_is_refused_in_one_line(ran: Ran, market: Path) -> None:
    fails(tape("--home", ran.home, "run", "--replay", market), 1, "expected a home without history", str(ran.home))


@pytest.mark.thorough
def test_a_home_with_an_owner_is_refused(tmp_path: Path, market: Path) -> None:
    with owning(tmp_path), pytest.raises(StoreError, match="has a running owner, pid"):
        replay(tmp_path, load_settings(tmp_path), market)


def test_a_market_that_cannot_be_read_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "no_market.csv").write_text("a,b\n1,2\n")
    fails(tape("--home", tmp_path / "h", "run", "--replay", tmp_path / "no_market.csv"), 1, "no_market.csv", "symbol")
    fails(tape("--home", tmp_path / "h", "run", "--replay", tmp_path / "none"), 1, "none", "no such file")
    fails(tape("--home", tmp_path / "h", "run", "--replay", "x", "--speed", "fast"), 2, "fast")
    assert not (tmp_path / "h").exists()


def test_frames_run_through_and_what_could_not_be_read_is_told(tmp_path: Path) -> None:
    market = frames(tmp_path / "frames.txt", 30)
    ended = tape("--home", tmp_path / "home", "run", "--replay", market)
    assert (ended.code, ended.err) == (0, ""), ended.err
    assert "left out" in ended.out
    assert "1 frames, the first in line 21" in ended.out
    assert _rows(tmp_path / "home", "select count(*), count(distinct ts) from ticks") == [(30, 30)]
    assert _rows(tmp_path / "home", "select count(*) from marks") == [(90,)]


@pytest.mark.thorough
def test_csv_gives_what_parquet_gives(tmp_path: Path) -> None:
    for suffix in ("csv", "parquet"):
        home = _home(tmp_path / suffix)
        replay(home, load_settings(home), candles(tmp_path / f"m.{suffix}", 15), seed=SEED, publish_every_s=7200)
    assert _content(tmp_path / "csv") == _content(tmp_path / "parquet")


@pytest.mark.thorough
def test_speed_paces_it_and_changes_nothing_else(tmp_path: Path) -> None:
    market = candles(tmp_path / "m.parquet", 4, step=timedelta(seconds=1))
    took = {}
    for name, speed in (("max", None), ("paced", 4.0)):
        home, begun = _home(tmp_path / name), time.monotonic()
        replay(home, load_settings(home), market, speed=speed)
        took[name] = time.monotonic() - begun
    assert took["paced"] >= 0.75, "three seconds of market at four times its speed"
    assert _content(tmp_path / "max") == _content(tmp_path / "paced")
