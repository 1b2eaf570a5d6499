"""The command line. Wiring only: options in, one call per command, tables out.

Exit codes: 0 done, 1 failed, 2 wrong usage; an error is one line on stderr. What is heavy is imported inside the
command that needs it, so that help is quick.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import duckdb

    from tape.settings import Settings

app = typer.Typer(
    help="The telemetry store of a trading runtime: old logs in, SQL and the contract's files out.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


class _Session:
    """What every command needs: the home folder and, on demand, its settings and database."""

    def __init__(self, option: Path | None) -> None:
        self._option = option

    @property
    def home(self) -> Path:
        from tape.settings import home_folder

        return home_folder(self._option)

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def database(self) -> Path:
        return self.logs / "tape.duckdb"

    @property
    def settings(self) -> Settings:
        from tape.settings import load_settings

        return load_settings(self.home)

    def open(self, *, read_only: bool = True) -> duckdb.DuckDBPyConnection:
        from store.database import open_database

        return open_database(self.database, self.settings.resources, read_only=read_only)


NEWEST = "newest"
_UsageError: Any = typer.BadParameter.__base__
"""Typer's usage error, which lies in click or in typer itself, by version."""


def _instant_or_newest(text: str) -> datetime | str:
    return NEWEST if text == NEWEST else _instant(text)


def _instant(text: str) -> datetime:
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"expected RFC 3339 such as 2025-11-05T16:10:00Z, found {text!r}") from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


AsOf = Annotated[
    datetime | None,
    typer.Option(
        parser=_instant, metavar="T", help="The instant to compute for (RFC 3339, UTC unless it says otherwise)."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@app.callback()
def main(
    context: typer.Context,
    home: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Home folder; else TAPE_HOME, else the current folder."),
    ] = None,
) -> None:
    context.obj = _Session(home)


@app.command()
def migrate(context: typer.Context) -> None:
    """Create or upgrade the database, and bring its macros and views up to date."""
    from store.database import migrate as migrate_database

    session: _Session = context.obj
    for line in migrate_database(session.database, session.settings.resources) or ["already up to date"]:
        typer.echo(line)


@app.command(name="import")
def import_command(
    context: typer.Context,
    logs_dir: Annotated[Path, typer.Argument(metavar="LOGS_DIR", help="Folder of old logs.")],
    as_json: Json = False,
) -> None:
    """Import a folder of old JSON/JSONL logs. Importing twice stores nothing new."""
    from store.database import closing
    from store.database import migrate as migrate_database
    from store.importer import import_logs
    from tape.display import import_progress, print_import

    session: _Session = context.obj
    if not logs_dir.is_dir():
        raise typer.BadParameter(f"expected a folder, found nothing at {logs_dir}")
    migrate_database(session.database, session.settings.resources)
    with closing(session.open(read_only=False)) as connection, import_progress(logs_dir) as on_file:
        report = import_logs(connection, logs_dir, now=datetime.now(UTC), on_file=on_file)
    print_import(report, as_json=as_json)


@app.command()
def export(
    context: typer.Context,
    files: Annotated[
        list[str] | None, typer.Argument(metavar="[FILE ...]", help="nav or nav.json; all if none.")
    ] = None,
    as_of: Annotated[
        object,
        typer.Option(
            parser=_instant_or_newest,
            metavar="T",
            help="The instant (RFC 3339, UTC unless it says otherwise), or newest.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to write; else logs/state of the home folder.")
    ] = None,
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="Write the six JSONL logs whole instead (needs --out).")
    ] = False,
    as_json: Json = False,
) -> None:
    """Publish the contract's files, as of now or as of an instant."""
    from exporters.contract import STATE_FILES, state_file
    from exporters.jsonl_mirrors import write_logs
    from exporters.state_files import publish
    from store.database import closing
    from store.database import migrate as migrate_database
    from store.round import open_round
    from store.status import newest_event
    from tape.display import print_published

    session: _Session = context.obj
    try:
        chosen = [state_file(name) for name in files] if files else list(STATE_FILES)
    except KeyError as error:
        names = ", ".join(file.stem for file in STATE_FILES)
        raise typer.BadParameter(f"expected one of {names}, found {error.args[0]!r}") from None
    if jsonl and (out is None or out.resolve() == session.logs.resolve()):
        raise typer.BadParameter("--jsonl needs --out, and not the home's own logs folder")
    if not session.database.exists():
        migrate_database(session.database, session.settings.resources)
    with closing(session.open()) as connection:
        newest = newest_event(connection) if as_of == NEWEST else None
        instant = as_of if isinstance(as_of, datetime) else newest or datetime.now(UTC)
        with open_round(connection, as_of=instant, configured=session.settings.configured) as reading:
            if jsonl and out is not None:
                paths = write_logs(reading, out)
            else:
                paths = publish(reading, out or session.logs / "state", chosen)
    print_published(paths, out or session.logs / "state", instant, as_json=as_json)


