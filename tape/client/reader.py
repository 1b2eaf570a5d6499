"""The store in Python: what ``tape.connect(home)`` gives.

Laws kept here:
- nothing stays open between two questions, so a reader never stands in an owner's way, and lives through its restarts;
- a result is asked for in the form that is wanted (rows, or columns for Arrow, Polars and pandas), once each;
- a result that an owner cut says so (``is_cut``) and warns.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from datetime import datetime
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tape.client.client import Answer, Client
from tape.client.instants import instant
from tape.settings import home_folder
from tape.store.optional import optional, pyarrow

if TYPE_CHECKING:
    import pandas
    import polars


class ResultCut(UserWarning):
    """An owner gave only the first rows of a result."""


class Reader:
    """Asks the store of a home: through its owner where one runs, else the file, read-only, for each query."""

    def __init__(self, home: str | PathLike[str] | None = None) -> None:
        self.home = home_folder(None if home is None else Path(home))
        self._client = Client(self.home)

    def sql(self, query: str, as_of: datetime | str | None = None) -> Result:
        """One select. Views show ``as_of`` (a datetime or RFC 3339, without offset UTC), else now."""
        given = as_of.isoformat() if isinstance(as_of, datetime) else as_of
        return Result(self._client, query, None if given is None else instant(given))

    def __repr__(self) -> str:
        return f"tape.connect({str(self.home)!r})"


class Result:
    """What a query says, asked when a form of it is first wanted.

    Raises, where it is asked:
        StoreError: there is no database, the query is refused or fails, or the form needs what is not installed.
    """

    def __init__(self, client: Client, query: str, as_of: datetime | None) -> None:
        self._client, self.query, self.as_of = client, query, as_of

    def rows(self) -> list[dict[str, Any]]:
        """A dictionary for each row."""
        answer = self._answer
        return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.rows())

    @property
    def columns(self) -> list[str]:
        return self._answer.columns

    def arrow(self) -> Any:
        """A ``pyarrow.Table``."""
        return self._stream[0]

    def polars(self) -> polars.DataFrame:
        library = optional("polars", "polars needs polars and pyarrow: pip install polars 'tape[arrow]'")
        frame = library.from_arrow(self.arrow())
        return frame if isinstance(frame, library.DataFrame) else frame.to_frame()  # type: ignore[no-any-return]

    def pandas(self) -> pandas.DataFrame:
        optional("pandas", "pandas needs pandas and pyarrow: pip install pandas 'tape[arrow]'")  # for pyarrow
        frame: pandas.DataFrame = self.arrow().to_pandas()
        return frame

    @property
    def is_cut(self) -> bool:
        """Whether an owner gave only the first rows, as ``[door] max_rows`` has it."""
        return self._stream[1] if "_stream" in vars(self) else self._answer.is_cut

    @cached_property
    def _answer(self) -> Answer:
        answer = self._client.query(self.query, as_of=self.as_of)
        self._warn(answer.is_cut, len(answer.rows))
        return answer

    @cached_property
    def _stream(self) -> tuple[Any, bool]:
        reading = pyarrow()
        stream, is_cut = self._client.arrow(self.query, as_of=self.as_of)
        table = reading.ipc.open_stream(stream).read_all()
        self._warn(is_cut, table.num_rows)
        return table, is_cut

    def _warn(self, is_cut: bool, rows: int) -> None:
        if is_cut:
            warnings.warn(f"only the first {rows:,} rows: the owner's [door] max_rows", ResultCut, stacklevel=5)
