"""Settings come from the environment, else from ``tape.toml``, else they have a default."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

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
        ("[intervals]\nnavv = 1\n", "expected one of nav"),
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
            "tape.toml): limits: global.max_leverage: expected a number above 0, found 'four'",
        ),
        (
            {"limits": '{"global": {"max_leverage": "four"}}'},
            "risk_limits.json): limits: global.max_leverage: expected a number above 0, found 'four'",
        ),
        ({"universe": "[]"}, "pairs_universe.json): universe: universe: expected at least one symbol, found []"),
        ({"toml": "[universe]\nuniverse = 5\n"}, "tape.toml): universe: universe: expected a list, found 5"),
        ({"toml": "limits = 5\n"}, "tape.toml): limits: the document: expected an object, found 5"),
        ({"toml": "universe = 5\n"}, "tape.toml): universe: the document: expected an object, found 5"),
        ({"toml": "[limits]\nsince = 2025-01-02\n"}, "limits: since: expected a JSON value, found 2025-01-02"),
        ({"toml": "[limits.ours]\na = [nan]\n"}, "limits: ours.a.0: expected a finite number, found nan"),
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
    assert flags.by_contract_name() == _configured(tmp_path)


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
