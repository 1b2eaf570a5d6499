"""The command line: the table of commands, and the handling of failures.

A command is a file of this folder with a function called ``command``. The file is imported when its command is called:
the imports of all commands take a second, and ``tape --help`` needs none of them.

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 ended by Ctrl-C; an error is one line on stderr; an error in SQL is
followed by its place in the query.
"""

from __future__ import annotations

import os
import pwd
import re
import sys
import threading
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from tape.cli.interrupted import Interrupted

COMMANDS = {
    "run": "Run a whole trading runtime: executor, owner and exporters in one process,"
    " on paper money unless configured.",
    "serve": "Own the database: store what is recorded, publish every file, answer queries.",
    "sync": "Mirror the published files to Firestore as they change, in a process of its own.",
    "toggle": "Switch a symbol off or on again:"
    " a record that the executor reads back from the published risk snapshot.",
    "status": "Show rows per table, age of the published files, progress of the journal, and the state of the owner.",
    "doctor": "Check every file, log and invariant of the contract, the store and its owner, and say what to do.",
    "explain": "Trace a published number: its formulas, their inputs, the rows behind it.",
    "show": "Show a view or a table: the newest rows first where it has a time.",
    "plot": "Draw equity, drawdown or a column of a view over time; a view without a time gets a bar per row.",
    "tail": "Show the newest rows, then new rows as they are stored.",
    "sql": "Ask the database, read-only.",
    "export": "Publish the contract's files, as of now or as of an instant.",
    "report": "Say what an account did in a span, else in its last 24 hours: equity, drawdown, PnL, costs, vetoes.",
    "diff": "Compare two folders of published files, number by number.",
    "import": "Import a folder of old JSON/JSONL logs.",
    "migrate": "Create or upgrade the database, and bring its macros and views up to date.",
    "backup": "Copy the database, also while its owner runs, and verify the copy.",
    "rebuild": "Rebuild a damaged or lost database from a backup and the journal recorded after it.",
    "load": "Record a realistic mix of all events through the real journal, and say how many of each.",
}
"""Every command, in the order of ``tape --help``, with the first sentence of its own help."""
_INTERRUPTED = 130
"""Exit code of what Ctrl-C ended, as shells have it."""
_UsageError: Any = typer.BadParameter.__base__
"""Typer's usage error, which lies in click or in typer itself, by version."""
_OPTIONS: dict[str, Any] = {
    "add_completion": False,
    "pretty_exceptions_enable": False,
    "rich_markup_mode": None,
}


class LazyGroup(TyperGroup):
    """The commands of the table, each imported when it is asked for."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands: dict[str, Any] = dict.fromkeys(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command ready to be called, ``None`` for an unknown name."""
        if cmd_name in COMMANDS and self.commands[cmd_name] is None:
            module = import_module(f"tape.cli.{file_of(cmd_name)}")
            single = typer.Typer(**_OPTIONS)
            single.command(cmd_name)(_interruptible(module.command))
            self.commands[cmd_name] = typer.main.get_command(single)
        return self.commands.get(cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the commands as the base class does, but by the table instead of by their imported files."""
        limit = formatter.width - 6 - max(map(len, COMMANDS))
        listed = [TyperCommand(name, help=about) for name, about in COMMANDS.items()]
        with formatter.section("Commands"):
            formatter.write_dl([(str(each.name), each.get_short_help_str(limit)) for each in listed])


def file_of(command: str) -> str:
    """Return the name of a command's module; a module cannot be called ``import``."""
    return "import_" if command == "import" else command


app = typer.Typer(
    cls=LazyGroup,
    help="The telemetry store of a trading runtime: old logs in, SQL and the contract's files out.",
    context_settings={"max_content_width": 100},
    **_OPTIONS,
)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        from tape.version import own_version  # reads what is installed, which no other command needs

        print(f"tape {own_version()}")
        raise typer.Exit


@app.callback()
def main(
    context: typer.Context,
    home: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Home folder; else TAPE_HOME, else the current folder."),
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    context.obj = home


def _interruptible(command: Callable[..., None]) -> Callable[..., None]:
    """Turn Ctrl-C into an exception of this program; typer would end without a message."""

    @wraps(command)
    def called(*args: Any, **options: Any) -> None:
        try:
            command(*args, **options)
        except KeyboardInterrupt:
            raise Interrupted("interrupted") from None

    return called


def run(program: typer.Typer = app) -> None:
    """Run a command and turn its failure into one line on stderr and an exit code."""
    # DuckDB imports pandas, where it is installed, to look at its first parameter: a third of a second for nothing
    sys.modules["pandas"] = None  # type: ignore[assignment]
    try:
        code = program(args=sys.argv[1:] or (["--help"] if program is app else []), standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt):
        _fail("interrupted", _INTERRUPTED)
    except Interrupted as error:
        _fail(str(error), _INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        raise SystemExit(1) from None
    except OSError as error:
        _fail(str(error), 1)
    except Exception as error:
        from tape.cli import failures  # loads the database's library, which nothing needs that goes well

        if isinstance(error, _UsageError):
            _fail(failures.usage_told(error), 2)
        if failures.is_interrupt(error):
            _fail("interrupted", _INTERRUPTED)
        if not failures.is_expected(error):
            raise
        _fail(str(error), 1, failures.place_of(error))
    if code == _INTERRUPTED:  # before the command began
        _fail("interrupted", _INTERRUPTED)
    raise SystemExit(code if isinstance(code, int) else 0)


_ERRNO = re.compile(r"\[Errno \d+\] ([^:]+): '([^']*)'")


def _fail(message: str, code: int, place: str = "") -> NoReturn:
    """End with one line on stderr, followed by the place in the user's SQL.

    For an error of the system about a file, the line begins with the file's name.
    """
    told = _ERRNO.sub(r"\2: \1", " ".join(message.split()))
    if "permission denied" in told.lower():
        told += f"; expected the right to use it, found none for {_user()}: `ls -ld` shows who has it"
    print("\n".join(filter(None, [f"tape: {told}", place])), file=sys.stderr, flush=True)
    if threading.active_count() > 1:
        # Python's own way out would abort the process where a thread is still inside the database
        sys.stdout.flush()
        os._exit(code)
    raise SystemExit(code)


def _user() -> str:
    try:
        return f"user {pwd.getpwuid(os.geteuid()).pw_name}"
    except KeyError:
        return f"user {os.geteuid()}"
