"""The store in Python: the object that ``tape.connect(home)`` returns.

Laws kept here:
- nothing stays open between two queries, so a reader never blocks an owner, and survives the owner's restarts;
- a result is fetched in the form that is used (rows, or columns for Arrow, Polars and pandas), once for each form;
- every row is returned; iterating over a result keeps only some rows in memory at a time.
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import UTC, datetime
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tape.client.client import Answer, Client
from tape.client.instants import Given, instant
from tape.settings import home_folder
from tape.store.optional import optional, pyarrow

if TYPE_CHECKING:
    import pandas
    import polars


class Reader:
    """Queries the store of a home: through its owner if one runs, else the file, read-only, opened for each query."""

    def __init__(self, home: str | PathLike[str] | None = None) -> None:
        self.home = home_folder(None if home is None else Path(home))
        self._client = Client(self.home)

    def sql(self, query: str, as_of: datetime | str | None = None) -> Result:
        """Return one select. Views show ``as_of`` (a datetime, or text such as ``newest``, ``-2h``, RFC 3339) or now.

        Text without an offset is UTC.

        Raises:
            NoInstant: the text is not an instant.
        """
        given = as_of.isoformat() if isinstance(as_of, datetime) else as_of
        return Result(self._client, query, None if given is None else instant(given, datetime.now(UTC)))

    def __repr__(self) -> str:
        return f"tape.connect({str(self.home)!r})"


class Result:
    """The result of a query, which runs when a form of the result is first used.

    Raises, when the query runs: StoreError: there is no database, the query is refused or fails, or a library for the
    form is missing.
    """

    def __init__(self, client: Client, query: str, as_of: Given | None) -> None:
        self._client, self.query, self._given = client, query, as_of

    @cached_property
    def as_of(self) -> datetime | None:
        """The instant that views show; ``None`` for now."""
        return self._client.at(self._given)

    def rows(self) -> list[dict[str, Any]]:
        """The rows, a dictionary for each."""
        answer = self._answer
        return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]

    def __iter__(self) -> Generator[dict[str, Any], None, None]:
        """Yield a dictionary for each row as it comes; the query runs again unless ``rows`` has been used."""
        if "_answer" in vars(self):
            yield from self.rows()
            return
        with self._client.stream(self.query, as_of=self.as_of) as rows:
            for row in rows:
                yield dict(zip(rows.columns, row, strict=True))

    @property
    def columns(self) -> list[str]:
        return self._answer.columns

    def arrow(self) -> Any:
        """Return a ``pyarrow.Table``."""
        return self._table

    def polars(self) -> polars.DataFrame:
        library = optional("polars", "polars needs polars and pyarrow: pip install polars 'tape[arrow]'")
        frame = library.from_arrow(self.arrow())
        return frame if isinstance(frame, library.DataFrame) else frame.to_frame()  # type: ignore[no-any-return]

    def pandas(self) -> pandas.DataFrame:
        optional("pandas", "pandas needs pandas and pyarrow: pip install pandas 'tape[arrow]'")  # for pyarrow
        frame: pandas.DataFrame = self.arrow().to_pandas()
        return frame

    @cached_property
    def _answer(self) -> Answer:
        return self._client.query(self.query, as_of=self.as_of)

    @cached_property
    def _table(self) -> Any:
        reading = pyarrow()
        kept = reading.BufferOutputStream()
        with self._client.arrow(self.query, as_of=self.as_of) as parts:
            for part in parts:
                kept.write(part)
        return reading.ipc.open_stream(kept.getvalue()).read_all()
