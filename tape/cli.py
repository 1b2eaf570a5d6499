"""The command line. Wiring only: options in, one call per command, tables out.

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 ended by Ctrl-C; an error is one line on stderr.
What is heavy is imported inside the command that needs it, so that help is quick.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from tape.commands import asking, comparing, looking, publishing, running, storing
from tape.commands.session import Interrupted, Session

_INTERRUPTED = 130
"""Exit code of what Ctrl-C ended, as shells have it."""
_UsageError: Any = typer.BadParameter.__base__
"""Typer's usage error, which lies in click or in typer itself, by version."""

app = typer.Typer(
    help="The telemetry store of a trading runtime: old logs in, SQL and the contract's files out.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"max_content_width": 100},
)
executor_app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
executor_app.command()(running.execute)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        from tape.settings import own_version

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
    context.obj = Session(home)


_COMMANDS: dict[str, Callable[..., None]] = {
    "run": running.run_runtime,
    "serve": running.serve,
    "sync": publishing.sync,
    "toggle": running.toggle,
    "status": looking.status,
    "doctor": looking.doctor,
    "explain": looking.explain,
    "show": asking.show,
    "tail": asking.tail,
    "sql": asking.sql,
    "export": publishing.export,
    "diff": comparing.diff,
    "import": storing.import_command,
    "migrate": storing.migrate,
    "backup": storing.backup,
    "rebuild": storing.rebuild,
    "load": storing.load,
}


def _interruptible(command: Callable[..., None]) -> Callable[..., None]:
    """Turn Ctrl-C into an exception of ours: typer would end without a word, and DuckDB has an error of its own."""

    @wraps(command)
    def called(*args: Any, **options: Any) -> None:
        try:
            command(*args, **options)
        except (KeyboardInterrupt, RuntimeError) as error:
            if isinstance(error, RuntimeError):
                from tape.store.database import is_interrupt

                if not is_interrupt(error):
                    raise
            raise Interrupted("interrupted") from None

    return called


for _name, _command in _COMMANDS.items():
    app.command(_name)(_interruptible(_command))


def run(program: typer.Typer = app) -> None:
    """The program: runs a command and turns its failure into one line on stderr and an exit code."""
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
        if isinstance(error, _UsageError):
            _fail(error.format_message(), 2)
        if not _is_expected(error):
            raise
        _fail(str(error), 1)
    if code == _INTERRUPTED:  # before the command began
        _fail("interrupted", _INTERRUPTED)
    raise SystemExit(code if isinstance(code, int) else 0)


def _is_expected(error: Exception) -> bool:
    import duckdb

    from tape.store.errors import StoreError
    from tape.store.journal import JournalError

    return isinstance(error, (StoreError, JournalError, duckdb.Error))


def _fail(message: str, code: int) -> None:
    print(f"tape: {' '.join(message.split())}", file=sys.stderr)
    raise SystemExit(code)
