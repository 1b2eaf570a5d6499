"""A schema and its model refuse what a published file can never say."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from examples.sample_logs import DEFAULT_END, write_sample
from tape.exporters.contract import state_file
from tape.exporters.json_schema import json_schema
from tape.exporters.state_files import publish
from tape.store.database import closing, open_database
from tape.store.legacy.importer import import_logs
from tape.store.query.round import open_round

ALLOCATION, SUGGESTION = "risk_allocation_suggestions_v6", "router_policy_suggestions_v6"
SHADOW, COMPARE, PROBE = "pipeline_v6_shadow_head", "pipeline_v6_compare_summary", "v6_runtime_probe"
STATS = "expectancy_v6", "symbols.BTCUSDT"
WRONG: list[tuple[str, str, Any]] = [
    ("nav", "updated_at", "yesterday"),
    ("nav", "updated_at", "2025-11-01T00:00:00"),
    ("nav", "updated_at", "2025-11-01T00:00:00+02:00"),
    ("nav", "updated_at", "2025-13-01T00:00:00Z"),
    ("nav", "updated_at", 1761955200.0),
    ("nav", "series.0.t", "noon"),
    ("nav", "series.0.t", "2025-11-01T25:00:00Z"),
    ("nav", "series.0.equity", 0.0),
    ("nav", "series.0.equity", -5.0),
    ("nav", "points.0.ts", "2025-11-01T00:00:00Z"),
    ("nav", "points.0.equity", None),
    ("nav", "total_equity", -1.0),
    ("nav", "peak_equity", 0.0),
    ("nav", "gross_exposure_usd", -1.0),
    ("nav", "largest_position_usd", -0.01),
    ("nav", "drawdown_pct", -0.5),
    ("nav", "drawdown_pct", 101.0),
    ("nav", "drawdown", -1.0),
    ("nav", "drawdown_abs", -1.0),
    ("nav", "exec_stats.attempted_24h", -1),
    ("nav", "exec_stats.executed_24h", 1.5),
    ("nav", "exec_stats.fill_rate", 1.01),
    ("nav", "exec_stats.top_vetoes.0.count", 0),
    ("nav", "exec_stats.last_heartbeats", {"executor_live": "a moment ago"}),
    ("positions", "gross_exposure_usd", -1.0),
    ("positions", "updated_at", "2025-11-01 00:00"),
    ("positions", "items.0.qty", 0),
    ("positions", "items.0.notional", -3.0),
    ("positions", "items.0.symbol", ""),
    ("positions", "items.0.leverage", "5"),
    ("risk_snapshot", "symbols.0.risk.dd_today_pct", 1.5),
    ("risk_snapshot", "symbols.0.risk.risk_flags", ["dd_panic"]),
    ("risk_snapshot", "symbols.0.risk.sharpe_state", "fine"),
    ("risk_snapshot", "symbols.0.router.warnings", ["slow"]),
    ("risk_snapshot", "symbols.0.router.maker_fill_ratio", 1.2),
    ("risk_snapshot", "symbols.0.router.maker_offset_bps", -3.0),
    ("risk_snapshot", "symbols.0.vol.atr_now", -0.1),
    ("risk_snapshot", "symbols.0.vol.atr_regime", "wild"),
    ("risk_snapshot", "symbols.0.sizing.size_mult_sharpe", 2.5),
    ("risk_snapshot", "symbols.0.sizing.intel_size_factor", 0.0),
    ("router_health", "symbols.0.fallback_rate", -0.1),
    ("router_health", "symbols.0.maker_offset_bps", 9.0),
    ("router_health", "symbols.0.policy.quality", "excellent"),
    ("router_health", "symbols.0.policy.taker_bias", "taker"),
    (*STATS, {"count": 0}),
    ("expectancy_v6", "symbols.BTCUSDT.count", 0),
    ("expectancy_v6", "symbols.BTCUSDT.hit_rate", 55.0),
    ("expectancy_v6", "symbols.BTCUSDT.avg_loss", 2.0),
    ("expectancy_v6", "symbols.BTCUSDT.avg_win", -2.0),
    ("expectancy_v6", "symbols.BTCUSDT.max_drawdown", -2.0),
    ("expectancy_v6", "symbols.BTCUSDT.std", -2.0),
    ("expectancy_v6", "hours.24", "STATS"),
    ("expectancy_v6", "hours.07", "STATS"),
    ("expectancy_v6", "regimes.slip_awful", "STATS"),
    ("expectancy_v6", "sample_count", -1),
    ("expectancy_v6", "lookback_hours", 0.0),
    ("expectancy_v6", "metadata.nav_snapshot.t", "now"),
    ("symbol_scores_v6", "symbols.0.score", 1.2),
    ("symbol_scores_v6", "symbols.0.components.slippage_penalty", 0.5),
    ("symbol_scores_v6", "symbols.0.components.volatility_penalty", -0.1),
    (SUGGESTION, "symbols.0.regime", "sideways"),
    (SUGGESTION, "symbols.0.current_policy.taker_bias", 1.7),
    (SUGGESTION, "symbols.0.proposed_policy.offset_bps", -3.0),
    (SUGGESTION, "symbols.0.score_inputs.score", -0.1),
    (SUGGESTION, "generated_ts", "2025-11-01T00:00Z"),
    (ALLOCATION, "symbols.0.caps.current_max_nav_pct", 25.0),
    (ALLOCATION, "symbols.0.suggested_caps.max_trade_nav_pct", 25.0),
    (ALLOCATION, "symbols.0.suggested_caps.max_nav_pct", -0.1),
    (ALLOCATION, "symbols.0.caps.current_max_concurrent_positions", -1),
    (ALLOCATION, "symbols.0.suggested_weight", 1.1),
    (ALLOCATION, "global.current_drawdown_pct", -4.0),
    (ALLOCATION, "global.current_equity_usd", 0.0),
    (ALLOCATION, "global.risk_mode", "brave"),
    (SHADOW, "total", -1),
    (SHADOW, "allowed", 0.5),
    (SHADOW, "lookback_hours", -24.0),
    (COMPARE, "veto_mismatch_pct", 140.0),
    (COMPARE, "sample_size", 501),
    (COMPARE, "size_diff_stats.p95", -1.0),
    (COMPARE, "warmup_reason", "cold"),
    (PROBE, "engine_version", ""),
    (PROBE, "INTEL_V6_ENABLED", "yes"),
    ("synced_state", "engine_version", ""),
    ("synced_state", "v6_flags", {}),
    ("synced_state", "updated_at", "2025-11-01T00:00:00.1234567Z"),
]
"""File, place and a value that cannot stand there."""


@pytest.fixture(scope="module")
def published(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The files of a sample's end, by stem."""
    home = tmp_path_factory.mktemp("sample")
    write_sample(home / "old", days=1.0)
    database = home / "tape.duckdb"
    database.write_bytes(empty_database.read_bytes())
    with closing(open_database(database)) as connection:
        import_logs(connection, home / "old", now=DEFAULT_END)
        with open_round(connection, as_of=DEFAULT_END) as reading:
            return {path.stem: orjson.loads(path.read_bytes()) for path in publish(reading, home / "state")}


@pytest.mark.parametrize(("stem", "place", "value"), WRONG)
def test_a_wrong_value_is_refused(stem: str, place: str, value: Any, published: dict[str, Any]) -> None:
    file, document = state_file(stem), copy.deepcopy(published[stem])
    validator = Draft202012Validator(json_schema(file))
    validator.validate(document)
    *way, last = place.split(".")
    parent = document
    for step in way:
        parent = parent[int(step)] if isinstance(parent, list) else parent[step]
    value = next(iter(document["symbols"].values())) if value == "STATS" else value
    parent[last] = value
    assert not validator.is_valid(document)
    with pytest.raises(ValidationError):
        file.model.model_validate_json(orjson.dumps(document), strict=True)