@app.command()
def sql(
    context: typer.Context,
    query: Annotated[str, typer.Argument(metavar="QUERY", help='One statement, e.g. "from symbol_scores".')],
    as_of: AsOf = None,
    output: Annotated[str, typer.Option("--format", metavar="FORMAT", help="table, json, csv or arrow.")] = "table",
) -> None:
    """Ask the database, read-only. Views show the instant given with --as-of, else now."""
    from store.database import closing, set_clocks
    from store.query import one_select
    from tape.display import FORMATS, print_result

    if output not in FORMATS:
        raise typer.BadParameter(f"expected one of {', '.join(FORMATS)}, found {output!r}")
    session: _Session = context.obj
    with closing(session.open()) as connection:
        connection.execute("set enable_external_access = false")
        set_clocks(connection, as_of=as_of)
        connection.execute("set variable configured = ?", [session.settings.configured])
        print_result(connection.execute(one_select(query)), output)


@app.command()
def show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A view or table, e.g. symbol_scores.")],
    as_of: AsOf = None,
    limit: Annotated[int, typer.Option(min=1, help="Rows at the most.")] = 50,
    as_json: Json = False,
) -> None:
    """Show a view or a table."""
    from store.database import closing, set_clocks
    from store.status import relation_names
    from tape.display import print_result

    session: _Session = context.obj
    with closing(session.open()) as connection:
        names = relation_names(connection)
        if name not in names:
            raise typer.BadParameter(f"expected one of {', '.join(names)}, found {name!r}")
        set_clocks(connection, as_of=as_of)
        connection.execute("set variable configured = ?", [session.settings.configured])
        print_result(connection.execute(f'from "{name}" limit {limit}'), "json" if as_json else "table", title=name)


@app.command()
def status(context: typer.Context, as_json: Json = False) -> None:
    """Rows, first and last event per table, and the age of the published files."""
    from exporters.contract import STATE_FILES
    from store.database import closing
    from store.status import table_status
    from tape.display import print_status

    session: _Session = context.obj
    with closing(session.open()) as connection:
        tables = table_status(connection)
    now = datetime.now(UTC).timestamp()
    ages = {
        file.name: now - path.stat().st_mtime if (path := session.logs / "state" / file.name).exists() else None
        for file in STATE_FILES
    }
    print_status(tables, ages, as_json=as_json)


def run() -> None:
    """The program: runs a command and turns its failure into one line on stderr and an exit code."""
    try:
        code = app(args=sys.argv[1:] or ["--help"], standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt):
        _fail("interrupted", 1)
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
    raise SystemExit(code if isinstance(code, int) else 0)


def _is_expected(error: Exception) -> bool:
    import duckdb

    from store.errors import StoreError

    return isinstance(error, (StoreError, duckdb.Error))


def _fail(message: str, code: int) -> None:
    print(f"tape: {' '.join(message.split())}", file=sys.stderr)
    raise SystemExit(code)
