"""The rows behind a value as SQL: a select of ``tape.store.lineage.trace`` without its grouping."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tape.store.lineage.selects import Ref, Select
from tape.store.lineage.trace import Rows
from tape.store.query.tree import Node, select_tree, unparse

KEYS = ("ts", "event_id", "symbol")
"""What tells a row from others; shown where the rows have it and it is not the same in all."""


@dataclass(frozen=True)
class RowsQuery:
    """Rows of a relation, the most relevant first."""

    relation: str
    columns: tuple[str, ...]
    every: str
    """All of them, in no order."""
    order: str

    def first(self, limit: int) -> str:
        names = ", ".join(f'"{name}"' for name in self.columns)
        return f"select {names} from ({self.every}) as behind{self.order} limit {limit}"

    @property
    def count(self) -> str:
        return f"select count(*) as count from ({self.every}) as behind"


def rows_query(rows: Rows) -> RowsQuery:
    """Return the query for the rows of one source: the columns ``KEYS``, then the columns that the value uses."""
    pinned = {ref.column for ref in rows.conditions if ref.alias == rows.alias}
    names = [name for name in KEYS if name in rows.source.columns and name not in pinned]
    names += [name for name in rows.columns if name not in names]
    order = _order(rows)
    words = ", ".join(f'"{name}" {way}' for name, way in order)
    every = unparse(_ungrouped(rows, [*names, *(name for name, _ in order if name not in names)]))
    return RowsQuery(rows.relation, tuple(names), every, f" order by {words}" if words else "")


def _ungrouped(rows: Rows, names: list[str]) -> Node:
    """Return the select without its grouping; picks of rows stay."""
    select = rows.select
    node: Node = json.loads(json.dumps(select.node))
    columns = [_column(Ref(rows.alias, name)) for name in names]
    if select.is_grouped:
        node |= {"group_expressions": [], "group_sets": [], "having": None, "aggregate_handling": "STANDARD_HANDLING"}
        node |= {"modifiers": [], "select_list": columns}
    else:
        # a pick may look at outputs of its own
        node["modifiers"] = [each for each in node["modifiers"] if each["type"] != "DISTINCT_MODIFIER"]
        node["select_list"] += [each for each in columns if each["column_names"][-1] not in select.outputs]
    said = select.said(select.node["where_clause"])
    asked = [_equals(ref, text) for ref, text in rows.conditions.items() if ref not in said]
    node["where_clause"] = _all_of([node["where_clause"], _common_filter(rows.calls), *asked])
    node["cte_map"] = {"map": [*_outer_ctes(select), *node["cte_map"]["map"]]}
    return node


def _outer_ctes(select: Select) -> list[Node]:
    """Return the CTEs of the view that an inner select may name, without those that it defines itself."""
    outer = select_tree(select.view)["cte_map"]["map"]
    own = {cte["key"] for cte in select.node["cte_map"]["map"]}
    return [cte for cte in outer if cte["key"] in select.ctes and cte["key"] not in own]


def _common_filter(calls: list[Node]) -> Node | None:
    """Return the filter that all aggregates over the rows share."""
    filters = [call["filter"] for call in calls]
    return filters[0] if filters and all(each == filters[0] for each in filters) else None


def _order(rows: Rows) -> list[tuple[str, str]]:
    """Return the order of the rows: highest or lowest first if the value is a max or min, else newest first."""
    order = [("ts", "desc"), ("ingest_seq", "desc")]
    if len(rows.calls) == 1 and (call := rows.calls[0])["function_name"] in ("max", "min", "arg_min"):
        argument = call["children"][-1]
        if argument["class"] == "COLUMN_REF":
            order.insert(0, (argument["column_names"][-1], "desc" if call["function_name"] == "max" else "asc"))
    return [(name, way) for name, way in order if name in rows.source.columns]


def _column(ref: Ref) -> Node:
    names = [ref.alias, str(ref.column)]
    return {"class": "COLUMN_REF", "type": "COLUMN_REF", "alias": "", "query_location": 0, "column_names": names}


def _equals(ref: Ref, text: str) -> Node:
    value = {"type": {"id": "VARCHAR", "type_info": None}, "is_null": False, "value": text}
    constant = {"class": "CONSTANT", "type": "VALUE_CONSTANT", "alias": "", "query_location": 0, "value": value}
    comparison = {"class": "COMPARISON", "type": "COMPARE_EQUAL", "alias": "", "query_location": 0}
    return comparison | {"left": _column(ref), "right": constant}


def _all_of(conditions: list[Node | None]) -> Node | None:
    given = [each for each in conditions if each is not None]
    if len(given) < 2:
        return given[0] if given else None
    conjunction = {"class": "CONJUNCTION", "type": "CONJUNCTION_AND", "alias": "", "query_location": 0}
    return conjunction | {"children": given}
