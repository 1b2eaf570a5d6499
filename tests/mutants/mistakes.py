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
    Mistake("store/ingest/ingest.py", "at.refused_batches += line.seq > at.last_seq", "at.refused_batches += 1"),
    Mistake(
        "store/ingest/ingest.py",
        "if line.fault or line.seq <= at.last_seq:",
        "if line.fault or line.seq < at.last_seq:",
    ),
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
    # store/legacy
    Mistake(
        "store/legacy/staged.py",
        "where staged.rowid = ordinal and place <= times",
        "where staged.rowid = ordinal",
    ),
    Mistake("store/legacy/staged.py", "told.ordinal >= blanks.ordinal", "told.ordinal > blanks.ordinal"),
    Mistake("store/legacy/staged.py", "strlen(raw) <= {MAX_LINE}", "strlen(raw) < {MAX_LINE}"),
    Mistake(
        "store/legacy/importer.py",
        "row_number() over (order by ts, ordinal) as number",
        "row_number() over (order by ordinal) as number",
    ),
    Mistake(
        "store/legacy/importer.py",
        "count.known = count.read - count.stored - count.rejected",
        "count.known = count.read - count.stored",
    ),
    Mistake(
        "store/legacy/config_files.py",
        "order by ts desc, ingest_seq desc limit 1",
        "order by ts, ingest_seq desc limit 1",
    ),
    Mistake("store/legacy/config_files.py", "arg_max(payload, (ts, ingest_seq))", "arg_max(payload, ts)"),
    Mistake("store/legacy/config_files.py", "not 0 <= found <= highest", "not 0 <= found < highest"),
    Mistake("store/legacy/log_lines.py", "if torn and _is_object(torn.encode()):", "if torn:"),
    Mistake(
        "store/legacy/logs.py",
        "{log.name for log in LOGS if log.stem.startswith",
        "{log.stem for log in LOGS if log.stem.startswith",
        ("tests/store/legacy/test_find_logs.py",),
    ),
    # store/recovery
    Mistake(
        "store/recovery/backup.py",
        'return sorted(path for path in folder.glob(f"{_PREFIX}*.duckdb") if _DATED.fullmatch(path.name))',
        'return sorted(folder.glob(f"{_PREFIX}*.duckdb"))',
    ),
    Mistake(
        "store/recovery/backup.py",
        "if not dated or dated_name(now) > dated[-1]:",
        "if not dated or dated_name(now) >= dated[-1]:",
    ),
    Mistake("store/recovery/backup.py", "not timedelta(0) <= now - made < every", "not now - made < every"),
    Mistake("store/recovery/backup.py", "last_import > _held(found[-1])", "last_import >= _held(found[-1])"),
    Mistake(
        "store/recovery/backup.py", "set.intersection(*map(_finished_in, kept))", "set.union(*map(_finished_in, kept))"
    ),
    Mistake("store/recovery/rebuild.py", "if last < was_read_to:", "if last <= was_read_to:"),
    Mistake(
        "store/recovery/packed_segments.py",
        "not in finished and not path.with_name(name).exists()",
        "not in finished",
        ("tests/store/recovery/test_rebuild.py",),
    ),
    # store/views, store/query, store
    Mistake("store/views/column_comments.py", 'if unit is None or text.endswith("]")', "if unit is None"),
    Mistake(
        "store/views/sql_files.py",
        "*(other.code_digest for other in beneath)",
        "*(other.digest for other in beneath)",
        ("tests/store/views/test_apply.py",),
    ),
    Mistake("store/query/guard.py", "if len(query) > _MAX_CHARS:", "if len(query) > 2 * _MAX_CHARS:"),
    Mistake("store/query/guard.py", 'if place == ("", "") and name in ctes:', "if name in ctes:"),
    Mistake("store/query/round.py", "kept.since <= as_of < kept.until", "kept.since <= as_of <= kept.until"),
    Mistake(
        "store/query/round.py", "min([until, *(ends[window] for window in _windows(name) if window in ends)])", "until"
    ),
    Mistake(
        "store/canonical_json.py",
        "if isinstance(value, float) and value.is_integer():",
        "if isinstance(value, float):",
        ("tests/store/ingest/test_identity.py",),
    ),
    Mistake("store/own_files.py", "said][-2:]", "said][-1:]"),
    # exporters
    Mistake(
        "exporters/mirrors/computed.py", "_PAIR_AGE = timedelta(seconds=120)", "_PAIR_AGE = timedelta(seconds=119)"
    ),
    Mistake(
        "exporters/mirrors/computed.py", "and ts <= $ripe order by ingest_seq", "and ts < $ripe order by ingest_seq"
    ),
    Mistake("exporters/mirrors/computed.py", "and not is_heartbeat and not is_test", "and not is_heartbeat"),
    Mistake("exporters/mirrors/computed.py", 'if pair["ts"] > last_ripe]', 'if pair["ts"] >= last_ripe]'),
    Mistake("exporters/mirrors/events.py", "first <= spans[-1][1] + 1", "first <= spans[-1][1]"),
    Mistake("exporters/mirrors/events.py", "are_all=len(rows) < _SLICE", "are_all=len(rows) <= _SLICE"),
    Mistake("exporters/mirrors/lines.py", '"heartbeat": diff_count == 0', '"heartbeat": diff_count <= 1'),
    Mistake(
        "exporters/mirrors/lines.py",
        '"slippage_bps": pair["expected_slippage_bps"]',
        '"slippage_bps": pair["realized_slippage_bps"]',
    ),
    Mistake(
        "exporters/mirrors/lines.py",
        '"ts": pair["ts"].timestamp(),\n        "shadow"',
        '"ts": None if pair["live_ts"] is None else pair["live_ts"].timestamp(),\n        "shadow"',
    ),
    Mistake("exporters/mirrors/files.py", "if reached > last_seq]", "if reached >= last_seq]"),
    Mistake("exporters/mirrors/files.py", "if size < self._rotate_bytes:", "if size <= self._rotate_bytes:"),
    Mistake("exporters/publisher.py", "if age_s >= self.max_age_s:", "if age_s > self.max_age_s:"),
    Mistake("exporters/publisher.py", "min(self.every_s, _RETRY_S)", "max(self.every_s, _RETRY_S)"),
    Mistake(
        "exporters/firestore/sync.py",
        '**vars(self.counts),\n            "problems": self._problems(),\n            "documents"',
        '"problems": self._problems(),\n            "documents"',
    ),
    Mistake(
        "exporters/firestore/sync.py",
        "each.newest.seq / 1e6 for each in self.mirrored",
        "each.newest.seq / 1e3 for each in self.mirrored",
    ),
    Mistake("exporters/firestore/sync.py", '.get("disabled_ts", 0.0) >= since', '.get("disabled_ts", 0.0) > since'),
    Mistake("exporters/firestore/sync.py", "self.digest = self.newest.digest if self.newest else None", "pass"),
    Mistake("exporters/documents.py", "return round(value * 1e6)", "return int(value * 1e6)"),
    Mistake("exporters/nav_caches.py", 'minutes[minute]["t"] <= point["t"]', 'minutes[minute]["t"] < point["t"]'),
    Mistake(
        "exporters/state_files.py",
        "return value if math.isfinite(value) else None",
        "return None if math.isnan(value) else value",
    ),
    # execution
    Mistake(
        "execution/risk_limits.py",
        "case.seen.now - stop >= timedelta(minutes=wait_min)",
        "case.seen.now - stop > timedelta(minutes=wait_min)",
    ),
    Mistake(
        "execution/risk_limits.py", "sum(since < attempt <= case.seen.now", "sum(since <= attempt <= case.seen.now"
    ),
    Mistake("execution/risk_limits.py", "case.of_nav(own.trade_cap_frac),\n", ""),
    Mistake(
        "execution/risk_limits.py",
        "- sign(case.intent.side) * case.before_usd",
        "+ sign(case.intent.side) * case.before_usd",
    ),
    Mistake("execution/risk_limits.py", "own_after = 1 + (case.apart_usd != 0)", "own_after = 1"),
    Mistake(
        "execution/risk_limits.py",
        "after_usd = abs(case.after_usd) + case.apart_usd",
        "after_usd = abs(case.after_usd)",
    ),
    Mistake("execution/slips.py", "if self.near is None or self.near[0] in _NAMES:", "if self.near is None:"),
    Mistake("execution/slips.py", "(([section], _LIKE), (others, _SLIP))", "(([section], _SLIP), (others, _LIKE))"),
    Mistake("execution/slips.py", '1 if key.endswith("bias") else 100', "100"),
    Mistake("execution/slips.py", "if key in _SHARES and value == 1:", "if value == 1:"),
    Mistake(
        "execution/positions.py", "int((Decimal(repr(float(qty))) * UNITS).to_integral_value())", "int(qty * UNITS)"
    ),
    # tape/doctor
    Mistake("tape/doctor/checks.py", "if len(findings) < 2:", "if len(findings) <= 2:"),
    Mistake("tape/doctor/checks.py", "all(each.follows for each in ordered)", "any(each.follows for each in ordered)"),
    Mistake("tape/doctor/differences.py", "rel_tol=rules.rel, abs_tol=rules.abs", "rel_tol=rules.rel"),
    Mistake(
        "tape/doctor/differences.py", "rel_tol=rules.rel, abs_tol=rules.abs", "rel_tol=rules.abs, abs_tol=rules.rel"
    ),
    Mistake("tape/doctor/differences.py", "== len(items) == len(set(map(str, names)))", "== len(items)"),
    Mistake("tape/doctor/store.py", 'worker["idle_s"] > STUCK_S', 'worker["idle_s"] >= STUCK_S'),
    Mistake("tape/doctor/store.py", "old > 1.1 * every + timedelta(hours=1)", "old > 1.1 * every"),
    Mistake(
        "tape/doctor/store.py",
        '"back" if clock["step_by_s"] < 0 else "forward"',
        '"forward" if clock["step_by_s"] < 0 else "back"',
    ),
    # tape/client
    Mistake("tape/client/instants.py", "parsed.replace(tzinfo=zone)", "parsed.replace(tzinfo=UTC)"),
    Mistake("tape/client/instants.py", "(now - before).astimezone(UTC)", "(now + before).astimezone(UTC)"),
    Mistake("tape/client/limits_in_force.py", "order by ts desc, ingest_seq desc limit 1", "order by ts desc limit 1"),
    Mistake(
        "tape/client/limits_in_force.py",
        "return min((share for share in shares if share is not None), default=None)",
        "return max((share for share in shares if share is not None), default=None)",
    ),
    Mistake("tape/client/empty.py", "where not is_test and ts <=", "where ts <="),
    Mistake(
        "tape/client/empty.py",
        "if latest < (as_of or now) else",
        "if latest <= (as_of or now) else",
    ),
    # tape/owner
    Mistake("tape/owner/clock.py", "timedelta(0) < last - now <= KEPT", "timedelta(0) < last - now < KEPT"),
    Mistake("tape/owner/clock.py", "self.steps_forward += not is_back", "self.steps_forward += is_back"),
    Mistake("tape/owner/disk.py", "free_bytes(self._logs) < enough", "free_bytes(self._logs) <= enough"),
    Mistake("tape/owner/disk.py", "if is_low and not self._was_low:", "if is_low:"),
    # tape/cli
    Mistake("tape/cli/values.py", "if len(entry) <= _MAX_ENTRY else", "if len(entry) < _MAX_ENTRY else"),
    Mistake("tape/cli/values.py", "max(least, min(_MAX_DECIMALS, needed))", "min(_MAX_DECIMALS, needed)"),
    Mistake("tape/cli/values.py", 'return self.kind in ("number", "whole")', 'return self.kind == "number"'),
    Mistake("tape/cli/tables.py", 'file.write("]\\n" if count else "[]\\n")', 'file.write("]\\n")'),
    Mistake("tape/cli/tables.py", "if zone is UTC or not places:", "if zone is UTC:"),
)
