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

        return open_database(self.database, self.settings.resources(), read_only=read_only)

    @property
    def has_owner(self) -> bool:
        from store.owner_lock import owner_pid

        return owner_pid(self.home) is not None

    def ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """The owner's answer."""
        from tape.door import ask

        return ask(self.home, request)

    def alone(self) -> None:
        """Refuses what needs the database to itself while an owner has it."""
        from store.owner_lock import refuse_beside_owner

        refuse_beside_owner(self.home)


NEWEST, MAX = "newest", "max"
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
    session.alone()
    for line in migrate_database(session.database, session.settings.resources()) or ["already up to date"]:
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
    session.alone()
    migrate_database(session.database, session.settings.resources())
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
    as_published: Annotated[
        int | None,
        typer.Option(metavar="ID", help="One publication of `tape show exports` again, to the byte (needs --out)."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Publish the contract's files, as of now or as of an instant."""
    from exporters.contract import STATE_FILES, state_file
    from tape.display import print_published

    session: _Session = context.obj
    if as_published is not None:
        if out is None or files or jsonl or as_of is not None:
            raise typer.BadParameter("--as-published needs --out, and neither FILE nor --as-of nor --jsonl")
        typer.echo(str(_republish(session, as_published, out.resolve())))
        return
    try:
        chosen = [state_file(name) for name in files] if files else list(STATE_FILES)
    except KeyError as error:
        names = ", ".join(file.stem for file in STATE_FILES)
        raise typer.BadParameter(f"expected one of {names}, found {error.args[0]!r}") from None
    if jsonl and (out is None or out.resolve() == session.logs.resolve()):
        raise typer.BadParameter("--jsonl needs --out, and not the home's own logs folder")
    folder = out or session.logs / "state"
    stems = [] if jsonl else [file.stem for file in chosen]
    export_here = _export_through_owner if session.has_owner else _export_from_file
    paths, instant = export_here(session, stems, as_of, folder)
    print_published(paths, folder, instant, as_json=as_json)


def _republish(session: _Session, export_id: int, folder: Path) -> Path:
    from exporters.publisher import republish
    from store.database import closing

    if session.has_owner:
        answer, _ = session.ask({"request": "republish", "export_id": export_id, "out": str(folder)})
        return Path(answer["path"])
    with closing(session.open()) as connection:
        return republish(connection, export_id, folder)


def _export_through_owner(
    session: _Session, names: list[str], as_of: object, folder: Path
) -> tuple[list[Path], datetime]:
    """Exports inside the owner; no names: the JSONL logs."""
    instant = as_of.isoformat() if isinstance(as_of, datetime) else as_of
    request = {"request": "export", "as_of": instant, "files": names, "out": str(folder.resolve())}
    answer, _ = session.ask(request)
    return [Path(path) for path in answer["paths"]], datetime.fromisoformat(answer["as_of"])


def _export_from_file(session: _Session, names: list[str], as_of: object, folder: Path) -> tuple[list[Path], datetime]:
    """Exports from the file, read-only; no names: the JSONL logs."""
    from exporters.contract import state_file
    from exporters.jsonl_mirrors import write_logs
    from exporters.state_files import publish
    from store.database import closing
    from store.database import migrate as migrate_database
    from store.round import open_round
    from store.status import newest_event

    if not session.database.exists():
        migrate_database(session.database, session.settings.resources())
    with closing(session.open()) as connection:
        newest = newest_event(connection) if as_of == NEWEST else None
        instant = as_of if isinstance(as_of, datetime) else newest or datetime.now(UTC)
        with open_round(connection, as_of=instant, configured=session.settings.configured) as reading:
            if names:
                return publish(reading, folder, [state_file(name) for name in names]), instant
            return write_logs(reading, folder), instant


@app.command()
def sql(
    context: typer.Context,
    query: Annotated[str, typer.Argument(metavar="QUERY", help='One statement, e.g. "from symbol_scores".')],
    as_of: AsOf = None,
    output: Annotated[str, typer.Option("--format", metavar="FORMAT", help="table, json, csv or arrow.")] = "table",
) -> None:
    """Ask the database, read-only. Views show the instant given with --as-of, else now."""
    from tape.display import FORMATS

    if output not in FORMATS:
        raise typer.BadParameter(f"expected one of {', '.join(FORMATS)}, found {output!r}")
    _print_query(context.obj, query, as_of, output)


@app.command()
def show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A view or table, e.g. symbol_scores.")],
    as_of: AsOf = None,
    limit: Annotated[int, typer.Option(min=1, help="Rows at the most.")] = 50,
    as_json: Json = False,
) -> None:
    """Show a view or a table."""
    from store.schema import METADATA
    from store.views import sql_objects

    names = sorted([*METADATA.tables, *(item.name for item in sql_objects() if not item.is_macro)])
    if name not in names:
        raise typer.BadParameter(f"expected one of {', '.join(names)}, found {name!r}")
    output = "json" if as_json else "table"
    _print_query(context.obj, f'from "{name}" limit {limit}', as_of, output, title=name)


def _print_query(
    session: _Session, query: str, as_of: datetime | None, output: str, *, title: str | None = None
) -> None:
    """Asks through the owner where one runs, else the file itself."""
    from store.database import closing, set_clocks
    from store.query import arrow_stream, one_select
    from store.status import relation_names
    from tape.display import print_rows

    if session.has_owner:
        instant = None if as_of is None else as_of.isoformat()
        answer, stream = session.ask({"request": "query", "sql": query, "as_of": instant, "format": output})
        if answer["is_cut"]:
            print(f"tape: only the first {session.settings.door.max_rows:,} rows are shown", file=sys.stderr)
        if output == "arrow":
            sys.stdout.buffer.write(stream)
        else:
            print_rows(answer["columns"], answer["rows"], output, title=title)
        return
    with closing(session.open()) as connection:
        connection.execute("set enable_external_access = false")
        set_clocks(connection, as_of=as_of)
        connection.execute("set variable configured = ?", [session.settings.configured])
        result = connection.execute(one_select(query, relation_names(connection)))
        if output == "arrow":
            sys.stdout.buffer.write(arrow_stream(result)[0])
        else:
            print_rows([column[0] for column in result.description or ()], result.fetchall(), output, title=title)


@app.command()
def status(context: typer.Context, as_json: Json = False) -> None:
    """Rows per table, age of the published files, what is stored of the journal, and how the owner does."""
    from tape.display import print_status

    session: _Session = context.obj
    if session.has_owner:
        answer, _ = session.ask({"request": "status"})
        del answer["ok"]
        print_status(answer, as_json=as_json)
        return
    from exporters.contract import STATE_FILES
    from exporters.firestore import sync_status
    from store.database import closing
    from store.ingest import certificates
    from store.status import table_status

    with closing(session.open()) as connection:
        tables = [vars(table) for table in table_status(connection)]
        journal = [vars(each) | {"gaps": each.gaps} for each in certificates(connection)]
    now = datetime.now(UTC).timestamp()
    ages = {
        file.name: {"age_s": now - path.stat().st_mtime if path.exists() else None}
        for file in STATE_FILES
        for path in [session.logs / "state" / file.name]
    }
    synced = sync_status(session.home, now)
    print_status({"tables": tables, "files": ages, "journal": journal, "sync": synced}, as_json=as_json)


@app.command()
def serve(context: typer.Context) -> None:
    """Own the database: store what is recorded, publish every file, answer queries. Ends with SIGTERM or Ctrl-C."""
    from tape.service import serve as serve_home

    session: _Session = context.obj
    serve_home(session.home, session.settings)


@app.command()
def sync(context: typer.Context) -> None:
    """Mirror the published files to Firestore as they change, in a process of its own. Ends with SIGTERM or Ctrl-C."""
    from tape.sync import sync as sync_home

    session: _Session = context.obj
    sync_home(session.home, session.settings)


def _speed(text: str) -> float | str:
    if text == MAX:
        return MAX
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise typer.BadParameter(f"expected {MAX} or a multiple of real time such as 60, found {text!r}")
    return speed


@app.command("run")
def run_runtime(
    context: typer.Context,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="End after so long; else with Ctrl-C.")] = None,
    replay: Annotated[
        Path | None,
        typer.Option(metavar="MARKET", help="Trade recorded candles (Parquet, CSV) or raw Binance frames instead."),
    ] = None,
    speed: Annotated[str, typer.Option(parser=_speed, metavar="X", help="Replay: max, or x times real time.")] = "max",
    seed: Annotated[int, typer.Option(help="Replay: the same seed gives the same database.")] = 1,
    interval: Annotated[
        float | None, typer.Option(min=0.05, help="Replay: seconds from tick to tick; else the market's own.")
    ] = None,
    publish_every: Annotated[
        float | None, typer.Option(min=1, help="Replay: its seconds from export to export; else two hours.")
    ] = None,
) -> None:
    """Run a whole trading runtime: executor, owner and exporters in one process, on paper money unless configured.

    With --replay it trades a recorded market on that market's clock, in a home without history, and ends with it.
    """
    session: _Session = context.obj
    if replay is None:
        from tape.run import run as run_home

        run_home(session.home, session.settings, seconds=seconds)
        return
    from tape.display import print_replayed, replay_progress
    from tape.replay import PUBLISH_EVERY_S
    from tape.replay import replay as replay_home

    with replay_progress() as tell:
        done = replay_home(
            session.home,
            session.settings,
            replay,
            speed=None if isinstance(speed, str) else speed,
            seed=seed,
            interval_s=interval,
            publish_every_s=publish_every or PUBLISH_EVERY_S,
            tell=tell,
        )
    print_replayed(done)


