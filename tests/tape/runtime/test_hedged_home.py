"""Hedge mode from the executor to the published numbers: two positions of one symbol stay two."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tape.execution.config import Config
from tape.execution.executor import Executor
from tape.execution.published import Published
from tape.execution.venues.venue import Holding, Traded
from tape.store.database import open_database, set_clocks
from tape.store.ingest.ingest import Ingest
from tape.store.journal.writer import Journal
from tests.execution.test_executor import FLAGS, START, Asks, ScriptedVenue, at


def traded(number: int, side: str, qty: float, price: float) -> Traded:
    name = str(number)
    return Traded(name, name, name, "BTCUSDT", side, at(number), qty, price, 0.0, "USDT", False, "FILLED")  # type: ignore[arg-type]


def test_both_positions_are_published_and_a_close_is_a_trade_of_its_own_side(tmp_path: Path, database: Path) -> None:
    venue = ScriptedVenue([])
    with Journal(tmp_path, "executor") as journal:
        executor = Executor(
            venue,
            journal.record,
            strategy=Asks(),
            config=Config.of({}, ["BTCUSDT"]),
            flags=FLAGS,
            published=Published(tmp_path),
            new_id=journal.new_id,
        )
        executor.step(START)
        long, short = Holding("BTCUSDT", 1.0, 90.0, 5.0), Holding("BTCUSDT", -2.0, 110.0, 5.0)
        for second, held, told in (
            (1, (long,), traded(1, "BUY", 1.0, 90.0)),
            (2, (long, short), traded(2, "SELL", 2.0, 110.0)),
            (3, (long, Holding("BTCUSDT", -1.5, 110.0, 5.0)), traded(3, "BUY", 0.5, 106.0)),
        ):
            venue.holdings, venue.updates = held, [told]
            executor.step(at(second))
    with open_database(database) as connection:
        Ingest(connection, tmp_path, tmp_path).run_once()
        set_clocks(connection, as_of=datetime(2025, 11, 1, 12, 0, 4, tzinfo=UTC), known_seq=None)
        items, gross, net = connection.execute(
            "select items, gross_exposure_usd, net_exposure_usd from positions_document"
        ).fetchall()[0]
        closes = connection.execute(
            "select symbol, position_side, realized_pnl_usd, closed_qty from closed_trades"
        ).fetchall()
    assert [(item["side"], item["qty"], item["pnl"]) for item in items] == [("LONG", 1.0, 10.0), ("SHORT", -1.5, 15.0)]
    assert (gross, net) == (250.0, -50.0)
    assert closes == [("BTCUSDT", "SHORT", pytest.approx(2.0), 0.5)]
