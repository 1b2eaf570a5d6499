"""`tape explain`: the rows it shows make the number that is published."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tape.client.client import Answer, Client
from tape.execution.events import OrderClosed, Ticked
from tape.explain.explain import explain
from tape.explain.explanation import Explanation, Plan
from tape.explain.question import NotThere, question
from tape.exporters.contract import STATE_FILES, state_file
from tape.exporters.state_files import publish
from tape.store.database import closing, open_database
from tape.store.journal.writer import Journal
from tape.store.lineage.selects import relation
from tape.store.lineage.trace import trace
from tape.store.query.round import open_round
from tests.conftest import AS_OF, GivenRows, ago
from tests.programs import fails, tape
from tests.tape.owners import Serving, wait_for

BTC, ETH = "BTCUSDT", "ETHUSDT"


@pytest.fixture(scope="module")
def home(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with rows of every kind, published as of AS_OF; tests only read it."""
    folder = tmp_path_factory.mktemp("explain")
    (folder / "logs").mkdir()
    (folder / "logs" / "tape.duckdb").write_bytes(empty_database.read_bytes())
    with closing(open_database(folder / "logs" / "tape.duckdb")) as connection:
        fill(GivenRows(connection))
        publish_all(folder, connection)
    return folder


def fill(store: GivenRows) -> None:
    store.universe({"symbol": BTC, "caps": {"max_nav_pct": 0.3}}, ETH)
    store.limits(nav_freshness_seconds=1e9)
    for hours, pnl in [(1, 8.0), (3, -2.0), (5, 3.0), (47, 1.0), (60, 100.0)]:
        store.close(BTC, pnl, ago(hours=hours), fees_usd=0.5, order_id=f"o{hours}", closed_qty=1.0)
        store.add("order_fills", ago(hours=hours), symbol=BTC, order_id=f"o{hours}", avg_price=100.0)
    store.close(ETH, -1.0, ago(hours=2))
    for minutes, equity in [(90, 1000.0), (60, 1100.0), (30, 1045.0)]:
        store.add("ticks", ago(minutes=minutes), equity_usd=equity)
    tick = store.add("ticks", ago(minutes=2), equity_usd=1050.0, position_count=3)
    for symbol, side, qty, mark in [(BTC, "LONG", 2.0, 110.0), (BTC, "SHORT", -1.0, 110.0), (ETH, "LONG", 4.0, 10.0)]:
        given = {"tick_id": tick, "symbol": symbol, "side": side, "qty": qty, "mark_price": mark}
        store.add("positions", ago(minutes=2), entry_price=100.0 if symbol == BTC else 9.0, **given)
    for minutes, price in [(5, 100.0), (4, 102.0), (3, 101.0)]:
        store.add("marks", ago(minutes=minutes), symbol=BTC, mark_price=price)
    for at, (mark, price) in enumerate([(100.0, 100.01), (100.0, 100.05), (100.0, 99.98), (100.0, 100.02)]):
        metric = {"symbol": BTC, "side": "BUY", "mark_price": mark, "avg_fill_price": price, "attempt_id": f"a{at}"}
        store.add("order_metrics", ago(hours=at + 1), is_maker_final=at != 1, maker_start=True, **metric)
    for at in range(3):
        store.add("order_attempts", ago(hours=at + 1), symbol=BTC, attempt_id=f"a{at}", qty=1.0, price_hint=100.0)
    store.add("order_fills", ago(minutes=50), symbol=BTC, order_id="o", attempt_id="a0", avg_price=100.0)
    for at, is_allowed in enumerate([True, True, False]):
        ts, decision = ago(hours=at + 1), {"number": at}
        shadow = {"symbol": BTC, "attempt_id": f"a{at}", "is_allowed": is_allowed, "decision": decision}
        store.add("shadow_decisions", ts, is_heartbeat=False, **shadow)
    store.add("vetoes", ago(hours=1), symbol=BTC, attempt_id="a0", veto_reason="daily_loss_limit")
    store.add("flag_snapshots", ago(hours=9), is_intel_on=False)
    store.add("flag_snapshots", ago(hours=8), is_intel_on=True, engine_version="v1")


def publish_all(folder: Path, connection: duckdb.DuckDBPyConnection) -> None:
    configured = Client(folder).settings.configured
    with open_round(connection, as_of=AS_OF, configured=configured) as reading:
        publish(reading, folder / "logs" / "state")