@app.command()
def toggle(
    context: typer.Context,
    symbol: Annotated[str, typer.Argument(help="Instrument, e.g. BTCUSDT.")],
    off: Annotated[bool, typer.Option("--off/--on", help="No new positions, or new positions again.")],
    minutes: Annotated[float | None, typer.Option(min=0, help="How long it is off; else until it is on again.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why, for the record.")] = None,
) -> None:
    """Switch a symbol off or on again: a record that the executor reads back from the published risk snapshot."""
    from datetime import timedelta

    from execution.events import SymbolToggled
    from store.journal import Journal

    session: _Session = context.obj
    now = datetime.now(UTC)
    until = now + timedelta(minutes=minutes) if off and minutes is not None else None
    toggled = SymbolToggled(ts=now, symbol=symbol, is_disabled=off, until_ts=until, reason=reason)
    with Journal(session.home, "ops") as journal:
        journal.record([toggled], durable=True)
    ends = "" if until is None else f" until {until:%Y-%m-%d %H:%M:%S} UTC"
    typer.echo(f"{toggled.symbol} {'off' if off else 'on'}{ends}: on record, in force with the next risk snapshot")


@app.command()
def backup(
    context: typer.Context, dest: Annotated[Path, typer.Argument(metavar="DEST", help="File, or folder.")]
) -> None:
    """Copy the database, also while its owner runs, and verify the copy."""
    from contextlib import nullcontext

    from store.backup import backup as backup_database
    from store.backup import dated_name
    from store.database import closing

    session: _Session = context.obj
    to = (dest / dated_name(datetime.now(UTC)) if dest.is_dir() else dest).resolve()
    if session.has_owner:
        session.ask({"request": "backup", "to": str(to)})
    else:
        with closing(session.open(read_only=False)) as connection:
            backup_database(connection, session.database, to, writing=nullcontext())
    typer.echo(str(to))


