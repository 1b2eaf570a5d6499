"""Forty mistakes and what each is told: the thing, what was expected, what was found, what to do.

None is silent, none ends in a traceback, each is one line on stderr and exits as documented: 2 for wrong usage, 1 for
what failed.
"""

from __future__ import annotations

import ctypes
import json
import os
import shlex
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import run

import pytest

from tests.programs import PROJECT, Ended, fails, tape
from tests.templates import sample_home

_DAC_OVERRIDE, _DAC_READ_SEARCH, _PR_CAPBSET_DROP = 1, 2, 24


@dataclass(frozen=True)
class Mistake:
    """What somebody types, in a home with ``files`` (name -> content), and what is told. ``{home}`` is filled in."""

    words: str
    told: tuple[str, ...]
    code: int = 2
    files: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


def _toml(content: str, *told: str) -> Mistake:
    return Mistake("show limits", ("tape.toml): ", *told), 1, {"tape.toml": content})


MISTAKES = [
    # limits: money
    _toml("[limits.global]\nmax_trade_nav_pc = 2\n", "global.max_trade_nav_pc: ", "did you mean max_trade_nav_pct?"),
    _toml("[limits]\nmax_trade_nav_pct = 2\n", "expected in [limits.global], found in [limits]"),
    _toml("[limits.BTCUSDT]\nmax_leverage = 2\n", "expected in [limits.per_symbol.BTCUSDT], found in [limits]"),
    _toml("[limits.global]\nmax_trade_nav_pct = 1\n", "0.01 is 1 per cent", "found 1, which may mean either"),
    _toml("[limits.global]\nmax_trade_nav_pct = 250\n", "a per cent above 1 up to 100 (of NAV), found 250"),
    _toml("[limits.global]\nmax_gross_exposure_pct = 300\n", "may_exceed_nav = ['max_gross_exposure_pct'] beside it"),
    _toml("[limits.global]\nmax_leverage = nan\n", "global.max_leverage: expected a finite number, found nan"),
    _toml('[limits.global]\nmax_leverage = "3x"\n', "a number above 0, up to 125 (times), found '3x'"),
    _toml("[limits.global]\ndaily_loss_limit_pct = -3\n", "above 0, up to 100 (per cent), found -3"),
    _toml("[limits.per_symbol.BTCUSDT]\nmax_order_notionals = 9\n", "did you mean max_order_notional?"),
    Mistake(
        "show limits",
        ("risk_limits.json): limits: global.max_trade_nav_pc: ", "did you mean max_trade_nav_pct?"),
        1,
        {"risk_limits.json": '{"global": {"max_trade_nav_pc": 2}}'},
    ),
    Mistake(
        "show limits",
        ("expected in one place, found in ", "tape.toml and ", "risk_limits.json"),
        1,
        {"tape.toml": "[limits]\n", "risk_limits.json": "{}"},
    ),
    # other settings
    _toml('[universe]\nuniverse = [{symbol = "X", enbled = false}]\n', "universe.X.enbled: ", "did you mean enabled?"),
    _toml("[universe]\nuniverse = []\n", "universe: universe: expected at least one symbol, found []"),
    _toml("[executor]\nequity = 5000\n", "executor.equity: expected a key of [executor], ", "did you mean equity_usd?"),
    _toml("[executor]\nmax_leverage = 2\n", "executor.max_leverage: expected in [limits.global], found in [executor]"),
    _toml("[executor]\nseed = true\n", "executor.seed: expected a number, found True"),
    _toml("[intervals]\nnavv = 5\n", "intervals.navv: ", "did you mean nav?"),
    _toml("[intervals]\nnav = 0\n", "intervals.nav: expected a number above 0, found 0"),
    _toml("[stor]\nthreads = 2\n", "stor: expected a section or a setting, ", "did you mean store?"),
    _toml("[store\n", "Expected ']'"),
    Mistake(
        "show limits",
        ("settings (environment): TAPE_EXECUTOR__EQUITY: ", "did you mean TAPE_EXECUTOR__EQUITY_USD?"),
        1,
        environment={"TAPE_EXECUTOR__EQUITY": "1"},
    ),
    Mistake(
        "show limits",
        ("settings (environment): INTEL_V6_ENABELD: ", "did you mean INTEL_V6_ENABLED?"),
        1,
        environment={"INTEL_V6_ENABELD": "0"},
    ),
    # commands and their arguments
    Mistake("exprot", ("exprot", "export")),
    Mistake("show nav_noww", ("nav_now", "found 'nav_noww'")),
    Mistake("tail navs", ("expected one of fills, ", "found 'navs'")),
    Mistake("explain navv", ("expected one of nav, ", "found 'navv'")),
    Mistake("export navv", ("expected one of nav, ", "found 'navv'")),
    Mistake("export --as-of yesterday", ("2025-11-05T16:10:00Z", "found 'yesterday'")),
    Mistake("show nav_now --limit 0", ("'--limit': expected a number of at least 1, found '0'",)),
    Mistake("load --rate fast", ("'--rate': expected a number, found 'fast'",)),
    Mistake("doctor nav.json", ("expected seconds from look to look, found 'nav.json'", "`tape explain`")),
    Mistake("doctor 5", ("SECONDS needs --watch",)),
    Mistake("run --seed 3", ("--seed: expected --replay MARKET with it, found none",)),
    Mistake("toggle --off XYZUSDT", ("symbol: expected one of ", "BTCUSDT", "found 'XYZUSDT'", "--insist")),
    Mistake("toggle --off", ("expected a SYMBOL or --all, found neither",)),
    Mistake("sql 'from nav_noww'", ("query: ", "nav_noww"), 1),
    Mistake("diff {home}/old {home}/nowhere", ("found nothing at ", "nowhere"), 1),
    # files and folders
    Mistake("import {home}/old/nav.jsonl", ("expected a folder, found a file, ", "nav.jsonl: import its folder, ")),
    Mistake("import {home}/nowhere", ("expected a folder, found nothing at ", "nowhere")),
    Mistake("import {home}/empty", ("no logs in ", "expected any of "), 1, {"empty/notes.txt": "hello"}),
    Mistake("backup {home}/tape.toml/", ("DEST: expected a folder, found a file, ",), files={"tape.toml": ""}),
    Mistake("rebuild --from {home}/nowhere", ("backup ", "expected a database file, found nothing"), 1),
    Mistake("--home {home}/new sql 'from nav_now'", ("no database at ", "tape rebuild --from BACKUP"), 1),
    Mistake("--home {home}/new rebuild", ("expected a whole backup or a journal", "tape rebuild --from BACKUP"), 1),
]


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder into which a sample was imported, which lies in ``old``; a mistake changes nothing of it."""
    return Path(shutil.copytree(sample_home(), tmp_path_factory.mktemp("mistakes") / "home"))


@pytest.mark.rows(15)
@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda each: each.words.replace("{home}/", ""))
def test_a_mistake_is_told_in_one_line_and_exits_as_documented(imported: Path, mistake: Mistake) -> None:
    for name, content in mistake.files.items():
        (imported / name).parent.mkdir(exist_ok=True)
        (imported / name).write_text(content)
    try:
        words = [word.format(home=imported) for word in shlex.split(mistake.words)]
        fails(tape("--home", imported, *words, **mistake.environment), mistake.code, *mistake.told)
    finally:
        for name in mistake.files:
            (imported / name).unlink()


def test_there_are_forty_of_them_and_no_two_alike() -> None:
    assert len(MISTAKES) >= 40
    typed = [(each.words, *each.files.items(), *each.environment.items()) for each in MISTAKES]
    assert len(set(typed)) == len(typed)


def _as_anybody() -> None:
    """Give up what lets root read and write whatever it likes, so that the modes of files count."""
    if os.geteuid() == 0:
        for capability in (_DAC_OVERRIDE, _DAC_READ_SEARCH):
            assert ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) == 0


def _tape_as_anybody(*words: str | Path) -> Ended:
    done = run(
        [sys.executable, "-m", "tape", *map(str, words)],
        capture_output=True,
        text=True,
        cwd=PROJECT,
        preexec_fn=_as_anybody,
        timeout=60,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


FORBIDDEN: list[tuple[str, str, Callable[[Path], tuple[str | Path, ...]], int]] = [
    ("the settings", "tape.toml", lambda home: ("status",), 0o000),
    ("the database", "logs/tape.duckdb", lambda home: ("sql", "select 1"), 0o000),
    ("the folder of the home's files", "logs", lambda home: ("status",), 0o000),
    ("the folder, to write", "logs", lambda home: ("serve",), 0o500),
    ("the journal", "logs", lambda home: ("toggle", "--off", "BTCUSDT"), 0o500),
    ("an old log", "old/nav.jsonl", lambda home: ("import", home / "old"), 0o000),
    ("where files go", "out", lambda home: ("export", "--out", home / "out" / "now"), 0o500),
    ("where a backup goes", "out", lambda home: ("backup", home / "out" / "copy.duckdb"), 0o500),
]


@pytest.mark.rows(3)
@pytest.mark.parametrize(
    ("name", "words", "mode"), [each[1:] for each in FORBIDDEN], ids=[each[0] for each in FORBIDDEN]
)
def test_what_may_not_be_used_is_named_without_the_number_of_an_error(
    imported: Path, tmp_path: Path, name: str, words: Callable[[Path], tuple[str | Path, ...]], mode: int
) -> None:
    home = tmp_path / "home"
    (home / "old").mkdir(parents=True)
    (home / "out").mkdir()
    (home / "tape.toml").write_text("")
    (home / "old" / "nav.jsonl").write_text("{}\n")
    (home / "logs").mkdir()
    shutil.copy(imported / "logs" / "tape.duckdb", home / "logs" / "tape.duckdb")
    path = home / name
    before = path.stat().st_mode
    path.chmod(mode)
    try:
        ended = _tape_as_anybody("--home", home, *words(home))
    finally:
        path.chmod(before)
    fails(ended, 1, "ermission denied", path.name, "expected the right to use it", "ls -ld")
    assert "Errno" not in ended.err


@pytest.mark.parametrize("key", ["updated_tss", "drawdown"])
def test_a_key_that_no_file_has_cannot_be_ignored(tmp_path: Path, key: str) -> None:
    for side in "ab":
        (tmp_path / side).mkdir()
        (tmp_path / side / "nav.json").write_text(json.dumps({"updated_ts": 1, "series": [{"equity": 2}]}))
    told = f"--ignore: expected a key of the files, found {key} in none of them"
    fails(tape("diff", tmp_path / "a", tmp_path / "b", "--ignore", "equity", "--ignore", key), 2, told)
    assert tape("diff", tmp_path / "a", tmp_path / "b", "--ignore", "equity").code == 0


def test_a_backup_into_a_folder_that_is_missing_makes_the_folder(imported: Path, tmp_path: Path) -> None:
    ended = tape("--home", imported, "backup", f"{tmp_path}/far/away/")
    (copy,) = (tmp_path / "far" / "away").iterdir()
    assert (ended.code, ended.out.strip()) == (0, str(copy.resolve()))
    assert copy.name.startswith("tape-")
    assert tape("--home", imported, "backup", tmp_path / "copy.duckdb").out.strip() == str(tmp_path / "copy.duckdb")


def test_a_lost_database_comes_back_from_a_backup_that_lies_elsewhere(imported: Path, tmp_path: Path) -> None:
    assert tape("--home", imported, "backup", tmp_path / "copy.duckdb").code == 0
    home = tmp_path / "home"
    assert tape("--home", home, "rebuild", "--from", tmp_path / "copy.duckdb").code == 0
    counted = "select count(*) as ticks from ticks"
    found = [tape("--home", each, "sql", counted, "--format", "json").json for each in (imported, home)]
    assert found[0] == found[1]
    assert found[0][0]["ticks"] > 0
