"""Prices that execution quality asks for, looked up while single marks are there and kept beyond them.

Laws kept here:
- every question for an instant up to ``answered_to`` that a stored row asks has an answer; "no price" is one;
- an answer is the price of the newest mark, by (ts, ingest_seq), that tells one of the kind and is not too old; it
  holds from its ``ingest_seq`` on, the larger of the asking row's and the deciding mark's, until the next version's;
- a late mark that decides otherwise adds a version in the transaction that stores it, so the newest version up to any
  ``known_seq`` says what the marks up to there say;
- work per transaction is bounded; what is left over is done by the following ones.

``answered_to`` follows the newest mark some way behind, and in steps: questions are answered many at a time, and rows
that come a little late are no exception that has to be looked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb

from tape.store.database import transaction
from tape.store.ingest.price_questions import ASKING, LONGEST_US, MARK, MID, WIDEST_US, questions

BEHIND_US = 30_000_000
"""How far the answers stay behind the newest mark."""
STEP_US = 60_000_000
"""How much further they go at least at a time, unless rows are caught up with."""
ROWS_AT_ONCE = 20_000
"""Asking rows whose questions are answered in one transaction, but for those of a single minute."""
SPAN_US = 7 * 86_400_000_000
"""Time whose questions are answered in one transaction at the most."""
LIVE_ROWS = 2_000
"""Rows of one transaction up to which they are no backlog."""
_ANSWERS_AT_ONCE = 20_000
MINUTE_US = 60_000_000
_NEVER_US = -(2**62)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KEY = "symbol, kind, at_us, within_us"
_KNOWN = "symbol, kind, epoch_us(at_ts) as at_us, cast(within_s * 1000000 as bigint) as within_us"


class PriceLookups:
    """Writes ``price_lookups``. Call ``stored`` in the transaction that stores the rows."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._answered_us: int | None = None
        self._newest_us: int | None = None
        self._is_read = False

    def forget(self) -> None:
        """Reads the state again before it is needed next: a transaction failed."""
        self._is_read = False

    def stored(
        self,
        base: int,
        count: int,
        first: Iterable[datetime],
        marks: tuple[datetime, datetime] | None,
        now: datetime,
    ) -> None:
        """Answer what the ``count`` rows numbered from ``base`` + 1 on ask, and what has become due since.

        ``first`` are the event times of the earliest new rows of tables that ask; ``marks`` those of the first and the
        last new mark, null without one. The rows of a backlog are stored first: their questions are left to
        ``catch_up``, unless they are late.
        """
        self._read()
        if self._answered_us is not None:
            if marks is not None and _us(marks[0]) <= self._answered_us:
                self._add_versions(base)
            if any(_us(ts) <= self._answered_us for ts in first):
                self._ask(f"ingest_seq > {base} and ts <= {_sql_instant(self._answered_us)}", None)
                self._answer()
        if marks is not None:
            # a mark stamped ahead of the clock must not make every question due before its own marks have come
            self._newest_us = max(self._newest_us or 0, min(_us(marks[1]), _us(now)))
        if count <= LIVE_ROWS and self._due_us() is not None:
            self.go_on()

    def catch_up(self) -> None:
        """Answer the questions of the next stretch of time, if more is due, in a transaction of its own."""
        if self.is_behind:
            try:
                with transaction(self._connection):
                    self.go_on()
            except BaseException:
                self.forget()
                raise

    @property
    def is_behind(self) -> bool:
        """Whether more is due than one transaction answers."""
        self._read()
        return self._due_us() is not None

    def go_on(self) -> bool:
        """Answers the questions of the next stretch of time; whether there was one."""
        self._read()
        target = self._due_us()
        if target is None:
            return False
        if self._answered_us is None:
            first = self._first_us()
            if first is None or first > target:
                self._write(target)
                return True
            self._answered_us = first - 1
        until = self._stretch(self._answered_us, target)
        begin = (self._answered_us - LONGEST_US) // LONGEST_US * LONGEST_US
        rows = f"ts > {_sql_instant(begin)} and ts <= {_sql_instant(until)}"
        if self._has_rows(rows):
            self._ask(rows, (self._answered_us, until))
            self._answer()
        self._write(until)
        return True

    def _read(self) -> None:
        if not self._is_read:
            ((answered,),) = self._rows("select max(epoch_us(answered_to)) from price_lookup_progress")
            ((newest,),) = self._rows("select epoch_us(max(ts)) from marks where not is_test and ts <= now()")
            self._answered_us, self._newest_us, self._is_read = answered, newest, True

    def _write(self, answered_us: int) -> None:
        self._connection.execute(f"update price_lookup_progress set answered_to = {_sql_instant(answered_us)}")
        self._answered_us = answered_us

    def _due_us(self) -> int | None:
        """How far answers can go; null: no step further than they are."""
        if self._newest_us is None:
            return None
        target = self._newest_us - BEHIND_US
        return target if self._answered_us is None or target - self._answered_us >= STEP_US else None

    def _rows(self, query: str) -> list[Any]:
        return self._connection.execute(query).fetchall()

    def _first_us(self) -> int | None:
        """The earliest event time of rows that ask."""
        each = " union all ".join(f"select min(ts) as ts from {table}" for table in ASKING)
        ((first,),) = self._rows(f"select epoch_us(min(ts)) from ({each})")
        return None if first is None else int(first)

    def _has_rows(self, rows: str) -> bool:
        each = " union all ".join(f"(select 1 from {table} where {rows} limit 1)" for table in ASKING)
        return bool(self._rows(each))

    def _stretch(self, begin: int, target: int) -> int:
        """The end of the next stretch of time: as far as its rows are not too many, and over a gap in one step."""
        if target - begin <= 10 * STEP_US:
            return target
        nearest = " union all ".join(
            f"(select ts from {table} where ts > {_sql_instant(begin)} and ts <= {_sql_instant(target)}"
            f" order by ts limit {ROWS_AT_ONCE})"
            for table in ASKING
        )
        ((first, last),) = self._rows(
            f"select epoch_us(min(ts)), epoch_us(max(ts) filter (where place = {ROWS_AT_ONCE}))"
            f" from (select ts, row_number() over (order by ts) as place from ({nearest}))"
        )
        if first is None:
            return target
        if first - begin > 2 * LONGEST_US:
            return int(first) - 1
        until = target if last is None else max(last, begin + STEP_US)
        return int(min(target, until, begin + SPAN_US))

    def _ask(self, rows: str, span: tuple[int, int] | None) -> None:
        """Makes the table of the questions that the rows ask and that have no answer; ``span``: of their instants."""
        begin, until = span or (_NEVER_US, self._answered_us)
        self._connection.execute(
            f"""
            create or replace temp table asked_prices as
            with asked as (
                select {_KEY}, min(seq) as seq, asset, place
                from ({questions(rows)})
                where symbol is not null and at_us > {begin} and at_us <= {until}
                group by all
            ),
            span as (
                select make_timestamptz(min(at_us)) as first_ts, make_timestamptz(max(at_us)) as last_ts from asked
            ),
            known as (
                select {_KNOWN}
                from price_lookups
                where at_ts >= (select first_ts from span) and at_ts <= (select last_ts from span)
            )
            select * from asked anti join known using ({_KEY}) order by at_us
            """
        )

    def _answer(self) -> None:
        """Answers the questions of the table, some at a time, so that memory stays bounded."""
        ((count, low),) = self._rows("select count(*), min(at_us) from asked_prices")
        parts = -(-count // _ANSWERS_AT_ONCE)
        if count:
            marks = ", ".join(str((place + 1) / parts) for place in range(parts))
            ((ends,),) = self._rows(f"select quantile_disc(at_us, [{marks}]) from asked_prices")
            low -= 1
            for end in sorted(set(ends)):
                self._connection.execute(_answers(low, end))
                low = end
        self._connection.execute("drop table temp.asked_prices")

    def _add_versions(self, base: int) -> None:
        """Adds what marks numbered behind ``base`` change of the answers that there are.

        Each that is newer than all before it adds one, so that the versions are right between two of them as well.
        """
        self._connection.execute(
            f"""
            insert into price_lookups by name
            with
            late as ({_marks(f"ingest_seq > {base} and ts <= {_sql_instant(self._answered_us)}")}),
            span as (
                select
                    make_timestamptz(min(ts_us)) as first_ts,
                    make_timestamptz(max(ts_us) + {WIDEST_US}) as last_ts,
                from late
            ),
            latest as (
                select {_KNOWN}, arg_max(coalesce(epoch_us(price_ts), {_NEVER_US}), ingest_seq) as known_us
                from price_lookups
                where at_ts >= (select first_ts from span) and at_ts < (select last_ts from span)
                    and symbol in (select symbol from late)
                group by all
            ),
            deciding as (
                select {_KEY}, price, ts_us, seq, known_us
                from (select *, at_us // {MINUTE_US} as minute from latest)
                inner join (
                    select symbol, kind, price, ts_us, seq, ts_us // {MINUTE_US} + later as minute
                    from late
                    cross join (values (0), (1)) as minutes(later)
                ) using (symbol, kind, minute)
                where ts_us <= at_us and ts_us > at_us - within_us and ts_us >= known_us
            )
            select
                symbol,
                kind,
                make_timestamptz(at_us) as at_ts,
                within_us / 1e6 as within_s,
                price,
                make_timestamptz(ts_us) as price_ts,
                seq as ingest_seq,
            from deciding
            qualify ts_us >= coalesce(
                max(ts_us) over (
                    partition by {_KEY} order by seq rows between unbounded preceding and 1 preceding
                ),
                ts_us
            )
            order by seq, at_us
            """
        )


def _answers(begin: int, until: int) -> str:
    """SQL: write the answers to the questions of a stretch of time.

    A window over marks and questions in their order, and no ASOF join: of marks of one instant that takes any, and it
    loops over all pairs where it is told nothing about the size of a table that the transaction has just made.
    """
    marks_from, marks_to = _sql_instant(begin - WIDEST_US), _sql_instant(until)
    return f"""
        insert into price_lookups by name
        with
        asked as (select * from asked_prices where at_us > {begin} and at_us <= {until}),
        near as (
            select distinct symbol, kind, (at_us - earlier) // {MINUTE_US} as minute
            from asked
            cross join (values (0), ({WIDEST_US})) as minutes(earlier)
        ),
        in_order as (
            select symbol, kind, ts_us, seq, null as within_us, null as asset, null as place,
                struct_pack(ts_us, seq, price) as told
            from ({_marks(f"ts > {marks_from} and ts <= {marks_to}", "near")})
            union all
            select symbol, kind, at_us, seq, within_us, asset, place, null from asked
        ),
        found as (
            select symbol, kind, ts_us as at_us, seq, within_us, asset, place,
                last_value(told ignore nulls) over (
                    partition by symbol, kind
                    order by ts_us, within_us is not null, seq
                    rows between unbounded preceding and current row
                ) as told
            from in_order
            qualify within_us is not null
        ),
        judged as (
            select * exclude (told), case when told.ts_us > at_us - within_us then told end as told from found
        )
        select
            symbol,
            kind,
            make_timestamptz(at_us) as at_ts,
            within_us / 1e6 as within_s,
            told.price as price,
            make_timestamptz(told.ts_us) as price_ts,
            greatest(seq, told.seq) as ingest_seq,
        from judged
        qualify place is null
            or place <= coalesce(min(place) filter (where told is not null) over (partition by asset, at_us), place)
        order by at_us, symbol
    """


def _marks(rows: str, near: str | None = None) -> str:
    """SQL: the prices of either kind that the marks tell which meet a condition.

    ``near``: the relation of the symbols, kinds and minutes that are looked at; null: all are.
    """
    return " union all ".join(
        f"select symbol, '{kind}' as kind, epoch_us(ts) as ts_us, ingest_seq as seq, {price} as price"
        f" from marks where not is_test and {rows} and {price} is not null"
        + (
            f" and (symbol, epoch_us(ts) // {MINUTE_US}) in (select (symbol, minute) from {near} where kind = '{kind}')"
            if near
            else ""
        )
        for kind, price in (("mid", f"({MID})"), ("mark", f"({MARK})"))
    )


def _us(ts: datetime) -> int:
    return (ts - _EPOCH) // timedelta(microseconds=1)


def _sql_instant(us: int | None) -> str:
    return f"make_timestamptz({us})"
