"""What a message lists."""

from __future__ import annotations

from pathlib import Path

from tape.store.errors import NoLogs, QueryFailed, one_of


def test_a_few_names_are_listed_and_of_many_those_most_like_what_was_found() -> None:
    assert one_of(["a", "b"], "c") == "one of a, b"
    names = [f"column_{at}" for at in range(40)] + ["drawdown_pct", "drawdown_usd"]
    assert one_of(names, "drawdwn_pct").startswith("one of 42 names, such as drawdown_pct, drawdown_usd")
    assert one_of(names, "???") == "one of 42 names, such as column_0, column_1, column_2, column_3, column_4"


def test_an_error_of_the_database_is_one_line_and_its_place_is_apart() -> None:
    failed = QueryFailed.of('Parser Error: syntax error at\nor near "selec"\n\nLINE 1: selec 1\n        ^')
    assert str(failed) == 'Parser Error: syntax error at or near "selec"'
    assert failed.place == "LINE 1: selec 1\n        ^"
    assert QueryFailed.of("Out of Range Error: no place").place == ""


def test_folders_that_are_not_named_are_counted() -> None:
    assert "d4 and in 2 more folders: import that" in str(NoLogs(Path("x"), "y", [Path(f"d{at}") for at in range(7)]))
    assert "more folders" not in str(NoLogs(Path("x"), "y", [Path("d")]))
