"""A file name says which log a file is a part of, and which part is older."""

from __future__ import annotations

import pytest

from tape.store.legacy.log_names import is_archive, is_array, log_name

EXTENSIONS = {"fills": "jsonl", "nav": "jsonl", "nav_log": "json"}

OLDEST_FIRST = """
    fills.jsonl-2024
    fills.2025-10.jsonl.xz
    FILLS-20251101.JSONL.GZ
    fills.jsonl-20251102
    fills.jsonl-20251102.1.gz
    fills.jsonl-20251102.2.gz
    fills-2025110213.jsonl
    fills.jsonl.2025-11-02_14
    fills_2025-11-02T15:30:00Z.jsonl.zst
    fills.jsonl.2025-11-02T16:00:00+00:00
    fills.jsonl.20251102T170000.123456.88
    fills.jsonl.20251102T170000.123456.88+.gz
    fills.jsonl.1762110000
    fills.1762120000123.jsonl
    fills.jsonl.12.bz2
    fills.3.jsonl.gz
    fills.jsonl.2
    fills.1
    fills.jsonl.old
    fills.jsonl.gz
    fills.jsonl
""".split()  # noqa: SIM905 (one name a line)


def test_parts_are_sorted_by_date_then_number_then_the_live_file() -> None:
    found = [log_name(name, EXTENSIONS) for name in OLDEST_FIRST]
    assert all(each is not None and each.refusal is None and each.stem == "fills" for each in found)
    ages = [each.age for each in found if each is not None]
    assert ages == sorted(ages)
    assert len(set(ages)) == len(ages) - 1  # the archive that a kill left twice


OTHERS = """
    fills fills.jsonl.bak fills.jsonl~ fills.jsonl.tmp fills_old.jsonl fills_backup.jsonl fills-copy.jsonl fills.log
    fills.log.1 fills.csv fills.json fills.jsonl.zip fills.jsonl.1.gz.bak nav_log.jsonl nav_2.txt
""".split()  # noqa: SIM905 (many names a line)


@pytest.mark.parametrize("name", OTHERS)
def test_other_names_that_begin_alike_are_refused(name: str) -> None:
    found = log_name(name, EXTENSIONS)
    assert found is not None
    assert found.refusal is not None
    assert found.refusal.startswith(f"its name is not like {found.stem}.")


@pytest.mark.parametrize("name", ["fills (1).jsonl", "fills - Copy.jsonl", "fills.jsonl:Zone.Identifier"])
def test_copies_that_a_desktop_makes_are_refused(name: str) -> None:
    found = log_name(name, EXTENSIONS)
    assert found is not None
    assert found.refusal is not None


@pytest.mark.parametrize("name", ["fillsx.jsonl", "navigation.jsonl", "old_fills.jsonl", ".fills.jsonl", "x"])
def test_names_of_nothing_known_are_none(name: str) -> None:
    assert log_name(name, EXTENSIONS) is None


def test_the_longest_known_name_counts() -> None:
    found = log_name("nav_log.json.1.gz", EXTENSIONS)
    assert found is not None
    assert (found.stem, found.refusal) == ("nav_log", None)
    assert is_array("nav_log.json.1.gz")
    assert not is_array("nav.jsonl.1.gz")


@pytest.mark.parametrize("name", ["archive", "Archives", "old", "rotated", "2025", "2025-11", "202511", "2025-11-04"])
def test_folders_of_archives(name: str) -> None:
    assert is_archive(name)


@pytest.mark.parametrize("name", ["state", "backup", "execution", "testnet", "journal", "olden"])
def test_other_folders(name: str) -> None:
    assert not is_archive(name)
