"""What fault tests share: chance that can be replayed, and how often a fault is tried.

``--seed N`` replays what a failed test printed; ``--long`` tries everything as often as ``make soak`` does, and so does
``--hypothesis-profile long`` what hypothesis makes up.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from secrets import randbits

import pytest

from tests.divided import is_brief
from tests.store.homes import Home


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> Random:
    """Random numbers of a seed that is printed, so that a failure can be replayed."""
    given = request.config.getoption("seed")
    seed = randbits(32) if given is None else int(given)
    print(f"seed {seed}: again with `pytest {request.node.nodeid} --seed {seed}`")
    return Random(seed)  # noqa: S311 (chance, no secret)


@pytest.fixture(scope="session")
def times(request: pytest.FixtureRequest) -> Callable[[int, int, int], int]:
    """``times(brief, usual, long)``: how often a fault is tried, by ``make test``, ``make check`` and ``make soak``."""
    if request.config.getoption("long"):
        return lambda brief, usual, long: long
    return (lambda brief, usual, long: brief) if is_brief() else (lambda brief, usual, long: usual)


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Home:
    """A home whose segments are recorded, and not stored."""
    home = Home(tmp_path_factory.mktemp("traded") / "home", empty_database)
    home.trade(120)
    return home
