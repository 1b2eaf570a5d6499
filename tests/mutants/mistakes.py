"""The mistakes of ``make mutants``: each a slip of the kind that passes a review.

Kinds: a bound that takes in one more or one less, ties at one instant, defaults and unknown values, a filter that is
dropped, a sign, two arguments that change places, a key that is not carried over, an order of steps.

A text is exact and stands once in its file. When the code changes, the mistake is put into its new words.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath


@dataclass(frozen=True)
class Mistake:
    """``text`` of a file is replaced by ``instead``; ``also``: tests that ask for the file beside those that mirror it.

    ``also`` alone where no test file mirrors it.
    """

    file: str
    text: str
    instead: str
    also: tuple[str, ...] = ()

    @property
    def mirrored(self) -> str:
        """The test file that mirrors the file: all SQL is tested in one folder."""
        path = PurePosixPath(self.file)
        folder = PurePosixPath("tests/sql") if path.suffix == ".sql" else PurePosixPath("tests") / path.parent
        return str(folder / f"test_{path.stem}.py")

    @property
    def tests(self) -> tuple[str, ...]:
        return self.also or (self.mirrored,)

    @property
    def room(self) -> str:
        """The folder of tests that are asked last."""
        return str(PurePosixPath(self.tests[0]).parent)

    def __str__(self) -> str:
        return f"{self.file}: {_one_line(self.text)} -> {_one_line(self.instead)}"


def _one_line(text: str) -> str:
    return repr(" ".join(text.split()))


_LIVE = "tests/exporters/mirrors/test_live.py"

MISTAKES: tuple[Mistake, ...] = (
    # sql/base
    Mistake("sql/base/vetoes_since.sql", "coalesce(kept.context, twin.context)", "kept.context"),
    Mistake("sql/base/vetoes_since.sql", "coalesce(kept.thresholds, twin.thresholds)", "kept.thresholds"),
    Mistake("sql/base/vetoes_since.sql", "coalesce(least(kept.ts, twin.ts), kept.ts)", "kept.ts"),
    Mistake("sql/base/vetoes_since.sql", "where ts > since", "where ts >= since"),
    Mistake("sql/base/acks_merged.sql", "coalesce(kept.status = 'DRY', false)", "kept.status = 'DRY'"),
    Mistake("sql/base/acks_merged.sql", "coalesce(kept.intent_id, twin.intent_id)", "kept.intent_id"),
    Mistake(
        "sql/base/acks_merged.sql",
        "partition by acks.event_id order by abs(epoch_us(acks.ts) - epoch_us(executed.ts)), executed.ingest_seq",
        "partition by acks.event_id order by executed.ingest_seq",
    ),
    Mistake("sql/base/attempts_24h.sql", "older.ts <= as_of()", "older.ts < as_of()"),
    Mistake("sql/base/attempts_24h.sql", "order by ts, ingest_seq", "order by ts desc, ingest_seq"),
    Mistake("sql/base/configured_symbols.sql", "order by place desc", "order by place"),
    Mistake("sql/base/configured_symbols.sql", "('false', '0', 'no', 'off')", "('false', '0', 'off')"),
    Mistake("sql/base/latest_fills_7d.sql", "order by ts desc, ingest_seq desc", "order by ts desc, ingest_seq"),
    Mistake(
        "sql/base/limits.sql",
        "clamp(coalesce(json_number(autotune, '$.max_bias_step'), 0.05), 0.01, 0.25)",
        "clamp(coalesce(json_number(autotune, '$.max_bias_step'), 0.05), 0, 0.25)",
    ),
    Mistake("sql/base/listing_tick.sql", "order by ts desc, ingest_seq desc", "order by ts desc, ingest_seq"),
    Mistake(
        "sql/base/rolled_nav_highs.sql",
        "max(peak_equity_usd) filter (where minute >= today.day_start)",
        "max(peak_equity_usd) filter (where minute > today.day_start)",
    ),
    Mistake("sql/base/rolled_mark_bars.sql", "having count(*) >= 500", "having count(*) >= 400"),
    Mistake("sql/base/router_metrics.sql", "coalesce(ack_latency_ms, ack_ms)", "coalesce(ack_ms, ack_latency_ms)"),
    Mistake("sql/base/slippage_bps.sql", "mark_price > 0 and avg_fill_price > 0", "mark_price > 0"),
    Mistake(
        "sql/base/trades_since.sql",
        "coalesce(exact.metric, stripped.metric)",
        "coalesce(stripped.metric, exact.metric)",
    ),
    Mistake("sql/base/trades_since.sql", "when metric.slippage_bps <= 1 then", "when metric.slippage_bps < 1 then"),
    Mistake("sql/seen.sql", "not is_test", "true", ("tests/sql/test_seen.py",)),
    # sql/intel
    Mistake("sql/intel/symbol_toggles_now.sql", "order by ts desc, ingest_seq desc", "order by ts desc"),
    Mistake("sql/intel/symbol_toggles_now.sql", "until_ts > (select", "until_ts >= (select"),
    Mistake(
        "sql/intel/nav_now.sql",
        "max(peak_equity_usd) filter (where minute >= today.day_start)",
        "max(peak_equity_usd) filter (where minute > today.day_start)",
    ),
    Mistake(
        "sql/intel/nav_now.sql",
        "coalesce(rolled.first_today_usd, open.first_today_usd, latest.equity_usd)",
        "coalesce(open.first_today_usd, rolled.first_today_usd, latest.equity_usd)",
    ),
    Mistake(
        "sql/intel/compare_pairs_of.sql",
        "attempts.ts between sample.ts - interval 60 second and",
        "attempts.ts > sample.ts - interval 60 second and attempts.ts <=",
    ),
    Mistake("sql/intel/compare_pairs_of.sql", "ingest_seq > after_seq", "ingest_seq >= after_seq"),
    Mistake("sql/intel/compare_summary.sql", "count(*) < 200 as is_warmup", "count(*) <= 200 as is_warmup"),
    Mistake(
        "sql/intel/exec_stats.sql", "order by count desc, reason limit 5", "order by count desc, reason desc limit 5"
    ),
    Mistake(
        "sql/intel/execution_health.sql", "when dd_today_pct <= -1.5 then -0.25", "when dd_today_pct < -1.5 then -0.25"
    ),
    Mistake(
        "sql/intel/execution_profile.sql",
        "greatest(0, coalesce(fallback_ratio, 0) - 0.5)",
        "(coalesce(fallback_ratio, 0) - 0.5)",
    ),
    Mistake(
        "sql/intel/expectancy_stats.sql",
        "sum(realized_pnl_usd) over (\n            partition by dimension, key order by ts, ingest_seq",
        "sum(realized_pnl_usd) over (\n            partition by dimension, key order by ts, ingest_seq desc",
    ),
    Mistake(
        "sql/intel/positions_now.sql",
        "coalesce(chosen.mark_price, latest_marks.mark_price) is not null",
        "chosen.mark_price is not null",
    ),
    Mistake("sql/intel/price_bars.sql", "order by ts desc, arrival desc", "order by ts desc, arrival"),
    Mistake(
        "sql/intel/realized_today.sql",
        "partition by symbol order by ts, ingest_seq",
        "partition by symbol order by ts, ingest_seq desc",
    ),
    Mistake(
        "sql/intel/risk_allocation_suggestions.sql",
        "(risk_mode = 'defensive' or share < 0.2)",
        "(risk_mode = 'defensive' or share <= 0.2)",
    ),
    Mistake(
        "sql/intel/risk_mode_now.sql",
        "nav_now.age_s > limits.nav_freshness_s",
        "nav_now.age_s >= limits.nav_freshness_s",
    ),
    Mistake(
        "sql/intel/router_policy_suggestions.sql",
        "fallback_ratio >= 0.6 and trade_count is null",
        "fallback_ratio >= 0.6",
    ),
    Mistake(
        "sql/intel/symbol_drawdowns.sql", "greatest(0, points.peak_usd, points.now_usd)", "greatest(0, points.peak_usd)"
    ),
    Mistake("sql/intel/symbol_volatility.sql", "filter (where age < 50)", "filter (where age <= 50)"),
    # sql/documents
    Mistake(
        "sql/documents/nav_document.sql",
        "epoch_us(ts) / 1e6, 'equity': equity_usd } order by ts)",
        "epoch_us(ts) / 1e6, 'equity': equity_usd } order by ts desc)",
    ),
    Mistake("sql/documents/nav_document.sql", "nav_now.drawdown_pct as drawdown,", "nav_now.drawdown_usd as drawdown,"),
    Mistake("sql/documents/position_items.sql", "case when not is_marked then false end", "is_marked"),
    Mistake("sql/documents/router_health_document.sql", "where is_router_listed", "where true"),
    Mistake(
        "sql/documents/risk_snapshot_document.sql",
        "'slip_q25': slip_q25, 'slip_q50': slip_q50",
        "'slip_q25': slip_q50, 'slip_q50': slip_q50",
    ),
    # store/journal
    Mistake("store/journal/segments.py", 'or crc != b"%08x" % crc32(body)', ""),
    Mistake(
        "store/journal/segments.py",
        'for path in paths if path.name.endswith(SUFFIX) and not path.name.startswith(".")',
        "for path in paths if path.name.endswith(SUFFIX)",
    ),
    Mistake("store/journal/segments.py", "next(whole, None)", "max(whole, default=None)"),
    Mistake("store/journal/writer.py", "if after < seq and upto > before:", "if after < seq and upto >= before:"),
    Mistake(
        "store/journal/writer.py",
        "if not self._drops:\n                    self._seq = seq - 1",
        "if self._drops:\n                    self._seq = seq - 1",
    ),
    Mistake(
        "store/journal/writer.py",
        "for name, value in event.__dict__.items() if value is not None",
        "for name, value in event.__dict__.items() if value",
    ),
    # store/ingest
    Mistake(
        "store/ingest/gaps.py",
        "groupby(positions, key=lambda each: (each.producer, each.run_id))",
        "groupby(positions, key=lambda each: each.producer)",
    ),
    Mistake("store/ingest/gaps.py", 'seq, number, before = 1, 1, ""', 'seq, number, before = run[0].first_seq, 1, ""'),
    Mistake("store/ingest/gaps.py", "- each.stored_batches - each.refused_batches", "- each.stored_batches"),
    Mistake(
        "store/ingest/gaps.py",
        "key=lambda each: (each.producer, each.run_id, each.number)",
        "key=lambda each: (each.producer, each.run_id, each.segment)",
    ),
    Mistake(
        "store/ingest/positions.py",
        "where starts_with(reason, 'crc ')",
        "where true",
        ("tests/store/ingest/test_gaps.py",),
    ),
    Mistake("store/ingest/ahead.py", "where ts > $limit and not is_test", "where ts > $limit"),
    Mistake("store/ingest/ahead.py", "where ts > $limit and", "where ts >= $limit and"),
    Mistake("store/ingest/ingest.py", 'f"{source}:{line}:{raw}"', 'f"{source}:{raw}"'),
    Mistake("store/ingest/ingest.py", "at.refused_batches += line.seq > before", "at.refused_batches += 1"),
    Mistake("store/ingest/ingest.py", "if not reason and line.seq <= before:", "if not reason and line.seq < before:"),
    Mistake(
        "store/ingest/roll_ups.py",
        "arg_min(equity_usd, (ts, ingest_seq)) as first_equity_usd",
        "arg_min(equity_usd, ts) as first_equity_usd",
    ),
    Mistake(
        "store/ingest/roll_ups.py",
        "is_late = rolled_to is not None and first < rolled_to",
        "is_late = rolled_to is not None and first <= rolled_to",
    ),
    Mistake("store/ingest/identity.py", "partition by content, ts", "partition by content"),
    Mistake(
        "store/ingest/identity.py",
        "where new_ids.ingest_seq > first_ids.ingest_seq",
        "where new_ids.ingest_seq >= first_ids.ingest_seq",
    ),
)
