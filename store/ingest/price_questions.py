"""Which prices execution quality asks for, as SQL: one row per question and the row that asks it.

Law kept here: every question that a view puts about rows that are stored is among these. Where a row that may still
come decides whether it is put (the end of an attempt, the other half of a veto, the live side of a shadow decision), it
is among these too.

A question is (symbol, kind, at_us, within_us): the price of a kind at an instant, not as old as ``within_us``. Kinds:
``mid`` (between bid and ask) and ``mark``. ``seq`` is the ``ingest_seq`` of the row that asks; ``asset`` and ``place``
are null but for the price of an asset that fees are paid in, which is looked for in one dollar after the other.
"""

from __future__ import annotations

import re

from tape.execution.venues.venue import DOLLARS

HORIZONS_S = (1, 10, 60, 300)
"""How long after a fill, a veto or a missed fill prices are asked for."""
LONGEST_US = max(HORIZONS_S) * 1_000_000
"""How long after a row its last question is."""
WIDEST_US = 60_000_000
"""The oldest price that any question takes."""
ASKING = (
    "order_attempts",
    "order_acks",
    "order_fills",
    "order_errors",
    "order_metrics",
    "vetoes",
    "shadow_decisions",
)
"""Tables whose rows ask."""
MID = "case when bid_price > 0 and ask_price > 0 and bid_price <= ask_price then (bid_price + ask_price) / 2 end"
MARK = "case when mark_price > 0 then mark_price end"
_EPISODE_US = 300_000_000
_NEVER_US = 2**62
_DOLLARS = ", ".join(f"('{dollar}', {place})" for place, dollar in enumerate(DOLLARS))
_IS_DOLLAR = f"({', '.join(repr(dollar) for dollar in DOLLARS)})"


def questions(rows: str) -> str:
    """SQL: the questions of the rows that meet a condition on ``ts`` and ``ingest_seq``."""
    asked = (
        _after(_told("order_fills", rows)),
        _beside(_told("order_fills", rows), 2),
        _fees(rows),
        _beside(_told("order_acks", f"{rows} and coalesce(status, '') <> 'DRY'"), 2),
        _beside(_ends(rows), 5),
        _beside(_told("order_errors", rows, mid="null", mark="null"), 5),
        _after(_missed(rows)),
        _beside(f"(from {_vetoed(rows)} where mid is null)", 2),
        _after(_vetoed(rows), is_mid_to_come=True),
        _shadowed(rows),
    )
    return " union all ".join(asked)


def _told(table: str, rows: str, mid: str = MID, mark: str = MARK, also: str = "") -> str:
    """SQL: rows of a table with the prices that they tell themselves."""
    return f"""(
        select symbol, epoch_us(ts) as ts_us, ingest_seq as seq, {mid} as mid, {mark} as mark{also}
        from {table}
        where not is_test and {rows}
    )"""


def _beside(told: str, within_s: int) -> str:
    """SQL: prices at the instant of a row, of the kinds that the row does not tell."""
    return f"""
        select symbol, kind, ts_us as at_us, {within_s * 1_000_000} as within_us, seq, null as asset, null as place
        from {told}
        cross join (values ('mid'), ('mark')) as kinds(kind)
        where (case kind when 'mid' then mid else mark end) is null
    """


def _after(told: str, *, is_mid_to_come: bool = False) -> str:
    """SQL: prices after a row, of mids where it tells one, else of marks.

    ``is_mid_to_come``: a row that tells none may be joined with one that does, so both kinds are asked for.
    """
    lengths = ", ".join(f"({h * 1_000_000}, {max(1_000_000, h * 100_000)})" for h in HORIZONS_S)
    is_asked = "mid is null" if is_mid_to_come else "(mid is null) = (kind = 'mark')"
    return f"""
        select symbol, kind, ts_us + after_us as at_us, within_us, seq, null as asset, null as place
        from {told}
        cross join (values {lengths}) as lengths(after_us, within_us)
        cross join (values ('mid'), ('mark')) as kinds(kind)
        where {is_asked}{" or kind = 'mid'" if is_mid_to_come else ""}
    """


def _fees(rows: str) -> str:
    """SQL: what the assets are worth in which the fees of a fill are paid."""
    return f"""
        select asset || dollar as symbol, 'mark' as kind, ts_us as at_us, {WIDEST_US} as within_us, seq, asset, place
        from (
            select symbol, ts_us, seq, upper(trim(name)) as asset
            from (
                select symbol, epoch_us(ts) as ts_us, ingest_seq as seq,
                    unnest(
                        case when json_type(fees_by_asset) = 'OBJECT' then json_keys(fees_by_asset)
                        else [fee_asset] end
                    ) as name
                from order_fills
                where not is_test and {rows}
                    and (fees_by_asset is not null or (upper(trim(fee_asset)) not in {_IS_DOLLAR} and fee_total <> 0))
            )
        )
        cross join (values {_DOLLARS}) as dollars(dollar, place)
        where asset not in {_IS_DOLLAR}
            and not (starts_with(symbol, asset) and symbol[length(asset) + 1:] in {_IS_DOLLAR})
    """