def ask(home: Path, file: str, symbol: str | None = None, key: str | None = None, **given: Any) -> Explanation:
    arguments = {"as_of": None, "limit": 1000, **given}
    found = explain(Client(home), state_file(file), symbol, key, **arguments)
    assert found.as_of == arguments["as_of"] or found.is_equal
    return found


def rows_of(found: Explanation, relation: str) -> list[dict[str, Any]]:
    """The rows shown of a relation, which are all there are."""
    (each,) = (each for each in found.rows if each.relation == relation)
    assert each.count == len(each.rows)
    return [dict(zip(each.columns, row, strict=True)) for row in each.rows]


def input_of(found: Explanation, view: str) -> dict[str, Any]:
    (each,) = (each for each in found.inputs if each.view == view)
    return each.values


def test_expectancy_is_made_of_the_trades_of_48_hours(home: Path) -> None:
    found = ask(home, "expectancy_v6", BTC, "avg_return")
    pnls = [row["realized_pnl_usd"] for row in rows_of(found, "trades_48h")]
    assert pnls == [8.0, -2.0, 3.0, 1.0], "the newest first"
    assert found.value == statistics.mean(pnls) == 2.5
    assert found.unit == "USD"
    worst = rows_of(ask(home, "expectancy_v6", BTC, "max_drawdown"), "trades_48h")
    assert max(row["drawdown"] for row in worst) == 2.0
    net = rows_of(ask(home, "expectancy_v6", BTC, "net_expectancy"), "trades_48h")
    assert statistics.mean(row["realized_pnl_usd"] - row["fees_usd"] for row in net) == 2.0


def test_an_hour_and_a_regime_are_explained_like_a_symbol(home: Path) -> None:
    hour = str(ago(hours=3).hour)
    found = ask(home, "expectancy_v6", hour, "count")
    assert found.value == len(rows_of(found, "trades_48h")) == 1
    whole = json.loads((home / "logs" / "state" / "expectancy_v6.json").read_bytes())
    for regime, stats in whole["regimes"].items():
        assert len(rows_of(ask(home, "expectancy_v6", regime), "trades_48h")) == stats["count"]


def test_a_score_is_made_of_its_inputs(home: Path) -> None:
    found = ask(home, "symbol_scores_v6", BTC, "score")
    trades, router = input_of(found, "expectancy_by_symbol"), input_of(found, "router_effectiveness")
    edge = 0.7 * (0.5 + 0.5 * math.tanh(trades["expectancy"] / 10)) + 0.3 * trades["hit_rate"]
    leaning = 0.5 + 0.5 * math.tanh(router["maker_fill_ratio"] - router["fallback_ratio"])
    fees = min(0.4, 0.2 * trades["fees_usd"] / abs(trades["pnl_usd"]))
    slippage = min(0.4, router["slip_q50"] / 20)
    volatility = min(0.5, abs(input_of(found, "symbol_volatility")["atr_ratio"] - 1))
    assert found.value == pytest.approx(0.55 * edge + 0.35 * leaning - slippage - fees - 0.3 * volatility, rel=1e-12)
    bars = [(row["age"], row["price"], row["move"]) for row in rows_of(found, "price_bars")]
    assert bars == [(1, 101.0, 1.0), (2, 102.0, 2.0), (3, 100.0, None)]
    metrics = rows_of(found, "router_metrics_7d")
    assert statistics.median(row["slippage_bps"] for row in metrics) == pytest.approx(router["slip_q50"])
    assert sum(row["realized_pnl_usd"] for row in rows_of(found, "trades_48h")) == trades["pnl_usd"]
    assert {line for each in found.formulas for line, _ in each.lines} >= {
        "score",
        "expectancy_edge",
        "clamp(x, lo, hi)",
    }


