"""How the suite is divided between ``make test``, ``make check`` and ``make check-slow``.

A test is ``thorough`` when it tries a variant or a corner of a law that a shorter one holds, and ``slow`` when it waits
by nature. ``rows(N)`` stands on a parametrised test: N of its rows, spread evenly, with the first and the last, are in
``make test``, and the others are thorough. ``make test`` runs what is neither thorough nor slow, with a fifth of the
examples of each property; ``make check`` adds what is thorough, all properties with all their examples, and the faults
of chance once more, as often as ``times`` of the fault tests says.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import pytest
from hypothesis import settings

LEFT = pytest.StashKey[int]()
"""How many tests of this run were left out for being thorough or slow."""

settings.register_profile("thorough", deadline=None)
settings.register_profile("quick", deadline=None, max_examples=20)
settings.register_profile("long", deadline=None, max_examples=2_000)
settings.load_profile("thorough")  # unless --hypothesis-profile names another


def examples(count: int) -> int:
    """Return how many examples of an expensive property are tried: ``count`` where others have a hundred."""
    return max(2, count * settings().max_examples // 100)


def is_brief() -> bool:
    """Return whether this is ``make test``, where properties and chance are tried less often."""
    return settings().max_examples < settings.get_profile("thorough").max_examples


def mark_tests(items: Sequence[pytest.Item]) -> None:
    """Mark the rows as thorough that ``rows(N)`` leaves out, and what tries chance."""
    for item in items:
        if "times" in getattr(item, "fixturenames", ()):
            item.add_marker("chance")
    tests: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if item.get_closest_marker("rows") is not None:
            tests[item.nodeid.partition("[")[0]].append(item)
    for rows in tests.values():
        mark = rows[0].get_closest_marker("rows")
        assert mark is not None
        kept = _spread(len(rows), mark.args[0])
        for at, item in enumerate(rows):
            if at not in kept:
                item.add_marker("thorough")


def _spread(total: int, count: int) -> set[int]:
    """Return ``count`` of the numbers below ``total``, with the first and the last."""
    if count == 1:
        return {0}
    return {round(at * (total - 1) / (count - 1)) for at in range(count)}
