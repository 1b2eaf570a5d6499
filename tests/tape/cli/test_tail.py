"""The end of what happens, followed: every row once, in the order in which it was stored."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import PIPE
from types import TracebackType
from typing import Any, Self, cast

import pytest

from tape.cli.tail import Lines
from tape.client.client import Answer, Client
from tape.client.owner_socket import DoorClosed
from tape.client.tail import SOURCES, Tail
from tape.execution.events import HeartbeatSent, IntentVetoed, OrderClosed, Ticked
from tape.runtime.load import load_one
from tape.settings import Settings
from tape.store.journal.writer import Journal
from tests.programs import Program, fails, tape
from tests.tape.owners import Serving, wait_for

NOW = datetime.now(UTC).replace(microsecond=0)


def tick(number: int, **ago: float) -> Ticked:
    return Ticked(event_id=f"t{number}", ts=NOW - timedelta(**ago), equity_usd=float(number))


def veto(number: int, symbol: str = "BTCUSDT", *, is_test: bool = False) -> IntentVetoed:
    return IntentVetoed(
        event_id=f"v{number}", ts=NOW, symbol=symbol, veto_reason="min_notional", context={"n": number}, is_test=is_test
    )


class Tailing:
    """``tape tail`` in a process of its own, its lines read by a thread."""

    def __init__(self, home: Path, *words: str) -> None:
        self.lines: list[str] = []
        self.notes: list[str] = []
        self.process = Program("-m", "tape", "--home", home, "tail", *words, stdout=PIPE, stderr=PIPE)
        readings = ((self.process.stdout, self.lines), (self.process.stderr, self.notes))
        self._threads = [threading.Thread(target=self._read, args=reading, daemon=True) for reading in readings]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        for thread in self._threads:
            thread.join()

    @staticmethod
    def _read(stream: Any, lines: list[str]) -> None:
        with stream:
            lines.extend(line.decode() for line in iter(stream.readline, b""))

    @property
    def ids(self) -> list[str]:
        return [json.loads(line)["event_id"] for line in self.lines]

    def shows(self, *ids: str) -> None:
        wait_for(lambda: len(self.ids) >= len(ids), f"expected {ids}, found {self.ids}")
        assert self.ids == list(ids)


def test_every_source_has_its_columns() -> None:
    for name in SOURCES:
        Lines(name)


def test_late_rows_come_when_they_arrive_and_none_comes_twice(tmp_path: Path) -> None:
    with Serving(tmp_path) as owner, Journal(tmp_path, "executor") as journal:
        journal.record([tick(1, seconds=3), tick(2, seconds=2)])
        wait_for(lambda: owner.value("select count(*) from ticks") == 2, "ticks are not stored")
        with Tailing(tmp_path, "ticks", "--json", "-n", "1") as tailing:
            tailing.shows("t2")
            journal.record([tick(3, hours=5)])
            tailing.shows("t2", "t3")
            for number in range(4, 24):
                journal.record([tick(number)])
            journal.record([HeartbeatSent(ts=NOW, service="other")])
            journal.record([tick(24, days=20)])
            tailing.shows("t2", *(f"t{number}" for number in range(3, 25)))
            tailing.process.send_signal(signal.SIGINT)
            assert tailing.process.wait(60) == 0
            assert tailing.notes == []
        stored = owner.query("select event_id from ticks order by ingest_seq")["rows"]
        assert tailing.ids == [event_id for (event_id,) in stored][1:]
        assert owner.end() == 0


def test_it_goes_on_when_the_owner_was_killed_and_another_came(tmp_path: Path) -> None:
    with Journal(tmp_path, "executor") as journal:
        journal.record([tick(1)])
        with Serving(tmp_path) as first:
            wait_for(lambda: first.value("select count(*) from ticks") == 1, "the tick is not stored")
            with Tailing(tmp_path, "ticks", "--json") as tailing:
                tailing.shows("t1")
                first.kill()
                wait_for(lambda: tailing.notes, "it does not say that the owner is gone")
                journal.record([tick(2)])
                with Serving(tmp_path) as second:
                    tailing.shows("t1", "t2")
                    journal.record([tick(3)])
                    tailing.shows("t1", "t2", "t3")
                    assert second.end() == 0
                assert tailing.notes[:2] == [
                    "tape: the owner is gone: waiting for the next\n",
                    "tape: an owner is there again\n",
                ]


class _Losing:
    """Stands for an owner whose database lost its tail, and has it again under other numbers."""

    def __init__(self, home: Path) -> None:
        self.home, self.settings = home, Settings()
        self.answers: Iterator[list[tuple[str, int]] | int] = iter(
            [[("a", 1), ("b", 2), ("c", 3)], _GONE, 1, [("c", 2), ("b", 3), ("d", 4)], [("e", 5)]]
        )

    def query(self, sql: str) -> Answer:
        return self.ask_owner(sql)

    def ask_owner(self, sql: str) -> Answer:
        answer = next(self.answers)
        if answer is _GONE:
            raise DoorClosed("gone")
        if isinstance(answer, int):
            return Answer(["last_ingest_seq"], ["BIGINT"], [(answer,)])
        if answer[0][0] == "c":
            assert "ingest_seq > 1 " in sql, "it looks again from what the owner has"
        return Answer(["event_id", "ingest_seq"], ["VARCHAR", "BIGINT"], answer)


_GONE = -1


@pytest.mark.thorough
def test_what_an_owner_lost_and_stored_again_is_not_shown_again(tmp_path: Path) -> None:
    tail = Tail(cast(Client, _Losing(tmp_path)), SOURCES["ticks"])
    assert [row["event_id"] for row in tail.newest(10)] == ["c", "b", "a"]
    told: list[str] = []
    batches = tail.follow(told.append)
    tail._seen = 3
    assert [row["event_id"] for row in next(batches)] == ["d"]
    assert [row["event_id"] for row in next(batches)] == ["e"]
    assert len(told) == 2


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with an owner and half a second of everything."""
    home = tmp_path_factory.mktemp("stored")
    with Serving(home) as owner, Journal(home, "executor") as journal:
        loaded = load_one(home, "load_0", rate=1_500, seconds=1.2, seed=3).events
        wait_for(lambda: owner.value("select count(*) from vetoes") == loaded["risk_veto"], "not all is stored")
        closed = {"order_id": "1", "client_order_id": "c", "position_size_before": -1, "position_size_after": 0}
        journal.record([OrderClosed(ts=NOW, symbol="1000SHIBUSDT", realized_pnl_usd=-1234567.5, fees_usd=0, **closed)])
        journal.record([veto(1), veto(2, "ETHUSDT"), veto(3), veto(4, is_test=True)])
        wait_for(lambda: owner.value("select count(*) from vetoes") == loaded["risk_veto"] + 4, "not all is stored")
        yield home
        assert owner.end() == 0


