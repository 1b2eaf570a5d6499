"""Settings come from the environment, else from ``tape.toml``, else they have a default."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tape.execution.default_limits import DEFAULT_LIMITS, DEFAULT_UNIVERSE, with_defaults
from tape.settings import SettingsInvalid, home_folder, load_settings, state_folder
from tape.store.database import Resources
from tape.store.errors import StoreError

FLAGS = (
    "INTEL_V6_ENABLED",
    "RISK_ENGINE_V6_ENABLED",
    "PIPELINE_V6_SHADOW_ENABLED",
    "ROUTER_AUTOTUNE_V6_ENABLED",
    "FEEDBACK_ALLOCATOR_V6_ENABLED",
    "ROUTER_AUTOTUNE_V6_APPLY_ENABLED",
)
OTHERS = ("ENV", "DRY_RUN", "BINANCE_TESTNET", "ENGINE_VERSION")


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        *FLAGS,
        *OTHERS,
        "TAPE_HOME",
        "TAPE_STORE__THREADS",
        "TAPE_STORE__MEMORY_LIMIT",
        "TAPE_STORE",
        "TAPE_LIMITS",
        "BINANCE_API_KEY",
        "BINANCE_API_SECRET",
    ):
        monkeypatch.delenv(name, raising=False)


def _configured(home: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(load_settings(home).configured)
    return found


def test_without_anything_set_flags_are_on_but_for_apply(tmp_path: Path) -> None:
    configured = _configured(tmp_path)
    assert [configured[name] for name in FLAGS] == [True] * 5 + [False]
    assert (configured["ENV"], configured["DRY_RUN"], configured["BINANCE_TESTNET"]) == ("dev", "1", "0")
    assert configured["engine_version"]


def test_without_anything_set_the_database_may_use_little(tmp_path: Path) -> None:
    assert load_settings(tmp_path).resources() == Resources("400MB", 2)


def test_the_file_beats_the_default(tmp_path: Path) -> None:
    (tmp_path / "tape.toml").write_text('ENV = "prod"\nINTEL_V6_ENABLED = false\n[store]\nthreads = 1\n')
    assert (_configured(tmp_path)["ENV"], _configured(tmp_path)["INTEL_V6_ENABLED"]) == ("prod", False)
    assert load_settings(tmp_path).resources() == Resources("400MB", 1)


def test_the_environment_beats_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tape.toml").write_text('ENV = "prod"\nDRY_RUN = "0"\n[store]\nthreads = 1\nmemory_limit = "1GB"\n')
    monkeypatch.setenv("ENV", "staging")
    monkeypatch.setenv("TAPE_STORE__THREADS", "3")
    assert (_configured(tmp_path)["ENV"], _configured(tmp_path)["DRY_RUN"]) == ("staging", "0")
    assert load_settings(tmp_path).resources() == Resources("1GB", 3)


@pytest.mark.parametrize("name", FLAGS)
@pytest.mark.parametrize("text", ["1", "true", "yes", "on", "TRUE", "Yes", " on "])
def test_a_flag_is_on_for_these_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    monkeypatch.setenv(name, text)
    assert _configured(tmp_path)[name] is True


@pytest.mark.parametrize("name", FLAGS)
@pytest.mark.parametrize("text", ["0", "false", "no", "off", "", "y", "enabled", "2", "t"])
def test_a_flag_is_off_for_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    monkeypatch.setenv(name, text)
    assert _configured(tmp_path)[name] is False


@pytest.mark.parametrize(
    ("content", "key"),
    [
        ("[store]\nthreads = 0\n", "store.threads"),
        ('[store]\nthreads = "many"\n', "store.threads"),
        ('[store]\nmemory_limit = "lots"\n', "store.memory_limit"),
        ("[store]\nmemory_limit = 400\n", "store.memory_limit"),
        ("store = 5\n", "store"),
        ("INTEL_V6_ENABLED = [1]\n", "INTEL_V6_ENABLED"),
        ("ENV = 5\n", "ENV"),
    ],
)
def test_a_wrong_value_in_the_file_is_refused_by_name(tmp_path: Path, content: str, key: str) -> None:
    (tmp_path / "tape.toml").write_text(content)
    with pytest.raises(SettingsInvalid, match=rf"\b{key}: .*found ") as refused:
        load_settings(tmp_path)
    assert "\n" not in str(refused.value)


def test_a_wrong_value_in_the_environment_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAPE_STORE__THREADS", "none")
    with pytest.raises(SettingsInvalid, match=r"store\.threads: .*found 'none'"):
        load_settings(tmp_path)


@pytest.mark.parametrize("content", [b"[store\n", b"\xff\xfe", b"a = 1\na = 2\n"])
def test_a_file_that_is_no_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "tape.toml").write_bytes(content)
    with pytest.raises(StoreError, match=r"tape\.toml"):
        load_settings(tmp_path)


def test_an_engine_version_that_is_set_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGINE_VERSION", "v6.1")
    assert _configured(tmp_path)["engine_version"] == "v6.1"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[unheard_of]\na = 1\n", "unheard_of: expected one of"),
        ("[store]\nmemory = '1GB'\n", "store.memory"),
        ("[intervals]\nnavv = 1\n", "intervals.navv: .* did you mean nav"),
        ("[intervals]\nnav = 0\n", "intervals.nav"),
    ],
)
def test_a_section_or_key_that_is_not_known_is_refused_by_name(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "tape.toml").write_text(text)
    with pytest.raises(StoreError, match=told):
        load_settings(tmp_path)


def test_limits_and_universe_are_taken_as_they_stand(tmp_path: Path) -> None:
    (tmp_path / "tape.toml").write_text("[limits]\nnav_freshness_seconds = 90\n[intervals]\nnav = 2.5\n")
    settings = load_settings(tmp_path)
    assert (settings.limits, settings.universe) == ({"nav_freshness_seconds": 90}, None)
    assert settings.intervals == {"nav": 2.5}


def _write(home: Path, **files: str) -> None:
    names = {"toml": "tape.toml", "limits": "risk_limits.json", "universe": "pairs_universe.json"}
    for kind, text in files.items():
        (home / names[kind]).write_text(text)


def test_limits_and_universe_may_stand_in_files_of_their_own(tmp_path: Path) -> None:
    _write(tmp_path, limits='{"global": {"max_leverage": 3}, "ours": [1]}', universe='[{"symbol": "btcusdt"}]')
    settings = load_settings(tmp_path)
    assert settings.limits == {"global": {"max_leverage": 3}, "ours": [1]}, "the document as given"
    assert settings.universe == [{"symbol": "btcusdt"}]


def test_one_may_stand_in_the_toml_and_the_other_in_its_file(tmp_path: Path) -> None:
    _write(tmp_path, toml='[universe]\nuniverse = ["BTCUSDT"]\n', limits="{}")
    settings = load_settings(tmp_path)
    assert (settings.limits, settings.universe) == ({}, {"universe": ["BTCUSDT"]})


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({"toml": "[limits]\n", "limits": "{}"}, "risk_limits.json"),
        ({"toml": '[universe]\nsymbols = ["X"]\n', "universe": '["X"]'}, "pairs_universe.json"),
    ],
)
def test_what_stands_in_two_places_is_refused_by_both_names(tmp_path: Path, files: dict[str, str], name: str) -> None:
    _write(tmp_path, **files)
    with pytest.raises(StoreError, match="expected in one place") as refused:
        load_settings(tmp_path)
    assert str(tmp_path / "tape.toml") in str(refused.value)
    assert str(tmp_path / name) in str(refused.value)


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (
            {"toml": '[limits.global]\nmax_leverage = "four"\n'},
            "tape.toml): limits: global.max_leverage: expected a number above 0, up to 125 (times), found 'four'",
        ),
        (
            {"limits": '{"global": {"max_leverage": "four"}}'},
            "risk_limits.json): limits: global.max_leverage: expected a number above 0, up to 125 (times),"
            " found 'four'",
        ),
        ({"universe": "[]"}, "pairs_universe.json): universe: universe: expected at least one symbol, found []"),
        ({"toml": "[universe]\nuniverse = 5\n"}, "tape.toml): universe: universe: expected a list, found 5"),
        ({"toml": "limits = 5\n"}, "tape.toml): limits: the document: expected an object, found 5"),
        ({"toml": "universe = 5\n"}, "tape.toml): universe: the document: expected an object, found 5"),
        (
            {"toml": "[limits]\nreset_timezone = 2025-01-02\n"},
            "limits: reset_timezone: expected a JSON value, found 2025-01-02",
        ),
        (
            {"toml": "[limits.global]\nmax_leverage = nan\n"},
            "limits: global.max_leverage: expected a finite number, found nan",
        ),
        ({"limits": '{"ours": {"a": [NaN]}}'}, "limits: ours.a.0: expected a finite number, found nan"),
        ({"limits": '{"a": Infinity}'}, "limits: a: expected a finite number, found inf"),
        ({"limits": "null"}, "risk_limits.json): expected a document, found null"),
        ({"limits": "{"}, "risk_limits.json): "),
    ],
)
def test_wrong_limits_or_universe_are_refused_by_file_key_and_value(
    tmp_path: Path, files: dict[str, str], told: str
) -> None:
    _write(tmp_path, **files)
    with pytest.raises(StoreError) as refused:
        load_settings(tmp_path)
    assert told in str(refused.value)
    assert str(tmp_path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_limits_of_the_environment_beat_those_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(tmp_path, limits='{"global": {"max_leverage": 3, "daily_loss_limit_pct": 5}}')
    monkeypatch.setenv("TAPE_LIMITS", '{"global": {"max_leverage": 2}}')
    assert load_settings(tmp_path).limits == {"global": {"max_leverage": 2, "daily_loss_limit_pct": 5}}
    monkeypatch.setenv("TAPE_LIMITS", '{"global": {"max_leverage": "two"}}')
    with pytest.raises(SettingsInvalid, match=r"settings \(environment or .*global\.max_leverage: .*'two'"):
        load_settings(tmp_path)


def test_the_flags_are_the_configured_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUTER_AUTOTUNE_V6_ENABLED", "0")
    monkeypatch.setenv("ENV", "paper")
    monkeypatch.setenv("ENGINE_VERSION", " ")
    flags = load_settings(tmp_path).flags
    assert (flags.is_intel_on, flags.is_router_autotune_on, flags.is_router_autotune_apply_on) == (True, False, False)
    assert (flags.env, flags.dry_run, flags.testnet) == ("paper", "1", "0")
    assert flags.engine_version.startswith("tape-")
    assert flags.by_contract_name().items() <= _configured(tmp_path).items()


def test_home_is_the_option_else_the_environment_else_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert home_folder(None) == Path()
    monkeypatch.setenv("TAPE_HOME", str(tmp_path / "b"))
    assert home_folder(None) == tmp_path / "b"
    assert home_folder(tmp_path / "a") == tmp_path / "a"


def test_without_anything_set_the_executor_trades_on_paper(tmp_path: Path) -> None:
    executor = load_settings(tmp_path).executor
    assert (executor.venue, executor.interval_s, executor.equity_usd, executor.trading) == ("paper", 1, 10_000, False)


def test_executor_settings_come_from_the_environment_else_from_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tape.toml").write_text('[executor]\nvenue = "ccxt"\ninterval_s = 0.5\nmaker_wait_s = 2\n')
    monkeypatch.setenv("TAPE_EXECUTOR__INTERVAL_S", "2")
    executor = load_settings(tmp_path).executor
    assert (executor.venue, executor.interval_s, executor.maker_wait_s) == ("ccxt", 2, 2)


@pytest.mark.parametrize(
    ("content", "key"),
    [
        ('[executor]\nvenue = "mt5"\n', "executor.venue"),
        ("[executor]\ninterval_s = 0.01\n", "executor.interval_s"),
        ("[executor]\nequity_usd = 0\n", "executor.equity_usd"),
        ("[executor]\nseconds = 1\n", "executor.seconds"),
        ("[autotune]\nmax_bias_delta = 1.5\n", "autotune.max_bias_delta"),
        ("[autotune]\nsymbols = 1\n", "autotune.symbols"),
    ],
)
def test_a_wrong_executor_or_autotune_setting_is_refused_by_name(tmp_path: Path, content: str, key: str) -> None:
    (tmp_path / "tape.toml").write_text(content)
    with pytest.raises(SettingsInvalid, match=rf"\b{key}: .*found ") as refused:
        load_settings(tmp_path)
    assert "\n" not in str(refused.value)


def test_autotune_is_careful_unless_told_otherwise(tmp_path: Path) -> None:
    tuning = load_settings(tmp_path).autotune
    assert not tuning.symbol_allowlist
    assert tuning.require_quality == {"good", "ok"}
    assert (tuning.max_bias_delta, tuning.max_offset_step_bps, tuning.max_offset_abs_bps) == (0.05, 2, 10)
    assert tuning.allow_flip is False


def test_autotune_takes_the_contracts_variables_with_lists_by_commas(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tape.toml").write_text(
        '[autotune]\nsymbol_allowlist = ["XRPUSDT"]\nmax_offset_abs_bps = 7\nallow_flip = false\n'
    )
    given = {
        "SYMBOL_ALLOWLIST": " BTCUSDT, ETHUSDT,,",
        "MAX_BIAS_DELTA": "0.1",
        "MAX_OFFSET_STEP_BPS": "1.5",
        "ALLOW_FLIP": "yes",
        "REQUIRE_QUALITY": "good",
    }
    for name, value in given.items():
        monkeypatch.setenv(f"ROUTER_AUTOTUNE_V6_{name}", value)
    tuning = load_settings(tmp_path).autotune
    assert tuning.symbol_allowlist == {"BTCUSDT", "ETHUSDT"}
    assert (tuning.max_bias_delta, tuning.max_offset_step_bps, tuning.allow_flip) == (0.1, 1.5, True)
    assert tuning.require_quality == {"good"}
    assert tuning.max_offset_abs_bps == 7, "what the environment leaves out stays the file's"


def test_a_wrong_contract_variable_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUTER_AUTOTUNE_V6_MAX_BIAS_DELTA", "lots")
    with pytest.raises(SettingsInvalid, match=r"autotune\.max_bias_delta: .*found 'lots'"):
        load_settings(tmp_path)


def test_secrets_stand_in_no_repr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BINANCE_API_KEY", "hush-key")
    monkeypatch.setenv("BINANCE_API_SECRET", "hush-secret")
    settings = load_settings(tmp_path)
    assert settings.api_secret.get_secret_value() == "hush-secret"
    for shown in (repr(settings), str(settings), settings.model_dump_json(), settings.configured):
        assert "hush" not in shown


@pytest.mark.parametrize(
    "content",
    [
        'BINANCE_API_SECRET = ["hush"]\n',
        "[BINANCE_API_KEY]\nvalue = 'hush'\n",
        'BINANCE_API_SECRETS = "hush"\n',
        "BINANCE_API_KEY = 'hush'\n[store]\nthreads = 0\n",
    ],
)
def test_secrets_stand_in_no_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "tape.toml").write_text(content)
    with pytest.raises(StoreError) as refused:
        load_settings(tmp_path)
    assert "hush" not in str(refused.value)


def test_what_is_the_users_own_lies_where_xdg_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    for given, folder in (
        ("/var/state", "/var/state/tape"),
        ("relative", "/home/someone/.local/state/tape"),
        ("", "/home/someone/.local/state/tape"),
    ):
        monkeypatch.setenv("XDG_STATE_HOME", given)
        assert state_folder() == Path(folder)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("TAPE_STOR__THREADS", "did you mean TAPE_STORE__THREADS?"),
        ("TAPE_EXECUTOR__EQUITY", "did you mean TAPE_EXECUTOR__EQUITY_USD?"),
        ("TAPE_HOMEE", "did you mean TAPE_HOME?"),
        ("TAPE_ENGINE_VERSION", "did you mean ENGINE_VERSION?"),
        ("TAPE_WINDOW", "docs/reference/settings.md lists them"),
        ("INTEL_V6_ENABELD", "did you mean INTEL_V6_ENABLED?"),
        ("ROUTER_AUTOTUNE_V6_SYMBOL_ALOWLIST", "did you mean ROUTER_AUTOTUNE_V6_SYMBOL_ALLOWLIST?"),
    ],
)
def test_a_variable_that_is_no_setting_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, told: str
) -> None:
    monkeypatch.setenv(name, "1")
    with pytest.raises(SettingsInvalid) as refused:
        load_settings(tmp_path)
    assert str(refused.value).startswith(f"settings (environment): {name}: expected the name of a setting")
    assert told in str(refused.value)


def test_an_interval_of_the_environment_is_refused_by_the_name_of_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAPE_INTERVALS__NAVV", "1")
    with pytest.raises(SettingsInvalid, match=r"\(TAPE_INTERVALS__NAVV\): intervals\.navv: expected one of nav, .*"):
        load_settings(tmp_path)


def test_every_variable_of_a_setting_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAPE_HOME", str(tmp_path))
    monkeypatch.setenv("TAPE_INTERVALS__NAV", "2")
    monkeypatch.setenv("tape_store__threads", "3")
    settings = load_settings(tmp_path)
    assert (settings.intervals, settings.store.threads) == ({"nav": 2}, 3)
    assert settings.notes == ()


def test_a_variable_of_others_that_is_like_a_setting_is_worth_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BINANCE_API_KEY2", "hush")
    monkeypatch.setenv("DRY_RUNN", "0")
    assert load_settings(tmp_path).notes == (
        "environment: BINANCE_API_KEY2: expected the name of a setting; did you mean BINANCE_API_KEY?",
        "environment: DRY_RUNN: expected the name of a setting; did you mean DRY_RUN?",
    )


@pytest.mark.parametrize("text", ["ture", "2", "enabled"])
def test_a_switch_that_is_neither_on_nor_off_is_off_and_worth_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("RISK_ENGINE_V6_ENABLED", text)
    (tmp_path / "tape.toml").write_text('[sync]\nenabled = "yess"\n[autotune]\nallow_flip = "No"\n')
    settings = load_settings(tmp_path)
    assert [note.partition(":")[0] for note in settings.notes] == ["sync.enabled", "RISK_ENGINE_V6_ENABLED"]
    assert all("which counts as off" in note for note in settings.notes)
    assert (settings.risk_engine_enabled, settings.sync.enabled) == (False, False)


def test_limits_of_the_environment_are_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAPE_LIMITS__GLOBAL__MAX_TRADE_NAV_PCT", "0.02")
    monkeypatch.setenv("TAPE_LIMITS__PER_SYMBOL__BTCUSDT__MAX_LEVERAGE", "none")
    monkeypatch.setenv("TAPE_UNIVERSE", '["BTCUSDT"]')
    settings = load_settings(tmp_path)
    assert settings.limits == {"global": {"max_trade_nav_pct": 0.02}, "per_symbol": {"btcusdt": {"max_leverage": None}}}
    assert settings.universe == ["BTCUSDT"]
    monkeypatch.setenv("TAPE_LIMITS__GLOBAL__MAX_TRADE_NAV_PC", "0.02")
    with pytest.raises(SettingsInvalid, match=r"environment\): limits: global\.max_trade_nav_pc: .* did you mean"):
        load_settings(tmp_path)


def test_none_says_in_toml_that_there_is_no_limit(tmp_path: Path) -> None:
    (tmp_path / "tape.toml").write_text('[limits.global]\nmax_leverage = "none"\n')
    assert load_settings(tmp_path).limits == {"global": {"max_leverage": None}}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[limits]\nmax_trade_nav_pc = 2\n", "did you mean max_trade_nav_pct, which stands in [limits.global]?"),
        ("[limits]\nmax_trade_nav_pct = 2\n", "max_trade_nav_pct: expected in [limits.global], found in [limits]"),
        ("[limits]\nequity_usd = 2\n", "equity_usd: expected in [executor], found in [limits]"),
        ("[limits.global]\nmax_trade_nav_pct = 1\n", "global.max_trade_nav_pct: expected a share of NAV below 1"),
        ("[limits.global]\nmax_gross_exposure_pct = 101\n", "or may_exceed_nav = ['max_gross_exposure_pct'] beside it"),
        ("[limits.global]\ntrade_equity_nav_pct = 0.1\n", "did you mean max_trade_nav_pct?"),
        (
            '[universe]\nuniverse = ["X"]\nenabeld = true\n',
            "did you mean enabled, which stands in [universe.universe]?",
        ),
        ("[executor]\nmax_leverage = 2\n", "executor.max_leverage: expected in [limits.global], found in [executor]"),
        ("[executor]\nequity = 2\n", "executor.equity: expected a key of [executor], found none of this name; did you"),
        ("[backup]\nthread = 2\n", "did you mean threads, which stands in [store]?"),
        ("threads = 2\n", "threads: expected in [store], found at the top level"),
        ("[limit]\n", "did you mean limits?"),
        ("[store]\nENV = 'prod'\n", "store.ENV: expected at the top level, before every section, found in [store]"),
    ],
)
def test_a_key_that_is_not_known_where_it_stands_is_refused_with_the_one_meant(
    tmp_path: Path, content: str, told: str
) -> None:
    (tmp_path / "tape.toml").write_text(content)
    with pytest.raises(SettingsInvalid) as refused:
        load_settings(tmp_path)
    assert str(refused.value).startswith(f"settings ({tmp_path / 'tape.toml'}): ")
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[executor]\nseed = true\n", "executor.seed: expected a number, found True"),
        ("[executor]\nequity_usd = inf\n", "executor.equity_usd: expected a finite number, found inf"),
        ("[executor]\nequity_usd = -1\n", "executor.equity_usd: expected a number above 0, found -1"),
        ("[executor]\ninterval_s = 0\n", "executor.interval_s: expected a number of at least 0.05, found 0"),
        ("[executor]\ntrading = 'perhaps'\n", "executor.trading: expected true or false, found 'perhaps'"),
        ("[intervals]\nnav = inf\n", "intervals.nav: expected a finite number, found inf"),
        ("[intervals]\nnav = true\n", "intervals.nav: expected a number, found True"),
        ("[sync]\ninterval_s = 4000\n", "sync.interval_s: expected a number of at most 3600, found 4000"),
        ("executor = 5\n", "executor: expected a section with keys of its own, found 5"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_in_plain_words(tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / "tape.toml").write_text(content)
    with pytest.raises(SettingsInvalid) as refused:
        load_settings(tmp_path)
    assert str(refused.value) == f"settings ({tmp_path / 'tape.toml'}): {told}"


def test_a_file_of_another_runtime_keeps_what_means_nothing_here_and_it_is_said(tmp_path: Path) -> None:
    _write(
        tmp_path,
        limits='{"global": {"tiers": {}, "max_trade_nav_pct": 1, "max_gross_exposure_pct": 150}}',
        universe='{"version": "v6", "symbols": ["X"], "universe": [{"symbol": "X", "bucket": "CORE"}]}',
    )
    settings = load_settings(tmp_path)
    assert settings.limits == {"global": {"tiers": {}, "max_trade_nav_pct": 1, "max_gross_exposure_pct": 150}}
    assert [note.partition(":")[2][:60].rstrip() for note in settings.notes] == [
        " limits: 1 key is kept without effect: global.tiers",
        " limits: global.max_trade_nav_pct: expected a share of NAV b",
        " limits: global.max_gross_exposure_pct: expected up to 100 p",
        " universe: 3 keys are kept without effect: version, symbols,",
    ]


def test_a_slip_of_a_limit_in_a_file_of_another_runtime_is_refused(tmp_path: Path) -> None:
    _write(tmp_path, limits='{"global": {"max_trade_nav_pc": 2}}')
    with pytest.raises(
        SettingsInvalid, match=r"risk_limits\.json\): limits: global\.max_trade_nav_pc: .* did you mean"
    ):
        load_settings(tmp_path)


@pytest.mark.parametrize("files", [{"toml": ""}, {"toml": "[limits]\n[limits.global]\n"}, {"limits": "{}"}])
def test_what_is_empty_drops_no_default(tmp_path: Path, files: dict[str, str]) -> None:
    _write(tmp_path, **files)
    settings = load_settings(tmp_path)
    assert with_defaults(settings.limits, settings.universe) == (DEFAULT_LIMITS, DEFAULT_UNIVERSE)


def test_many_mistakes_are_one_line_that_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "tape.toml").write_text("[testnet]\n[api_key]\n[unheard_of]\n[nothing]\n")
    with pytest.raises(SettingsInvalid, match=r"expected one of .*\bsync\b.*; and \d more$") as refused:
        load_settings(tmp_path)
    assert len(str(refused.value)) < 1000
