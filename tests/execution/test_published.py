"""Published files read back: again when they were replaced, never a crash, each fault told once."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tape.execution.autotune import Policy
from tape.execution.published import ALLOCATIONS, HEALTH, SNAPSHOT, SUGGESTIONS, Published

NOW = datetime(2025, 11, 1, 12, tzinfo=UTC)


def publish(folder: Path, stem: str, document: object) -> None:
    """As the exporters do it: a new file in the place of the old one."""
    new = folder / f".{stem}"
    new.write_text(document if isinstance(document, str) else json.dumps(document))
    new.replace(folder / f"{stem}.json")


def allocations(mode: object = "normal", generated: object = NOW.isoformat()) -> dict[str, Any]:
    return {"generated_ts": generated, "global": {"risk_mode": mode}, "symbols": []}


def snapshot(**symbols: dict[str, Any]) -> dict[str, Any]:
    listed = [{"symbol": symbol, **parts} for symbol, parts in symbols.items()]
    return {"updated_ts": NOW.timestamp(), "symbols": listed}


def risk(active: bool = True, until: object = None, dd_pct: float | None = 0.0) -> dict[str, Any]:
    meta = {"disabled_ts": 0.0, "disabled_until": until, "reason": None} if active else None
    return {"risk": {"dd_today_pct": dd_pct, "toggle_active": active, "toggle_meta": meta}}


def test_a_missing_file_is_as_if_nothing_had_been_published(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    published = Published(tmp_path / "nowhere")
    assert published.document("nav") is None
    assert published.size_factor("BTCUSDT") is None
    assert published.switched_off() is None
    assert published.drawdowns_pct() is None
    assert published.policy("BTCUSDT") == Policy()
    assert published.proposed_policy("BTCUSDT", Policy()) is None
    assert caplog.messages == []


def test_a_replaced_file_is_read_again(tmp_path: Path) -> None:
    published = Published(tmp_path)
    for factor in (0.5, 0.75):
        publish(tmp_path, SNAPSHOT, snapshot(BTCUSDT={"sizing": {"final_size_factor": factor}}))
        assert published.size_factor("BTCUSDT") == factor
    assert published.size_factor("ETHUSDT") is None
    (tmp_path / f"{SNAPSHOT}.json").unlink()
    assert published.size_factor("BTCUSDT") is None


def test_a_torn_file_is_told_once_until_it_was_good_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    published = Published(tmp_path)
    for content in ('{"a": 1', '{"a": 12', "", "[1]"):
        publish(tmp_path, "nav", content)
        assert published.document("nav") is published.document("nav") is None
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("nav.json cannot be read: ")
    publish(tmp_path, "nav", {"a": 1})
    assert published.document("nav") == {"a": 1}
    publish(tmp_path, "nav", "{")
    assert published.document("nav") is None
    assert len(caplog.messages) == 2


def test_a_file_that_is_a_folder_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "nav.json").mkdir()
    published = Published(tmp_path)
    assert published.document("nav") is published.document("nav") is None
    assert len(caplog.messages) == 1


OTHER_SHAPES: list[object] = [
    {},
    {"symbols": None},
    {"symbols": {"BTCUSDT": {"score": 1}}},
    {"symbols": ["BTCUSDT"]},
    {"symbols": [{"name": "BTCUSDT"}]},
    {"symbols": [{"symbol": "BTCUSDT"}]},
    {"symbols": [{"symbol": "BTCUSDT", "sizing": 1, "risk": 1, "policy": 1, "proposed_policy": 1}]},
    {"symbols": [{"symbol": "BTCUSDT", "sizing": {"final_size_factor": "x"}, "policy": {}, "proposed_policy": {}}]},
    {"symbols": [{"symbol": "BTCUSDT", "sizing": {"final_size_factor": -1}, "risk": {"toggle_active": True}}]},
    {"generated_ts": None, "global": {"risk_mode": "normal"}},
    {"generated_ts": "yesterday", "global": {"risk_mode": "normal"}},
    {"generated_ts": 1e300, "global": {"risk_mode": "normal"}},
    {"generated_ts": NOW.isoformat(), "global": {"risk_mode": ["normal"]}},
    {"generated_ts": NOW.isoformat(), "global": {"risk_mode": "reckless"}},
]


@pytest.mark.parametrize("document", OTHER_SHAPES)
def test_a_file_of_another_shape_never_raises_and_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, document: object
) -> None:
    published = Published(tmp_path)
    for _ in range(3):
        for stem in (SNAPSHOT, HEALTH, SUGGESTIONS, ALLOCATIONS):
            publish(tmp_path, stem, document)
        assert published.size_factor("BTCUSDT") is None
        assert published.switched_off() is None
        assert published.drawdowns_pct() is None
        assert published.policy("BTCUSDT") == Policy()
        assert published.proposed_policy("BTCUSDT", Policy()) is None
        assert published.risk_mode(NOW) == "cautious"
    for stem in (SNAPSHOT, HEALTH, SUGGESTIONS, ALLOCATIONS):
        assert sum(message.startswith(f"{stem}.json has another shape") for message in caplog.messages) == 1
    assert len(caplog.messages) == 4


def test_policies_are_read_with_the_proposed_ones(tmp_path: Path) -> None:
    policy = {"maker_first": False, "taker_bias": "prefer_taker", "quality": "good", "reason": "r"}
    publish(tmp_path, HEALTH, {"symbols": [{"symbol": "BTCUSDT", "maker_offset_bps": 3, "policy": policy}]})
    proposal = {"maker_first": True, "taker_bias": 0.7, "offset_bps": 2.5}
    publish(tmp_path, SUGGESTIONS, {"symbols": [{"symbol": "BTCUSDT", "proposed_policy": proposal}]})
    published = Published(tmp_path)
    now = published.policy("BTCUSDT")
    assert now == Policy(False, 0.75, 3.0, "good", "r")
    assert published.proposed_policy("BTCUSDT", now) == Policy(True, 0.7, 2.5, "good", "proposed")
    assert published.proposed_policy("ETHUSDT", now) is None


def test_switched_off_symbols_have_their_end_and_one_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    until = NOW + timedelta(hours=1)
    off = {"A": risk(until=until.isoformat()), "B": risk(), "C": risk(until="soon"), "D": risk(active=False)}
    off["E"] = {"risk": {"toggle_active": True, "toggle_meta": None, "dd_today_pct": None}}
    publish(tmp_path, SNAPSHOT, snapshot(**off))
    assert Published(tmp_path).switched_off() == (NOW, {"A": until, "B": None, "C": None, "E": None})


def test_drawdowns_are_those_that_are_known(tmp_path: Path) -> None:
    publish(tmp_path, SNAPSHOT, snapshot(A=risk(dd_pct=-1.5), B=risk(dd_pct=None), C=risk(False)))
    assert Published(tmp_path).drawdowns_pct() == (NOW, {"A": -1.5, "C": 0.0})


@pytest.mark.parametrize(
    ("mode", "age_s", "expected"),
    [
        ("normal", 1800, "normal"),
        ("defensive", 1800, "defensive"),
        ("defensive", 1801, "cautious"),
        ("cautious", 1801, "cautious"),
        ("normal", 1801, "normal"),
    ],
)
def test_only_old_allocations_are_no_longer_believed_to_be_defensive(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: str, age_s: int, expected: str
) -> None:
    publish(tmp_path, ALLOCATIONS, allocations(mode))
    published, now = Published(tmp_path), NOW + timedelta(seconds=age_s)
    assert [published.risk_mode(now), published.risk_mode(now)] == [expected, expected]
    assert caplog.messages == (["the allocations are older than 1800 s"] if age_s > 1800 else [])


@pytest.mark.parametrize("generated", [NOW.timestamp(), "2025-11-01T12:00:00", "2025-11-01T12:00:00Z"])
def test_the_age_is_read_from_every_form_of_an_instant(tmp_path: Path, generated: object) -> None:
    publish(tmp_path, ALLOCATIONS, allocations("defensive", generated))
    assert Published(tmp_path).risk_mode(NOW + timedelta(seconds=1800)) == "defensive"
    assert Published(tmp_path).risk_mode(NOW + timedelta(seconds=1801)) == "cautious"


def test_without_allocations_the_mode_is_cautious_told_once_each_time_they_are_gone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    published = Published(tmp_path)
    assert [published.risk_mode(NOW) for _ in range(3)] == ["cautious"] * 3
    assert len(caplog.messages) == 1
    publish(tmp_path, ALLOCATIONS, allocations())
    assert published.risk_mode(NOW) == "normal"
    (tmp_path / f"{ALLOCATIONS}.json").unlink()
    assert [published.risk_mode(NOW) for _ in range(3)] == ["cautious"] * 3
    assert len(caplog.messages) == 2


def test_fresh_allocations_do_not_tell_the_faults_of_other_files_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    published = Published(tmp_path)
    for _ in range(3):
        publish(tmp_path, SNAPSHOT, "{")
        publish(tmp_path, ALLOCATIONS, allocations())
        assert published.size_factor("BTCUSDT") is None
        assert published.risk_mode(NOW) == "normal"
    assert len(caplog.messages) == 1