def test_the_newest_rows_are_shown_the_oldest_first(stored: Path) -> None:
    ended = tape("--home", stored, "tail", "vetoes", "-n", "2", "--no-follow", "--json")
    assert (ended.code, ended.err) == (0, "")
    rows = [json.loads(line) for line in ended.out.splitlines()]
    assert [row["event_id"] for row in rows] == ["v2", "v3"], "test noise is left out"
    assert (rows[0]["context"], rows[0]["symbol"]) == ({"n": 2}, "ETHUSDT")
    assert rows[0]["ts"] == f"{NOW:%Y-%m-%dT%H:%M:%S}Z"


def test_one_symbol_alone_can_be_followed(stored: Path) -> None:
    with Tailing(stored, "vetoes", "-n", "1", "--symbol", "ethusdt", "--json") as tailing:
        tailing.shows("v2")
        with Journal(stored, "more") as journal:
            journal.record([veto(5, "BTCUSDT"), veto(6, "ETHUSDT")])
        tailing.shows("v2", "v6")


@pytest.mark.rows(3)
@pytest.mark.parametrize("name", SOURCES)
def test_lines_are_narrow_and_the_heads_have_units(stored: Path, name: str) -> None:
    ended = tape("--home", stored, "tail", name, "-n", "100", "--no-follow", COLUMNS="200")
    assert (ended.code, ended.err) == (0, "")
    heads, units, *lines = ended.out.splitlines()
    assert heads.startswith("ts ")
    assert units.startswith("UTC ")
    assert name == "shadow" or any(unit in units for unit in ("USD", "base", "bps"))
    assert 1 <= len(lines) <= 100
    assert max(map(len, ended.out.splitlines())) <= 100
    assert "\x1b" not in ended.out


@pytest.mark.thorough
def test_values_stand_under_their_heads(stored: Path) -> None:
    heads, units, *_, line = tape("--home", stored, "tail", "closes", "--no-follow").out.splitlines()
    assert line.split() == [
        f"{NOW:%m-%d}",
        f"{NOW:%H:%M:%S}",
        "1000SHIBUSDT",
        "-",
        "-1,234,568",
        "0.00",
        "-",
        "-1",
        "0",
    ]
    assert heads.index("pnl") + 3 == units.index("USD") + 3 == line.index("-1,234,568") + 10


def test_without_an_owner_what_is_there_is_shown_and_nothing_follows(tmp_path: Path) -> None:
    with Journal(tmp_path, "executor") as journal, Serving(tmp_path) as owner:
        journal.record([tick(1), tick(2)])
        wait_for(lambda: owner.value("select count(*) from ticks") == 2, "ticks are not stored")
        assert owner.end() == 0
    ended = tape("--home", tmp_path, "tail", "ticks", "--json")
    assert (ended.code, ended.err) == (0, "tape: no owner runs: nothing follows\n")
    assert [json.loads(line)["event_id"] for line in ended.out.splitlines()] == ["t1", "t2"]


@pytest.mark.parametrize(
    ("words", "told"),
    [(["nothing"], "expected one of fills, vetoes"), (["ticks", "--symbol", "BTCUSDT"], "not of a symbol")],
)
def test_what_cannot_be_followed_is_wrong_usage(tmp_path: Path, words: list[str], told: str) -> None:
    fails(tape("--home", tmp_path, "tail", *words), 2, told)
