"""The sample is the same for the same arguments, and the store takes all of it."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta
from pathlib import Path

import pytest

from examples.sample_logs import DEFAULT_END, write_bench, write_sample
from tape.store.database import closing, open_database
from tape.store.legacy.importer import import_logs


def _bytes(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(tmp_path: Path) -> None:
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        write_sample(tmp_path / name, seed=seed, days=0.25)
    assert _bytes(tmp_path / "a") == _bytes(tmp_path / "b")
    assert _bytes(tmp_path / "a").keys() == _bytes(tmp_path / "c").keys()
    assert _bytes(tmp_path / "a")["nav.jsonl"] != _bytes(tmp_path / "c")["nav.jsonl"]


def test_all_of_it_is_stored_and_nothing_is_later_than_its_end(database: Path, tmp_path: Path) -> None:
    write_sample(tmp_path / "old", days=0.5)
    with closing(open_database(database)) as connection:
        total = import_logs(connection, tmp_path / "old", now=DEFAULT_END).total
        assert (total.rejected, total.known, total.stored) == (0, 0, total.read)
        for table in ("order_closes", "order_fills", "order_metrics", "vetoes", "shadow_decisions", "positions"):
            row = connection.execute(f"select count(*), max(ts), count(extra) from {table}").fetchone()
            assert row is not None
            assert row[0] > 0, table
            assert row[1] <= DEFAULT_END, table


def test_it_has_an_archive_and_a_rotated_part(tmp_path: Path) -> None:
    write_sample(tmp_path, days=0.5)
    (archive,) = (tmp_path / "execution" / "archive").iterdir()
    assert gzip.decompress(archive.read_bytes()).count(b"\n") > 0
    assert (tmp_path / "execution" / "order_metrics.1.jsonl").stat().st_size > 0


@pytest.mark.parametrize(("metrics", "events"), [(100, 30), (10, 57), (5, 0)])
def test_a_benchs_rows_are_counted_out(database: Path, tmp_path: Path, metrics: int, events: int) -> None:
    write_bench(tmp_path / "old", order_metrics=metrics, order_events=events, span_days=2, end=DEFAULT_END)
    lines = (tmp_path / "old/execution/order_metrics.jsonl").read_bytes().splitlines()
    assert len(lines) == metrics
    with closing(open_database(database)) as connection:
        total = import_logs(connection, tmp_path / "old", now=DEFAULT_END + timedelta(days=1)).total
        counts = connection.execute(
            "select (select count(*) from order_metrics), (select count(*) from order_acks)"
            " + (select count(*) from order_fills) + (select count(*) from order_closes)"
        ).fetchone()
    assert (total.rejected, counts) == (0, (metrics, events))
    assert json.loads(lines[-1])["ts"] <= DEFAULT_END.timestamp()