def _ends(rows: str) -> str:
    """SQL: attempts that ended, and what their metric tells of the market then."""
    mid, mark = (re.sub("(bid|ask|mark)_price", r"end_\1_price", price) for price in (MID, MARK))
    return _told("order_metrics", f"{rows} and coalesce(status, '') not in ('NEW', 'PARTIALLY_FILLED')", mid, mark)


def _missed(rows: str) -> str:
    """SQL: attempts of which less is filled than was asked for, as far as is known."""
    attempts = _told("order_attempts", f"{rows} and not coalesce(reduce_only, false)", also=", attempt_id, qty, ts")
    of_these = "not is_test and attempt_id in (select attempt_id from attempts)"
    return f"""(
        with
        attempts as {attempts},
        orders as (
            select attempt_id, max(executed_qty) as filled
            from order_fills
            where {of_these} and ts >= (select min(ts) from attempts)
            group by attempt_id, symbol, order_id
        ),
        filled as (select attempt_id, sum(filled) as filled from orders group by attempt_id),
        acked as (
            select attempt_id, max(request_qty) as request_qty
            from order_acks
            where {of_these} and ts >= (select min(ts) from attempts)
            group by attempt_id
        )
        select symbol, ts_us, seq, mid, mark
        from attempts
        left join filled using (attempt_id)
        left join acked using (attempt_id)
        where not coalesce(filled >= greatest(qty, request_qty) * (1 - 1e-9), false)
    )"""


def _vetoed(rows: str) -> str:
    """SQL: vetoes up to the first usable one of a symbol, reason and side in five minutes.

    An earlier one that is not usable may be the half of one that is. A row without a side may be of either.
    """
    number = "try_cast(json_extract_string(veto_detail, '$.intent.{}') as double)"
    qty, gross, price = (number.format(name) for name in ("qty", "gross_usd", "price"))
    reduces = " or ".join(
        f"coalesce(json_extract_string(veto_detail, '$.intent.{name}') = 'true', false)"
        for name in ("reduce_only", "reduceOnly")
    )
    also = (
        f", veto_reason, side, coalesce(qty_req > 0 or {qty} > 0 or ({gross} > 0 and {price} > 0), false)"
        f" and not ({reduces}) as is_usable"
    )
    first = f"coalesce(min(ts_us) filter (where is_usable and side = '{{}}') over episodes, {_NEVER_US})"
    return f"""(
        select symbol, ts_us, seq, mid, mark
        from {_told("vetoes", rows, also=also)}
        window episodes as (partition by symbol, veto_reason, ts_us // {_EPISODE_US})
        qualify ts_us <= case side
            when 'BUY' then {first.format("BUY")}
            when 'SELL' then {first.format("SELL")}
            else greatest({first.format("BUY")}, {first.format("SELL")})
        end
    )"""


def _shadowed(rows: str) -> str:
    """SQL: prices of a shadow decision and of five minutes after it, of the kind that its live side tells."""
    of_these = (
        "attempt_id in (select attempt_id from decided) and ts between (select min(ts) - interval 1 hour from decided)"
        " and (select max(ts) + interval 1 hour from decided)"
    )
    live = " union all ".join(
        _told(table, of_these, also=f", attempt_id, {place} as place")[1:-1].strip()
        for place, table in enumerate(("order_attempts", "vetoes"))
    )
    return f"""
        select symbol, kind, ts_us + after_us as at_us, within_us, seq, null as asset, null as place
        from (
            with
            decided as (
                select symbol, attempt_id, ts, ingest_seq
                from shadow_decisions
                where not is_test and not is_heartbeat and is_allowed is not null and attempt_id is not null and {rows}
            ),
            live as (
                select
                    attempt_id,
                    arg_min(
                        {{'symbol': symbol, 'mid': mid, 'mark': mark}}, (place, ts_us, seq)
                    ) as told
                from ({live})
                group by attempt_id
            )
            select
                coalesce(told.symbol, symbol) as symbol, epoch_us(ts) as ts_us, ingest_seq as seq,
                told is not null as is_found, told.mid as mid, told.mark as mark
            from decided
            left join live using (attempt_id)
        )
        cross join (values (0, 2000000), ({LONGEST_US}, {LONGEST_US // 10})) as lengths(after_us, within_us)
        cross join (values ('mid'), ('mark')) as kinds(kind)
        where not is_found
            or (kind = 'mid' and mid is not null and after_us > 0)
            or (kind = 'mark' and mid is null and (after_us > 0 or mark is null))
    """
