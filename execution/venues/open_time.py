"""The instant of a candle as files write it, as SQL: a number since 1970 in a unit that its size shows, or a text.

Laws kept here:
- a unit is told by the size of the number: every instant from 1990 up to 2200 is in one unit only, since the ranges of
  two units lie a factor of eighty apart. A number outside all of them has no unit, and is refused, never guessed;
- a text is ISO 8601 with at most nine decimals, UTC where it has no offset. Names of time zones are refused: DuckDB's
  cast would read some of the rows after one in that zone.
"""

from __future__ import annotations

from datetime import UTC, datetime

_FIRST_S = int(datetime(1990, 1, 1, tzinfo=UTC).timestamp())
_LAST_S = int(datetime(2200, 1, 1, tzinfo=UTC).timestamp())
_UNITS = {"seconds": 1, "milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}
"""Unit -> how many of it are one second."""
_ISO = r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?( ?(Z|UTC|[+-]\d{2}(:?\d{2})?))?)?"

EXPECTED = "s, ms, us or ns since 1970, or an ISO 8601 text, of 1990 to 2199"


def sql(column: str, kind: str) -> str:
    """Return two columns: ``time_number``, null where there is none, and ``time_text``, null where there is nothing."""
    if kind.startswith(("TIMESTAMP", "DATE")):
        # a timestamp without a zone is UTC, as the session is
        as_text = f"strftime({column}::timestamptz::timestamp, '%Y-%m-%d %H:%M:%S.%f')"
        return f"null::double as time_number, {as_text} as time_text"
    return f"try_cast({column} as double) as time_number, trim({column}::varchar) as time_text"


def unit(number: str) -> str:
    """Return the unit of a number by its size; null: it has none."""
    cases = (
        f"when {number} >= {_FIRST_S * per_s} and {number} < {_LAST_S * per_s} then '{name}'"
        for name, per_s in _UNITS.items()
    )
    return f"case {' '.join(cases)} end"


def as_us(number: str, text: str) -> str:
    """Return microseconds since 1970; null: neither a number with a unit nor an instant as text."""
    # one correctly rounded operation each, so that whole microseconds stay whole
    from_number = (
        f"round(case {unit(number)} when 'seconds' then {number} * 1000000 when 'milliseconds' then {number} * 1000 "
        f"when 'microseconds' then {number} when 'nanoseconds' then {number} / 1000 end)"
    )
    offset = rf"regexp_replace(replace({text}, ',', '.'), '([ T]\d{{2}}:\d{{2}}\S*[+-]\d{{2}})(\d{{2}})$', '\1:\2')"
    from_text = f"epoch_us(try_cast({offset} as timestamptz))"
    is_iso = f"regexp_full_match({text}, '{_ISO}')"
    in_range = f"between {_FIRST_S * 10**6} and {_LAST_S * 10**6 - 1}"
    return (
        f"case when {number} is not null then {from_number}::bigint "
        f"when {is_iso} and {from_text} {in_range} then {from_text} end"
    )
