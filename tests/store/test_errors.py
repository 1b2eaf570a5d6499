"""What a message lists."""

from __future__ import annotations

from tape.store.errors import one_of


def test_a_few_names_are_listed_and_of_many_those_most_like_what_was_found() -> None:
    assert one_of(["a", "b"], "c") == "one of a, b"
    names = [f"column_{at}" for at in range(40)] + ["drawdown_pct", "drawdown_usd"]
    assert one_of(names, "drawdwn_pct").startswith("one of 42 names, such as drawdown_pct, drawdown_usd")
    assert one_of(names, "???") == "one of 42 names, such as column_0, column_1, column_2, column_3, column_4"
