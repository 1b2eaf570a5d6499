"""What asks for more memory than the process may have fails; the process goes on."""

from __future__ import annotations

import subprocess
import sys
import textwrap

from tests.tape.owners import PROJECT


def run(code: str) -> str:
    """What a Python process prints: a bound holds for the rest of its life."""
    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_more_than_may_be_mapped_fails_and_what_is_less_does_not() -> None:
    told = run("""
        from tape.memory import MemoryBound
        bound = MemoryBound(100_000_000)
        bytearray(300_000_000)
        bound.mark()
        bytearray(50_000_000)
        try:
            bytearray(300_000_000)
        except MemoryError:
            print("refused")
        print(len(bytearray(50_000_000)))
    """)
    assert told == "refused\n50000000\n"


def test_a_mark_counts_from_what_the_process_has_by_then() -> None:
    told = run("""
        from tape.memory import MemoryBound
        bound = MemoryBound(100_000_000)
        bound.mark()
        held = [bytearray(b"x") * 70_000_000]
        first = bound.grown()
        bound.mark()
        held.append(bytearray(b"x") * 70_000_000)
        second = bound.grown()
        print(first > 60_000_000, 60_000_000 < second < 100_000_000)
    """)
    assert told == "True True\n"


def test_what_is_given_back_has_not_grown() -> None:
    told = run("""
        from tape.memory import MemoryBound
        bound = MemoryBound(1_000_000_000)
        held = bytearray(b"x") * 200_000_000
        grown = bound.grown()
        del held
        print(grown > 190_000_000, bound.grown() < 50_000_000)
    """)
    assert told == "True True\n"


def test_a_bound_that_the_user_set_is_kept() -> None:
    told = run("""
        import resource
        resource.setrlimit(resource.RLIMIT_DATA, (500_000_000, 500_000_000))
        from tape.memory import MemoryBound
        MemoryBound(5_000_000_000).mark()
        print(resource.getrlimit(resource.RLIMIT_DATA))
    """)
    assert told == "(500000000, 500000000)\n"


def test_where_the_system_does_not_say_nothing_is_bounded() -> None:
    told = run("""
        import resource
        from pathlib import Path
        from tape import memory
        memory._STATM = Path("/nowhere/statm")
        bound = memory.MemoryBound(1)
        bound.mark()
        print(bound.grown(), resource.getrlimit(resource.RLIMIT_DATA)[0] == resource.RLIM_INFINITY)
    """)
    assert told == "0 True\n"