@pytest.mark.parametrize(
    ("file", "entry", "key", "unit"),
    [
        ("symbol_scores_v6", BTC, "components.slippage_penalty", "0..0.4"),
        ("symbol_scores_v6", BTC, "components.fee_drag_penalty", "0..0.4"),
        ("symbol_scores_v6", BTC, "inputs.expectancy.expectancy", "USD"),
        ("risk_snapshot", BTC, "vol.atr_now", "%"),
        ("positions", f"{BTC}:LONG", "qty", "base units"),
        ("router_policy_suggestions_v6", BTC, "proposed_policy.offset_bps", "bps"),
        ("nav", None, "attempted_24h", "1"),
    ],
)
def test_the_unit_is_that_of_the_published_column_and_not_of_what_it_is_made_of(
    home: Path, file: str, entry: str | None, key: str, unit: str
) -> None:
    assert ask(home, *(each for each in (file, entry, key) if each is not None)).unit == unit


def test_a_drawdown_is_made_of_the_highest_and_the_latest_tick(home: Path) -> None:
    found = ask(home, "nav", "drawdown_pct")
    highest, (latest,) = rows_of(found, "open_nav_minutes"), rows_of(found, "nav_series")
    assert (highest[0]["peak_equity_usd"], latest["equity_usd"]) == (1100.0, 1050.0)
    assert found.value == 100 * (1100.0 - 1050.0) / 1100.0
    assert found.unit == "%"


def test_a_fill_rate_is_made_of_attempts_and_their_fills(home: Path) -> None:
    found = ask(home, "nav", "fill_rate")
    attempts, fills = rows_of(found, "attempts_24h"), rows_of(found, "seen_order_fills")
    assert (found.key, found.value) == ("exec_stats.fill_rate", len(fills) / len(attempts))
    vetoes = ask(home, "nav", "vetoes_24h")
    assert vetoes.value == len(rows_of(vetoes, "vetoes_24h")) == 1


def test_exposure_and_pnl_are_made_of_positions(home: Path) -> None:
    found = ask(home, "positions", "gross_exposure_usd")
    rows = rows_of(found, "positions_now")
    assert found.value == sum(abs(row["qty"]) * row["mark_price"] for row in rows) == 370.0
    short = ask(home, "positions", f"{BTC}:SHORT", "pnl")
    (row,) = rows_of(short, "positions_now")
    assert short.value == (row["mark_price"] - row["entry_price"]) * row["qty"] == -10.0
    with pytest.raises(NotThere, match="BTCUSDT:LONG, BTCUSDT:SHORT, ETHUSDT"):
        ask(home, "positions", BTC, "pnl")


def test_the_drawdown_of_a_symbol_is_made_of_the_closes_of_the_day(home: Path) -> None:
    found = ask(home, "risk_snapshot", BTC, "dd_today_pct")
    closes = rows_of(found, "closes_today")
    running = [row["cum_usd"] for row in reversed(closes)]
    assert running == [3.0, 1.0, 9.0], "of the day, in their order"
    unrealized = sum(row["pnl_usd"] for row in rows_of(found, "positions_now"))
    now = running[-1] + unrealized
    assert found.value == 100 * (now - max(0.0, *running, now)) / 1000.0
    sharpe = ask(home, "risk_snapshot", BTC, "sharpe_7d")
    returns = [row["realized_pnl_usd"] / row["notional_usd"] for row in rows_of(sharpe, "trades_7d")]
    assert sharpe.value == pytest.approx(statistics.mean(returns) / statistics.stdev(returns), rel=1e-12)


def test_a_slippage_is_the_median_of_the_metrics(home: Path) -> None:
    found = ask(home, "router_health", BTC, "slippage_p50")
    metrics = rows_of(found, "router_metrics_7d")
    costs = [(row["avg_fill_price"] - row["mark_price"]) / row["mark_price"] * 1e4 for row in metrics]
    assert found.value == pytest.approx(statistics.median(costs), rel=1e-12)
    assert found.unit == "bps"


def test_a_suggested_policy_is_made_of_the_current_one(home: Path) -> None:
    found = ask(home, "router_policy_suggestions_v6", BTC, "metrics.fill_rate")
    rows = rows_of(found, "router_metrics_7d")
    assert found.value == sum(row["is_maker_final"] for row in rows) / len(rows) == 0.75
    bias = ask(home, "router_policy_suggestions_v6", BTC, "proposed_policy.taker_bias")
    limits = input_of(bias, "limits")
    numbers = {"prefer_maker": 0.25, "balanced": 0.5, "prefer_taker": 0.75}
    current = numbers[input_of(bias, "router_health")["taker_bias"]]
    assert abs(bias.value - current) <= limits["max_bias_step"]