@app.command()
def load(
    context: typer.Context,
    rate: Annotated[float, typer.Option(min=1, help="Events a second, all producers together.")] = 200.0,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long.")] = 10.0,
    producers: Annotated[int, typer.Option(min=1, help="Processes that record.")] = 1,
    seed: Annotated[int, typer.Option(help="The same seed gives the same events.")] = 1,
    as_json: Json = False,
) -> None:
    """Record a realistic mix of all events through the real journal, and say how many of each."""
    from tape.display import print_loaded
    from tape.load import load as load_home

    session: _Session = context.obj
    print_loaded(load_home(session.home, rate=rate, seconds=seconds, producers=producers, seed=seed), as_json=as_json)


executor_app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@executor_app.command()
def execute(
    home: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Home folder; else TAPE_HOME, else the current folder."),
    ] = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="End after so long; else with Ctrl-C.")] = None,
) -> None:
    """Run the executor alone, beside `tape serve`."""
    from tape.run import run_executor

    session = _Session(home)
    run_executor(session.home, session.settings, seconds=seconds)


def run(program: typer.Typer = app) -> None:
    """The program: runs a command and turns its failure into one line on stderr and an exit code."""
    try:
        code = program(args=sys.argv[1:] or (["--help"] if program is app else []), standalone_mode=False)
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
