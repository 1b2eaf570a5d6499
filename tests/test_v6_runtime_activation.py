"""The contract: the runtime probe has every flag, whatever the flags say."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from tape.execution.v6_flags import FIELDS
from tests.conftest import AS_OF
from tests.runtimes import runtime

SIX_FLAGS = sorted(name for name in FIELDS if name.endswith("_ENABLED"))


@pytest.mark.parametrize("off", [(), ("INTEL_V6_ENABLED",), tuple(SIX_FLAGS)])
def test_the_probe_has_all_flag_keys_whatever_the_flags(
    database: Path, monkeypatch: pytest.MonkeyPatch, off: tuple[str, ...]
) -> None:
    for name in SIX_FLAGS:
        monkeypatch.setenv(name, "0" if name in off else "1")
    with runtime(database, AS_OF) as run:
        run.tick()
        run.publish()
        probe = run.file("v6_runtime_probe.json")
    assert {name: probe[name] for name in SIX_FLAGS} == {name: name not in off for name in SIX_FLAGS}
    assert {"ENV", "DRY_RUN", "BINANCE_TESTNET", "engine_version", "ts"} <= probe.keys()
    assert probe["engine_version"]


def test_unset_flags_are_on_but_for_apply(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SIX_FLAGS:
        monkeypatch.delenv(name, raising=False)
    with runtime(database, AS_OF) as run:
        run.tick()
        run.publish()
        probe = run.file("v6_runtime_probe.json")
    assert {name for name in SIX_FLAGS if not probe[name]} == {"ROUTER_AUTOTUNE_V6_APPLY_ENABLED"}


@pytest.mark.parametrize(("text", "is_on"), [*product(("1", "true", "YES", "on"), [True]), ("0", False), ("", False)])
def test_a_flag_is_on_for_these_words_alone(
    database: Path, monkeypatch: pytest.MonkeyPatch, text: str, is_on: bool
) -> None:
    monkeypatch.setenv("INTEL_V6_ENABLED", text)
    with runtime(database, AS_OF) as run:
        run.tick()
        run.publish()
        assert run.file("v6_runtime_probe.json")["INTEL_V6_ENABLED"] is is_on


def test_the_probe_is_written_at_the_start_and_every_five_minutes(database: Path) -> None:
    with runtime(database, AS_OF) as run:
        run.tick()
        assert "v6_runtime_probe.json" in run.publish()
        first = run.file("v6_runtime_probe.json")["ts"]
        run.tick(every_s=200)
        assert "v6_runtime_probe.json" not in run.publish()
        run.tick(every_s=100)
        assert "v6_runtime_probe.json" in run.publish()
        assert run.file("v6_runtime_probe.json")["ts"] == first + 300