def test_a_suggested_weight_is_made_of_the_signals_of_all_enabled_symbols(home: Path) -> None:
    found = ask(home, "risk_allocation_suggestions_v6", BTC, "suggested_weight")
    scores = {row["symbol"]: row["score"] for row in rows_of(found, "symbol_scores")}
    trades = {row["symbol"]: row["expectancy"] for row in rows_of(found, "expectancy_by_symbol")}
    quality = {row["symbol"]: row["quality"] for row in rows_of(found, "router_policy_suggestions")}
    factor = {"broken": 0.2, "degraded": 0.6}
    signals = {
        symbol: (score + min(max(trades[symbol], 0) / 10, 0.3)) * factor.get(quality[symbol], 1)
        for symbol, score in scores.items()
    }
    mode = input_of(found, "risk_mode_now")["risk_mode"]
    share = signals[BTC] / sum(signals.values())
    assert found.value == round(share * {"normal": 0.9, "cautious": 0.65, "defensive": 0.45}[mode], 6)
    caps = ask(home, "risk_allocation_suggestions_v6", BTC, "current_max_nav_pct")
    assert (caps.value, caps.unit) == (0.3, "0..1"), "whatever the key says"


def test_shadow_counts_are_made_of_the_decisions(home: Path) -> None:
    found = ask(home, "pipeline_v6_shadow_head", "vetoed")
    assert found.value == sum(not row["is_allowed"] for row in rows_of(found, "shadow_decisions_24h")) == 1
    compared = ask(home, "pipeline_v6_compare_summary", "veto_mismatch_pct")
    pairs = rows_of(compared, "compare_pairs")
    allowed = [(row["shadow_allowed"], row["live_allowed"]) for row in pairs]
    assert allowed == [(True, False), (True, True), (False, True)]
    assert compared.value == pytest.approx(100 * sum(row["is_veto_mismatch"] for row in pairs) / 3)


def test_a_flag_and_the_nav_lead_to_the_one_row_they_are_taken_from(home: Path) -> None:
    flag = ask(home, "v6_runtime_probe", "INTEL_V6_ENABLED")
    (row,) = rows_of(flag, "seen_flag_snapshots")
    assert (flag.value, row["is_intel_on"]) == (True, True)
    nav = ask(home, "synced_state", "nav")
    assert [row["equity_usd"] for row in rows_of(nav, "nav_series")] == [nav.value] == [1050.0]


@pytest.mark.rows(1)
@pytest.mark.parametrize("file", STATE_FILES, ids=lambda file: file.stem)
def test_every_file_is_explained_as_a_whole_and_by_every_key(home: Path, file: Any) -> None:
    content = json.loads((home / "logs" / "state" / file.name).read_bytes())
    whole = ask(home, file.stem)
    assert whole.value == content
    assert whole.rows
    for key in content:
        assert ask(home, file.stem, key).value == content[key]


def test_rows_beyond_the_limit_are_counted(home: Path) -> None:
    found = ask(home, "expectancy_v6", BTC, "avg_return", limit=2)
    (trades,) = found.rows
    assert (len(trades.rows), trades.count) == (2, 4)


def test_another_instant_is_explained_without_the_file(home: Path) -> None:
    found = ask(home, "expectancy_v6", BTC, "count", as_of=ago(hours=4))
    assert (found.value, found.is_equal) == (2, None)
    assert "no file of this instant" in found.notes[0]


def test_json_without_a_published_file_says_null_and_nothing_of_this_program(home: Path) -> None:
    ended = tape("--home", home, "explain", "nav", "vetoes_24h", "--as-of", "newest", "--json")
    assert (ended.json["published"], ended.json["is_equal"]) == (None, None)
    assert "object at 0x" not in ended.out


def test_documents_of_the_rows_are_json_within_json(home: Path) -> None:
    nav = state_file("nav")
    whole = json.loads((home / "logs" / "state" / nav.name).read_bytes())
    asked = question(nav, whole, "vetoes_24h", None)
    plan = Plan.of(asked, trace(nav.view, asked.columns(whole), ()), 10)
    first = Answer(["symbol", "context"], ["VARCHAR", "JSON"], [["BTCUSDT", '{"nav": 1.5}'], ["ETHUSDT", None]])
    count = Answer(["count"], ["BIGINT"], [[2]])
    evidence = plan.evidence([first, count] * len(plan.behind))
    assert evidence[0].rows == [["BTCUSDT", {"nav": 1.5}], ["ETHUSDT", None]]


