"""The identity of an event: the id that a producer gives, or a hash of the event's content.

Laws kept here:
- an id that a caller gives is kept; the same id with the same event time is stored once, from journal or import;
- an order event without an id gets the md5 of its type and its typed fields, computed by one SQL expression for journal
  and import: two such events that are equal in all fields are one event;
- where and when a line was written (producer, run, host, process, arrival) is not part of an event's identity;
- an event with a known id and other content is refused and kept, never dropped silently.

The text that is hashed is the event type and, for each field in the order of ``events.py``, ``|`` and its value.
Instants are whole microseconds since 1970; numbers are doubles in their shortest form; texts are preceded by their
length in bytes and a colon, so that no text can pass for a separator; symbols are trimmed and in upper case; documents
are canonical JSON (keys sorted, no white space, every number a double). An unknown field leaves its place empty.

The hash is stored, so it must never change. A field that a later version added to an event (``added_in``) is in the
text only if it is known, after all other fields, with its name: ``|``, the name, ``|`` and the value. A test holds the
hash of one event of each type.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any, NamedTuple

import duckdb

from tape.execution.events import Event, added_in, contract_key, field_paths
from tape.store.canonical_json import HOW_WRITTEN, PLAIN_IDS, encoded, loaded
from tape.store.schema import python_type

_NO_CONTENT = frozenset({"event_id", "is_test", "producer", "run_id", "hostname", "pid"})
"""Fields that say how an event came in, or what the store makes of it."""
GIVEN_IDS = 1_000_000
"""The newest ids given by callers, among which an id with another time is found."""
_ID_HASH = "cast(md5_number_lower(event_id) // 2 as bigint)"
_HOUR_US = 3_600_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SPANS = 8
"""Spans of time into which the rows of a slice are divided before the history is searched for their ids."""


# --- the hash ----------------------------------------------------------------------------------------------------


@cache
def content_id(event: type[Event], row: str = "") -> str:
    """SQL: the id of an event that came without one; ``row`` is the name of its row, with a dot."""
    names = [name for name in _content_fields(event) if name != event.whole]
    begun = [_value(event, name, row) for name in names if not added_in(event.model_fields[name])]
    added = [_added_value(event, name, row) for name in names if added_in(event.model_fields[name])]
    apart = _hash(event, begun, added)
    if event.whole is None:
        return apart
    document = f"{row}{event.whole}"
    in_whole = _hash(event, [_value(event, "ts", row), f"canonical_whole(cast({document} as varchar))"])
    return f"case when {document} is null then {apart} else {in_whole} end"


def id_of_whole(event: type[Event], ts: datetime, canonical: str) -> str:
    """Return the same id for an event that is a whole document, given in its canonical form."""
    ts_us = (ts - _EPOCH) // timedelta(microseconds=1)
    return hashlib.md5(f"{event.event_type}|{ts_us}|{canonical}".encode(), usedforsecurity=False).hexdigest()


def _hash(event: type[Event], values: list[str], added: Iterable[str] = ()) -> str:
    """One call of ``concat``, which leaves out nulls: measured at half the cost of joining names and values."""
    parts = ", ".join([", '|', ".join(values), *added])
    return f"md5(concat('{event.event_type}|', {parts}))"


def _content_fields(event: type[Event]) -> list[str]:
    """The fields that are hashed; fields added by later versions come last, oldest version first."""
    names = [name for name in event.model_fields if name not in _NO_CONTENT]
    return sorted(names, key=lambda name: added_in(event.model_fields[name]) or "")


def _added_value(event: type[Event], name: str, row: str) -> str:
    """SQL: the name and the value of a field that a later version added; null where it is unknown."""
    if python_type(event.model_fields[name].annotation) is str:
        text = _text(event, name, row)
        return f"'|{name}|' || strlen({text}) || ':' || {text}"
    # a document calls back into Python, so rows without one must not get there
    value = f"'|{name}|' || cast({_value(event, name, row)} as varchar)"
    return f"case when {row}{name} is not null then {value} end"


def _value(event: type[Event], name: str, row: str) -> str:
    """SQL: the arguments of ``concat`` for a field, one expression or several."""
    info = event.model_fields[name]
    column, kind = f"{row}{name}", python_type(info.annotation)
    if kind is float:
        return f"case when isfinite({column}) then to_json({column} + 0.0) end"
    if kind is datetime:
        return f"epoch_us({column})"
    if kind is dict:
        return f"canonical_json(cast({column} as varchar))"
    if kind is list:
        ids = f"cast({column} as varchar)"
        plain = f"""replace(replace({ids}, '"', ''), ' ', '')"""
        return f"case when regexp_full_match({ids}, '{PLAIN_IDS}') then {plain} else canonical_ids({ids}) end"
    if kind is not str:
        return column
    text = _text(event, name, row)
    return f"strlen({text}), ':', {text}"


def _text(event: type[Event], name: str, row: str) -> str:
    """SQL: a field that is text; null where it is empty."""
    info, column = event.model_fields[name], f"{row}{name}"
    if name == "symbol":
        column = f"upper(trim({column}))"
    if contract_key(name, info) == "event_type":
        column = f"nullif({column}, '{event.event_type}')"
    for head, _, rest in (path.partition(".") for path in field_paths(name, info)):
        if head in event.model_fields and rest:
            column = f"coalesce({column}, json_extract_string({row}{head}, '$.{rest}'))"
    return f"nullif({column}, '')"


# --- doubles -----------------------------------------------------------------------------------------------------


class Doubles(NamedTuple):
    """Rows removed from a table because they were stored already, by ``ingest_seq``."""

    known: list[int]
    """The same event once more."""
    refused: dict[int, str]
    """Another event under an id that is taken; why."""
    first: dict[type[Event], datetime]
    """Event time of the earliest new row, doubles among them, of the events that were looked at."""


def take_out_doubles(
    connection: duckdb.DuckDBPyConnection, given: Mapping[type[Event], Collection[int]], first: int, last: int
) -> Doubles:
    """Delete those of the rows ``first`` to ``last`` that are stored already; belongs in the transaction of these rows.

    ``given``: by event, the numbers of its rows whose id a caller gave. For event types without a content hash, only
    these rows are checked. The deleted rows were stored in the same transaction and are not in the write-ahead log yet,
    so no committed row is ever deleted.
    """
    pairs: dict[int, int] = {}
    refused: dict[int, str] = {}
    new_rows = {
        event: f"(from {event.table} where ingest_seq between {first} and {last})"
        if event.by_content
        else _numbered(event.table, numbers)
        for event, numbers in given.items()
        if event.by_content or numbers
    }
    spans = _spans(connection, new_rows)
    for event, new, stored in _suspects(connection, new_rows, spans, first):
        if found := dict(connection.execute(_pairs(event, new, stored, first)).fetchall()):
            refused |= _other_content(connection, event, found)
            pairs |= found
    # After the doubles: the same event once more finds its own id on record, and is no other event under it.
    taken = _taken(connection, {event: [seq for seq in seqs if seq not in pairs] for event, seqs in given.items()})
    # What repeats an event that is refused is refused as well: nothing of it is stored.
    refused |= taken | {seq: taken[of] for seq, of in pairs.items() if of in taken and seq not in refused}
    known = [seq for seq in pairs if seq not in refused]
    # Stored first and deleted then: SQL can compare rows with rows, and the transaction has not been seen by anybody.
    if gone := [*known, *refused]:
        for event in given:
            connection.execute(
                f"delete from {event.table} where ingest_seq between ? and ?"
                " and ingest_seq in (select unnest(?::bigint[]))",
                [first, last, gone],
            )
    return Doubles(known, refused, {event: span.first for event, span in spans.items()})


def _taken(connection: duckdb.DuckDBPyConnection, given: Mapping[type[Event], Collection[int]]) -> dict[int, str]:
    """Remember the ids that callers gave to rows; return those that another event already has, each with the reason."""
    given = {event: numbers for event, numbers in given.items() if numbers}
    if not given:
        return {}
    rows = " union all ".join(
        f"select ingest_seq, event_id, ts, {_ID_HASH} as id_hash from {_numbered(event.table, numbers)}"
        for event, numbers in given.items()
    )
    connection.execute(f"create or replace temp table new_ids as {rows}")
    ((newest,),) = connection.execute("select coalesce(max(number), 0) from given_ids").fetchall()
    found = connection.execute(
        """
        with
        first_ids as (
            select id_hash, arg_min(ts, ingest_seq) as ts, min(ingest_seq) as ingest_seq
            from new_ids
            group by id_hash
            having count(*) > 1
        ),
        taken as (
            select new_ids.ingest_seq, event_id, new_ids.ts, given_ids.ts as known_ts
            from given_ids
            inner join new_ids using (id_hash)
            where number > ?
            union all
            select new_ids.ingest_seq, event_id, new_ids.ts, first_ids.ts
            from new_ids
            inner join first_ids using (id_hash)
            where new_ids.ingest_seq > first_ids.ingest_seq
        )
        select ingest_seq, event_id, epoch_us(ts), epoch_us(any_value(known_ts)) from taken group by all
        """,
        [newest - GIVEN_IDS],
    ).fetchall()
    connection.execute(
        """
        insert into given_ids
        select ? + row_number() over (order by ingest_seq), id_hash, ts
        from new_ids
        where ingest_seq not in (select unnest(?::bigint[]))
        """,
        [newest, [seq for seq, *_ in found]],
    )
    connection.execute("drop table temp.new_ids")
    ((count, newest),) = connection.execute("select count(*), max(number) from given_ids").fetchall()
    # A quarter beyond, so that the delete happens now and then, and not in every transaction.
    if count > GIVEN_IDS + GIVEN_IDS // 4:
        connection.execute("delete from given_ids where number <= ?", [newest - GIVEN_IDS])
    return {seq: _why_taken(event_id, ts, known_ts) for seq, event_id, ts, known_ts in found}


def _numbered(table: str, numbers: Collection[int]) -> str:
    """SQL: the rows with these numbers; only rows between the first and the last number are read."""
    rows = f"(from {table} where ingest_seq between {min(numbers)} and {max(numbers)}"
    # Numbers without a hole need no list, which would be planned number by number.
    if len(numbers) == max(numbers) - min(numbers) + 1:
        return f"{rows})"
    return f"{rows} and ingest_seq in ({', '.join(map(str, numbers))}))"


def _why_taken(event_id: str, ts_us: int, known_us: int) -> str:
    if ts_us == known_us:
        return f"event_id {event_id:.60}: expected an id of its own, found that of another type of event"
    first, second = (datetime.fromtimestamp(each / 1e6, UTC).isoformat() for each in (known_us, ts_us))
    return f"event_id {event_id:.60}: expected the event of {first} that has it, found one of {second}"


def _suspects(
    connection: duckdb.DuckDBPyConnection,
    new: Mapping[type[Event], str],
    spans: Mapping[type[Event], _Span],
    first: int,
) -> list[tuple[type[Event], str, str]]:
    """The events whose rows may be doubles, and SQL for their new rows and the stored rows that these may double.

    Two cheap queries, asked for all tables at once: nearly always there are no doubles.
    """
    stored, asked = {}, []
    for at, (event, span) in enumerate(spans.items()):
        stored[event] = f"(from {event.table} where ingest_seq < {first} and ({span.condition}))"
        asked.append(f"(select {at} from {stored[event]} semi join (select ts from {new[event]}) using (ts) limit 1)")
        if span.is_shared:
            asked.append(f"(select {at} from {new[event]} group by event_id having count(*) > 1 limit 1)")
    found = {at for (at,) in connection.execute(" union all ".join(asked)).fetchall()} if asked else set()
    return [(event, new[event], rows) for at, (event, rows) in enumerate(stored.items()) if at in found]


def _pairs(event: type[Event], new: str, stored: str, first: int) -> str:
    """SQL: the number of each new row that is a double, and the number of the stored row that it doubles.

    Ids that older versions made carry no content: they are the md5 of an imported line, or the run and a number for a
    row of the journal. Such a row is also identified by its content, so that a log imported after an upgrade doubles no
    row.
    """
    content, of_journal = "event_id", "starts_with(event_id, run_id || '-')"
    old_content = content
    if event.by_content:
        content = f"case when {of_journal} then {content_id(event)} else event_id end"
        of_line = "regexp_full_match(event_id, '[0-9a-f]{32}')"
        old_content = f"case when {of_journal} or {of_line} then {content_id(event)} else event_id end"
    return f"""
        with
        new_rows as (select ingest_seq, ts, event_id, {content} as content from {new}),
        old_rows as (
            select ingest_seq, ts, event_id, {old_content} as content
            from (from {stored} semi join new_rows using (ts))
        ),
        rows_together as (from new_rows union all from old_rows),
        found as (
            select
                ingest_seq,
                min(ingest_seq) over (partition by event_id, ts) as same_id,
                min(ingest_seq) over (partition by content, ts) as same_content,
            from rows_together
        )
        select ingest_seq, least(same_id, same_content)
        from found
        where ingest_seq > least(same_id, same_content) and ingest_seq >= {first}
    """


class _Span(NamedTuple):
    """Where in time the new rows of an event lie."""

    condition: str
    """SQL, on ``ts``: their doubles meet it."""
    is_shared: bool
    """Two of them have one instant."""
    first: datetime


def _spans(connection: duckdb.DuckDBPyConnection, new: Mapping[type[Event], str]) -> dict[type[Event], _Span]:
    """Return the span of the new rows of each event that has any.

    The condition reads as little of the history as possible. One late row would stretch the span of a slice over a long
    time, so the widest gaps between the hours of its rows are left out. If no two new rows share an instant, none is a
    double of another new row.
    """
    if not new:
        return {}
    hours = " union all ".join(
        f"select {at} as place, epoch_us(min(ts)) as low, epoch_us(max(ts)), count(*) > count(distinct ts)"
        f" from {rows} group by epoch_us(ts) // {_HOUR_US}"
        for at, rows in enumerate(new.values())
    )
    events, found = list(new), connection.execute(f"{hours} order by place, low").fetchall()
    spans = {}
    for at, group in groupby(found, key=itemgetter(0)):
        _, lows, highs, shared = zip(*group, strict=True)
        # One late row among new ones would make a condition over all the time in between, and the history would be
        # read.
        gaps = sorted(range(1, len(lows)), key=lambda at: highs[at - 1] - lows[at])[: _SPANS - 1]
        cuts = [0, *sorted(gaps), len(lows)]
        condition = " or ".join(
            f"ts between make_timestamptz({lows[begin]}) and make_timestamptz({highs[end - 1]})"
            for begin, end in pairwise(cuts)
        )
        spans[events[at]] = _Span(condition, any(shared), _EPOCH + timedelta(microseconds=lows[0]))
    return spans


def _other_content(
    connection: duckdb.DuckDBPyConnection, event: type[Event], pairs: Mapping[int, int]
) -> dict[int, str]:
    """Return the pairs with one id and different content, described in words."""
    keys = {name: contract_key(name, info) for name, info in event.model_fields.items()}
    names = [name for name in _content_fields(event) if name not in ("ts", event.whole)]
    documents = [
        name for name in event.model_fields if python_type(event.model_fields[name].annotation) in (dict, list)
    ]
    texts = {
        name: f"cast({name} as varchar)" if name in documents else f"concat({_value(event, name, '')})"
        for name in names
    }
    # `extra` is no part of the identity, and is compared all the same: what it holds would be lost without a word.
    values = [*texts.values(), *([f"cast({event.whole} as varchar)"] if event.whole else []), "cast(extra as varchar)"]
    labels = [*(keys[name] for name in texts), *([event.whole] if event.whole else []), "extra"]
    content = f"select ingest_seq, [{', '.join(values)}] as content from {event.table}"
    numbers = ", ".join(f"({new}, {old})" for new, old in pairs.items())
    low, high = min(pairs.values()), max(pairs)
    found = connection.execute(
        f"""
        with
        pairs(new_seq, old_seq) as (values {numbers}),
        rows_of as ({content} where ingest_seq between {low} and {high})
        select new_seq, new_row.content, old_row.content
        from pairs
        inner join rows_of as new_row on new_row.ingest_seq = new_seq
        inner join rows_of as old_row on old_row.ingest_seq = old_seq
        where new_row.content is distinct from old_row.content
        """
    ).fetchall()
    # A log line has each key once: where an old line had a field under two names, what was left of it in `extra` cannot
    # be said by the line that is exported, so it makes no other event.
    said = {path for name, info in event.model_fields.items() for path in (name, *field_paths(name, info))}
    refused = {}
    for seq, new, old in found:
        is_whole = event.whole is not None and new[-2] is not None and old[-2] is not None
        compared = list(zip(labels, new, old, strict=True))[-2:-1] if is_whole else zip(labels, new, old, strict=True)
        other = [
            label for label, one, two in compared if one != two and _differ(one, two, said if label == "extra" else ())
        ]
        if other:
            refused[seq] = f"event_id: expected the event that has it already, found another {', '.join(other)}"
    return refused


def _differ(one: str | None, two: str | None, left_out: Collection[str]) -> bool:
    return bool(_meaning(one, left_out) != _meaning(two, left_out))


def _meaning(text: str | None, left_out: Collection[str]) -> Any:
    """Return the content of a document; absent, null and an empty object are equal. ``left_out``: keys that are
    ignored.
    """
    if text is None:
        return None
    found = _without_nothing(loaded(text))
    if not isinstance(found, dict):
        return found
    return encoded({key: each for key, each in found.items() if key not in HOW_WRITTEN and key not in left_out})


def _without_nothing(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: _without_nothing(each) for key, each in value.items()}
        return {key: each for key, each in kept.items() if each is not None} or None
    return [_without_nothing(each) for each in value] if isinstance(value, list) else value
