"""What may be asked of the store: one ``select`` or ``explain``, and nothing else."""

from __future__ import annotations

import duckdb

from store.errors import StoreError


class QueryRefused(StoreError):
    """A query is not one ``select`` or ``explain``."""

    def __init__(self, found: str) -> None:
        self.found = found
        super().__init__(f"query: expected one select or explain, found {found}")


def one_select(query: str) -> duckdb.Statement:
    """The query as one parsed statement.

    Raises:
        QueryRefused: it is none, several, or of another kind.
        duckdb.ParserException: it is no SQL.
    """
    statements = duckdb.extract_statements(query)
    if len(statements) != 1:
        raise QueryRefused(f"{len(statements)} statements" if statements else "nothing")
    if statements[0].type not in (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN):
        raise QueryRefused(statements[0].type.name.lower())
    return statements[0]