@pytest.mark.rows(1)
@pytest.mark.parametrize(
    "name", ["symbol_scores", "symbol_scores_v6", "symbol_scores_v6.json", "symbol_scores_document"]
)
def test_a_file_is_understood_by_its_stem_its_view_and_without_its_version(home: Path, name: str) -> None:
    assert tape("--home", home, "explain", name, BTC, "score").out.startswith("symbol_scores_v6.json  BTCUSDT  score\n")


def test_inputs_of_several_rows_beyond_the_first_are_counted(home: Path) -> None:
    file = state_file("risk_snapshot")
    whole = json.loads((home / "logs" / "state" / file.name).read_bytes())
    asked = question(file, whole, "symbols", None)
    plan = Plan.of(asked, trace(file.view, asked.columns(whole), ()), 10)
    inputs = plan.lineage.inputs
    at = next(at for at, each in enumerate(inputs) if "symbol" in relation(each.view).columns)
    of_60 = Client(home).query(plan.queries[1 + at].replace("count(*) over ()", "60"))
    assert len(of_60.rows) > 1
    nothing = Answer([], [], [])
    _, several = plan.inputs([of_60 if each == at else nothing for each in range(len(inputs))])
    assert [each.count for each in several] == [60]


def test_what_can_be_explained_of_rows_that_stopped_says_what_is_newest(home: Path) -> None:
    ended = tape("--home", home, "explain", "nav", "vetoes_24h", "--as-of", "2035-01-01")
    assert "note: newest rows: " in ended.out


def changed(home: Path, folder: Path) -> Path:
    """A copy of a home whose score was changed by hand."""
    (folder / "logs" / "state").mkdir(parents=True)
    (folder / "logs" / "tape.duckdb").write_bytes((home / "logs" / "tape.duckdb").read_bytes())
    text = (home / "logs" / "state" / "symbol_scores_v6.json").read_text()
    content = json.loads(text)
    content["symbols"][0]["score"] = 0.125
    (folder / "logs" / "state" / "symbol_scores_v6.json").write_text(json.dumps(content))
    return folder


def test_a_file_that_says_otherwise_is_told_loudly(home: Path, tmp_path: Path) -> None:
    best = json.loads((home / "logs" / "state" / "symbol_scores_v6.json").read_bytes())["symbols"][0]
    ended = tape("--home", changed(home, tmp_path), "explain", "symbol_scores_v6", best["symbol"], "score")
    assert ended.code == 1
    assert f"DIFFERENT: published 0.125, computed again {best['score']}" in " ".join(ended.out.split())
    assert "not on record" in ended.out


def test_the_command_prints_within_100_columns_and_as_json(home: Path) -> None:
    words = ("--home", home, "explain", "symbol_scores_v6.json", BTC.lower(), "score")
    ended = tape(*words)
    assert (ended.code, ended.err) == (0, "")
    assert max(map(len, ended.out.partition("\nInputs\n")[0].splitlines())) <= 100
    for part in ("computed again, equal", "0.55 * expectancy_component", "4 rows of trades_48h", "further down: "):
        assert part in ended.out
    assert "further down: " not in tape(*words, "--all").out
    found = tape(*words, "--json").json
    assert found["is_equal"] is True
    assert found["value"] == found["published"]
    assert found["as_of"] == AS_OF.isoformat().replace("+00:00", "Z")
    assert {each["relation"]: each["count"] for each in found["rows"]}["trades_48h"] == 4


@pytest.mark.rows(2)
@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("unheard_of",), 2, "nav, positions, risk_snapshot"),
        (("nav", "drawdow"), 1, "drawdown_pct"),
        (("symbol_scores_v6", "XRPUSDT", "score"), 1, "BTCUSDT, ETHUSDT"),
        (("symbol_scores_v6", BTC, "components.routr"), 1, "components.router"),
    ],
)
def test_what_is_not_there_is_answered_with_what_is(home: Path, words: tuple[str, ...], code: int, told: str) -> None:
    fails(tape("--home", home, "explain", *words), code, told, "found")


