"""Looked-up prices say what the single marks say, for whatever was known, and stay when these are gone."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tape.execution.events import (
    Event,
    IntentVetoed,
    MarkObserved,
    OrderAcked,
    OrderAttempted,
    OrderFilled,
    OrderMeasured,
    ShadowDecided,
)
from tape.store.database import closing, open_database
from tape.store.ingest import price_lookups
from tape.store.ingest.ingest import Ingest
from tape.store.journal.writer import Journal

NOON = datetime(2025, 11, 1, 12, tzinfo=UTC)
S = timedelta(seconds=1)
WITHIN_S = {1: 1.0, 10: 1.0, 60: 6.0, 300: 30.0}


class Key(NamedTuple):
    """A question, its instant in seconds after noon."""

    symbol: str
    kind: str
    at_s: float
    within_s: float


class Home:
    """A home with a database; batches are recorded and stored one by one."""

    def __init__(self, folder: Path, connection: duckdb.DuckDBPyConnection, journal: Journal) -> None:
        self.connection, self._journal = connection, journal
        self.ingest = Ingest(connection, folder, folder / "scratch", now=lambda: NOON + timedelta(days=1))

    def store(self, *batch: Event) -> None:
        self._journal.record(batch)
        while self.ingest.run_once().has_more or self.ingest.is_catching_up:
            pass
        assert self.connection.execute("select reason from rejected_events").fetchall() == []

    def lookups(self) -> dict[Key, list[tuple[int, float | None]]]:
        """By question, the versions in their order: from which number on, and the price."""
        rows = self.connection.execute(
            "select symbol, kind, epoch(at_ts), within_s, ingest_seq, price from price_lookups order by ingest_seq"
        ).fetchall()
        found: dict[Key, list[tuple[int, float | None]]] = {}
        for symbol, kind, at, within_s, seq, price in rows:
            key = Key(symbol, kind, round(at - NOON.timestamp(), 6), within_s)
            found.setdefault(key, []).append((seq, price))
        return found

    def raw(self) -> dict[tuple[str, str], list[tuple[float, int, float]]]:
        """By symbol and kind, the single marks that tell a price: second after noon, number, price."""
        rows = self.connection.execute(
            "select symbol, epoch(ts), ingest_seq, bid_price, ask_price, mark_price from marks order by ts, ingest_seq"
        ).fetchall()
        found: dict[tuple[str, str], list[tuple[float, int, float]]] = {}
        for symbol, at, seq, bid, ask, mark_price in rows:
            at_s = round(at - NOON.timestamp(), 6)
            if bid and ask and 0 < bid <= ask:
                found.setdefault((symbol, "mid"), []).append((at_s, seq, (bid + ask) / 2))
            if mark_price > 0:
                found.setdefault((symbol, "mark"), []).append((at_s, seq, mark_price))
        return found


def price_at(marks: list[tuple[float, int, float]], key: Key, known_seq: int) -> float | None:
    """The answer of the single marks that are known, oldest first."""
    fitting = [
        price
        for at_s, seq, price in marks
        if seq <= known_seq and key.at_s - key.within_s + 1e-7 < at_s <= key.at_s + 1e-7
    ]
    return fitting[-1] if fitting else None


@contextmanager
def home_of(database: Path) -> Iterator[Home]:
    folder = database.parents[1]
    (folder / "scratch").mkdir()
    with closing(open_database(database)) as connection, Journal(folder, "bot") as journal:
        yield Home(folder, connection, journal)


@pytest.fixture
def home(database: Path) -> Iterator[Home]:
    with home_of(database) as made:
        yield made


def mark(at_s: float, price: float = 100.0, symbol: str = "X", **fields: Any) -> MarkObserved:
    prices = {"bid_price": price - 1, "ask_price": price + 1, "mark_price": price, **fields}
    return MarkObserved(ts=NOON + at_s * S, symbol=symbol, **prices)


def fill(at_s: float, number: int = 1, **fields: Any) -> OrderFilled:
    known: dict[str, Any] = {"bid_price": 99.0, "ask_price": 101.0, "mark_price": 100.0, "fee_asset": "USDT"}
    known["fee_total"] = 0.1
    return OrderFilled(
        ts=NOON + at_s * S,
        ts_fill_first=NOON + at_s * S,
        symbol="X",
        side="BUY",
        order_id=str(number),
        client_order_id=f"c{number}",
        executed_qty=1.0,
        avg_price=100.0,
        trade_ids=[number],
        status="FILLED",
        **{**known, **fields},
    )


NO_PRICES: dict[str, Any] = {"bid_price": None, "ask_price": None, "mark_price": None}
LATER = 600.0
"""Seconds after which every question of an event at noon is due."""


def test_a_fill_is_answered_at_every_horizon_once_its_time_has_passed(home: Home) -> None:
    home.store(mark(0, 100), fill(0))
    home.store(*(mark(at, 100 + at) for at in (1, 10, 55, 270, 300)))
    assert {key.at_s for key in home.lookups()} == {1, 10, 60}
    home.store(mark(LATER))
    prices = {key.at_s: [price for _, price in versions] for key, versions in home.lookups().items()}
    assert prices == {1: [101.0], 10: [110.0], 60: [155.0], 300: [400.0]}
    assert {(key.kind, key.at_s, key.within_s) for key in home.lookups()} == {
        ("mid", h, within_s) for h, within_s in WITHIN_S.items()
    }


def test_a_price_that_is_exactly_as_old_as_allowed_is_none_and_that_is_an_answer(home: Home) -> None:
    home.store(mark(0, 100), fill(0))
    home.store(mark(54, 154), mark(270.000001, 170), mark(LATER))
    prices = {key.at_s: versions for key, versions in home.lookups().items()}
    assert prices[60] == [(2, None)]
    assert prices[300] == [(4, 170.0)]


def test_a_late_mark_adds_a_version_and_what_was_known_before_stays(home: Home) -> None:
    home.store(mark(0, 100), fill(0))
    home.store(mark(58, 158), mark(LATER))
    home.store(mark(59, 159), mark(57, 157), mark(59, 160), mark(59.5, 161, bid_price=200.0))
    (versions,) = [versions for key, versions in home.lookups().items() if key.at_s == 60]
    assert versions == [(3, 158.0), (5, 159.0), (7, 160.0)]


def test_a_late_fill_is_answered_when_it_comes(home: Home) -> None:
    home.store(mark(0), mark(1, 101), mark(LATER))
    assert home.lookups() == {}
    home.store(fill(0))
    assert {key.at_s: versions for key, versions in home.lookups().items()}[1] == [(4, 101.0)]
    home.store(fill(0, 2))
    assert {len(versions) for versions in home.lookups().values()} == {1}


def test_what_a_row_tells_itself_is_not_asked_for(home: Home) -> None:
    ack = OrderAcked(
        ts=NOON, symbol="X", side="BUY", order_id="1", client_order_id="c", request_qty=1.0, order_type="LIMIT",
        status="NEW", mark_price=100.0,
    )  # fmt: skip
    metric = OrderMeasured(
        ts=NOON + S, symbol="X", attempt_id="a", status="CANCELED", end_bid_price=9.0, end_ask_price=8.0,
        end_mark_price=7.0,
    )  # fmt: skip
    home.store(ack, metric, mark(LATER))
    assert set(home.lookups()) == {Key("X", "mid", 0, 2.0), Key("X", "mid", 1, 5.0)}


def test_fees_are_priced_in_the_first_dollar_that_has_a_price(home: Home) -> None:
    fees = {"bnb": 0.1, "USDT": 1, "X": 2, "Y": 0}
    home.store(mark(-59, 3, "BNBUSDC"), mark(-60, 5, "BNBUSDT"), mark(0))
    home.store(fill(0, fees_by_asset=fees), fill(0, 2, fee_asset="BNB", fee_total=0.0), mark(LATER))
    priced = {key: versions for key, versions in home.lookups().items() if key.within_s == 60}
    assert {
        key.symbol: [price for _, price in versions] for key, versions in priced.items() if "BNB" in key.symbol
    } == {
        "BNBUSDT": [None],
        "BNBUSDC": [3.0],
    }
    assert {key.symbol for key in priced if key.symbol.startswith(("X", "Y"))} == {
        f"{asset}{dollar}" for asset in "XY" for dollar in ("USDT", "USDC", "USD", "FDUSD", "BUSD")
    }


def test_an_attempt_is_asked_for_until_it_is_filled(home: Home) -> None:
    attempts = [
        OrderAttempted(ts=NOON, symbol="X", side="BUY", attempt_id=name, qty=1.0, mark_price=100.0)
        for name in ("whole", "part")
    ]
    home.store(*attempts, fill(0.5, 1, attempt_id="whole"), mark(LATER))
    assert len([key for key in home.lookups() if key.kind == "mark"]) == 4
    home.store(
        OrderAttempted(ts=NOON + 2 * S, symbol="X", side="BUY", attempt_id="r", qty=1.0, reduce_only=True),
        OrderAttempted(ts=NOON + 2 * S, symbol="Y", side="BUY", attempt_id="none", qty=1.0, **NO_PRICES),
    )
    assert {key.at_s for key in home.lookups() if key.symbol == "Y"} == {3, 12, 62, 302}
    assert {key.at_s for key in home.lookups() if key.symbol == "X" and key.kind == "mark"} == {1, 10, 60, 300}


def veto(at_s: float, **fields: Any) -> IntentVetoed:
    return IntentVetoed(ts=NOON + at_s * S, symbol="X", veto_reason="cap", **fields)


def test_of_a_storm_of_vetoes_the_first_usable_one_is_asked_for(home: Home) -> None:
    usable: dict[str, Any] = {"side": "BUY", "qty_req": 1.0, "bid_price": 99.0, "ask_price": 101.0}
    reducing = {"intent": {"reduce_only": True}}
    home.store(
        veto(0, side="BUY", mark_price=100.0),
        veto(1, **usable, veto_detail=reducing),
        *(veto(at, **usable) for at in (2, 3, 299, 300)),
        veto(4, side="SELL", veto_detail={"intent": {"gross_usd": 5, "price": 2}}, mark_price=100.0),
        veto(5, side="SELL", qty_req=1.0, mark_price=100.0),
        mark(1200),
    )
    asked = {(key.kind, key.at_s - 60) for key in home.lookups() if key.within_s == 6}
    assert asked == {("mid", at) for at in (0, 1, 2, 300, 4)} | {("mark", at) for at in (0, 4)}
    assert {(key.kind, key.at_s) for key in home.lookups() if key.within_s == 2} == {("mid", 0), ("mid", 4)}


def test_a_shadow_decision_asks_for_the_prices_of_its_live_side(home: Home) -> None:
    def decided(at_s: float, attempt_id: str, **fields: Any) -> ShadowDecided:
        return ShadowDecided(ts=NOON + at_s * S, symbol="X", attempt_id=attempt_id, is_allowed=True, **fields)

    home.store(
        decided(0, "mid"),
        decided(1, "mark"),
        decided(2, "nobody"),
        decided(3, "mid", is_heartbeat=True),
        OrderAttempted(ts=NOON, symbol="X", attempt_id="mid", bid_price=9.0, ask_price=10.0, reduce_only=True),
        veto(1, attempt_id="mark", side="BUY"),
        mark(LATER),
    )
    found = {(key.kind, key.at_s) for key in home.lookups() if key.within_s == 30 or key.at_s in (0, 1, 2)}
    assert found >= {("mid", 300), ("mark", 301), ("mark", 1), ("mid", 302), ("mark", 302), ("mid", 2), ("mark", 2)}
    assert not {("mid", 0), ("mark", 0), ("mark", 300), ("mid", 303), ("mark", 303)} & found


def events(draws: random.Random) -> list[Event]:
    """Marks and rows that ask, over twenty minutes, in the order in which they come in."""

    def price(low: float = 0.1) -> float | None:
        return draws.choice([None, low + round(draws.random() * 3, 1), low + 1])

    made: list[Event] = []
    for number in range(draws.randint(5, 60)):
        at_s = draws.choice([draws.randint(0, 1200), draws.randint(0, 12) * 100, draws.random() * 1200])
        symbol = draws.choice(["X", "Y", "BNBUSDT"])
        quote: dict[str, Any] = {"bid_price": price(0.0), "ask_price": price(), "mark_price": price()}
        if number % 3:
            made.append(mark(at_s, symbol=symbol, **{**quote, "mark_price": quote["mark_price"] or 0.0}))
        else:
            made.append(fill(at_s, number, fee_asset=draws.choice(["USDT", "BNB"]), **quote))
    made.sort(key=lambda event: event.ts + draws.choice([0, 0, 40, 300, 5000]) * S)
    return made


@settings(max_examples=12, deadline=None)
@given(draws=st.randoms(use_true_random=False))
def test_readers_of_lookups_and_of_single_marks_agree_whatever_was_known(
    empty_database: Path, draws: random.Random
) -> None:
    with TemporaryDirectory() as folder:
        database = Path(folder) / "logs" / "tape.duckdb"
        database.parent.mkdir()
        shutil.copy(empty_database, database)
        agree(database, draws)


def agree(database: Path, draws: random.Random) -> None:
    with home_of(database) as home:
        coming = events(draws)
        while coming:
            size = draws.randint(1, 8)
            home.store(*coming[:size])
            coming = coming[size:]
        home.store(mark(2400, symbol="Z"))
        ((last,),) = home.connection.execute("select last_ingest_seq from ingest_counter").fetchall()
        looked_up, marks = home.lookups(), home.raw()
        for key, versions in looked_up.items():
            for known_seq in range(last + 1):
                told = [price for seq, price in versions if seq <= known_seq]
                if told:
                    assert told[-1] == price_at(marks.get((key.symbol, key.kind), []), key, known_seq), key
        fills = "select epoch(ts) - $noon, bid_price, ask_price from order_fills"
        for at_s, bid, ask in home.connection.execute(fills, {"noon": NOON.timestamp()}).fetchall():
            kind = "mid" if bid and ask and bid <= ask else "mark"
            wanted = {Key("X", kind, round(at_s + h, 6), within_s) for h, within_s in WITHIN_S.items()}
            assert wanted <= looked_up.keys()


def test_an_older_homes_rows_are_caught_up_with_a_part_at_a_time(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(price_lookups, "ROWS_AT_ONCE", 5)
    monkeypatch.setattr(price_lookups, "_ANSWERS_AT_ONCE", 7)
    hour = 3600
    batch: list[Event] = []
    for number in range(40):
        at = number * 97 + (number // 20) * 100 * hour
        batch += [fill(at, number), mark(at, 100 + number), mark(at + 60, 200 + number), mark(at + 299, 300 + number)]
    home.store(*batch, mark(200 * hour))
    at_once = home.lookups()
    home.connection.execute("delete from price_lookups")
    home.connection.execute("update price_lookup_progress set answered_to = null")
    steps = 0
    again = price_lookups.PriceLookups(home.connection)
    while again.go_on():
        steps += 1
    assert steps > 8
    assert home.lookups() == at_once
    assert len(at_once) == 160
    assert not again.is_behind