def test_of_keys_with_one_name_the_highest_value_is_meant() -> None:
    document = {"symbols": [{"symbol": BTC, "a": {"x": 1}, "b": {"x": {"y": 2}}, "c": {"z": 1}, "d": {"z": 2}}]}
    file = state_file("symbol_scores_v6")
    assert question(file, document, BTC, "x").path == ("a", "x")
    assert question(file, document, BTC, "b.x").path == ("b", "x")
    with pytest.raises(NotThere, match=r"c\.z, d\.z"):
        question(file, document, BTC, "z")


def test_a_file_that_lists_no_symbol_says_so() -> None:
    with pytest.raises(NotThere, match=r"it lists nothing now, found 'BTCUSDT'"):
        question(state_file("symbol_scores_v6"), {"updated_ts": 1.0, "symbols": []}, BTC, "score")


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Serving]:
    """An owner that has stored a tick and two closes."""
    now = datetime.now(UTC)
    with Journal(tmp_path, "executor") as journal:
        journal.record([Ticked(ts=now, equity_usd=5.0), close(now, 4.0), close(now - timedelta(hours=1), 1.0)])
    with Serving(tmp_path) as serving:
        wait_for(lambda: published_count(tmp_path) == 2, "the closes are not published")
        yield serving


def close(ts: datetime, pnl: float) -> OrderClosed:
    ids = {"order_id": f"o{pnl}", "client_order_id": f"c{pnl}"}
    sizes = {"position_size_before": 1.0, "position_size_after": 0.0}
    return OrderClosed(ts=ts, symbol=BTC, realized_pnl_usd=pnl, fees_usd=0.0, **ids, **sizes)


def published_count(home: Path) -> int | None:
    path = home / "logs" / "state" / "expectancy_v6.json"
    return json.loads(path.read_bytes())["sample_count"] if path.exists() else None


def test_beside_an_owner_and_after_late_rows_the_publication_is_explained_as_it_was(owner: Serving) -> None:
    words = ("--home", owner.home, "explain", "expectancy_v6", BTC, "avg_return", "--json")
    instant = json.loads((owner.home / "logs" / "state" / "expectancy_v6.json").read_bytes())["updated_ts"]
    recorded = f"select count(*) from exports where file = 'expectancy_v6.json' and epoch(as_of) = {instant!r}"
    wait_for(lambda: owner.value(recorded) == 1, "the publication is not on record")
    live = tape(*words).json
    assert (live["value"], live["is_equal"]) == (2.5, True)
    assert live["export_id"] is not None
    assert owner.end() == 0, owner.log
    last = json.loads((owner.home / "logs" / "state" / "expectancy_v6.json").read_bytes())["updated_ts"]
    with closing(open_database(owner.home / "logs" / "tape.duckdb")) as connection:
        ((seq,),) = connection.execute("select max(last_ingest_seq) + 1 from ingest_counter").fetchall()
        late = datetime.fromtimestamp(last, UTC) - timedelta(minutes=5)
        connection.execute(
            "insert into order_closes by name select * replace ('late' as event_id, cast(? as timestamptz) as ts,"
            " ? as ingest_seq, 100.0 as realized_pnl_usd) from order_closes limit 1",
            [late, seq],
        )
    after = tape(*words).json
    assert (after["value"], after["is_equal"], after["known_seq"] < seq) == (2.5, True, True)
    now = tape(*words, "--as-of", (datetime.fromtimestamp(last, UTC) + timedelta(seconds=1)).isoformat()).json
    assert now["value"] == 35.0


@pytest.mark.thorough
def test_the_numbers_of_a_real_runtime_are_explained(real_logs: Path, tmp_path: Path) -> None:
    assert tape("--home", tmp_path, "import", real_logs).code == 0
    assert tape("--home", tmp_path, "export", "--as-of", "2025-11-05T16:10:00Z").code == 0
    whole = json.loads((tmp_path / "logs" / "state" / "expectancy_v6.json").read_bytes())
    assert whole["symbols"]
    for symbol, stats in whole["symbols"].items():
        trades = rows_of(ask(tmp_path, "expectancy_v6", symbol), "trades_48h")
        assert len(trades) == stats["count"]
        assert statistics.mean(row["realized_pnl_usd"] for row in trades) == pytest.approx(stats["avg_return"])
    for file in STATE_FILES:
        assert ask(tmp_path, file.stem).is_equal
