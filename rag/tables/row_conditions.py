"""Which rows of a table a question means: those of "Berlin", "the open invoices in March". Pure.

Precise before it is helpful: every word has to be accounted for by a name or by all of a cell.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from rag.calendar_names import MONTHS
from rag.tables.cells import YEAR, table_terms
from rag.tables.times import months_of
from rag.tables.whole_tables import Row, Table
from rag.terms import is_negated

# A company is called without these, and a person too.
_NOT_CALLED = table_terms(
    "Ltd Limited Inc LLC LLP PLC Corp GmbH AG KG SE SA SARL SAS SL BV NV AB AS Oy Co Mr Mrs Ms Dr"
)
_MONTHS = {
    term: at
    for at, name in enumerate(MONTHS, start=1)
    for term in table_terms(f"in {name.capitalize()}")
}
MONTH_TERMS = frozenset(_MONTHS)
_ENDS = re.compile(
    r"\b(?:due|ends?|until|till|to|arriv\w*|arr|return\w*|expir\w*|paid|deliver\w*|clos\w*"
    r"|finish\w*|deadline|next)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Narrowed:
    """The rows that are meant, of their table. condition: how they are told; "" for all rows."""

    rows: Table
    condition: str


def narrowed(
    terms: frozenset[str],
    table: Table,
    *,
    named: frozenset[str],
    looked_at: Collection[int],
    phrasing: frozenset[str],
    accounted: frozenset[str],
    rows: Table | None = None,
) -> Narrowed | None:
    """The rows that have what is asked for; None where a term of it is not accounted for.

    named: the terms of what the table stands under. looked_at: the columns that are counted,
    compared or told, whose names need no cell. accounted: terms that are told otherwise. phrasing:
    terms that say nothing. rows: those of the table that may be meant; all by default.
    """
    rows = table if rows is None else rows
    conditions: dict[str, int] = {}
    left = (terms - accounted).difference(*(table.names[at] for at in looked_at))
    having = {term: table.cells_with(frozenset([term])) for term in left}
    # What a table is called may be what some of its rows are: "sales" of "sales_staff.csv".
    left = frozenset(term for term in left if term not in named or having[term])
    told_by = {at for term in left for at, cell in having[term] if _called(cell) <= terms}
    for term in sorted(left):
        cells = {
            (at, cell)
            for at, cell in having[term]
            if _called(cell) <= terms and not is_negated(cell)
        }
        if len(cells) == 1 < len(having[term]) and not any(
            table_terms(c) <= terms for _, c in cells
        ):
            return None  # "Miller" of "Miller Ltd" and "Miller & Sons"
        if len(cells) == 1:
            ((at, cell),) = cells
            rows = replace(rows, rows=tuple(r for r in rows.rows if r.cells[at] == cell))
            conditions[f"{table.columns[at]} {cell}".strip()] = at
        elif not cells and (of_period := _of_period(term, terms, table)) is not None:
            at, kept = of_period
            rows = replace(rows, rows=tuple(row for row in rows.rows if row in kept))
            conditions[f"{table.columns[at]} {term.capitalize()}".strip()] = at
            told_by.add(at)
        elif having[term]:
            return None
        elif columns_named := {at for at, name in enumerate(table.names) if term in name}:
            told_by |= {at for at in columns_named if _is_period_column(at, terms, table)}
            if not columns_named <= told_by:  # "paid" is a column that is not looked at
                return None
        elif term not in phrasing:
            return None
    if any(not row.cells[at] for at in conditions.values() for row in table.rows):
        return None  # merged cells, perhaps
    return Narrowed(rows, " and ".join(conditions))


def begins_or_none(columns: Sequence[int], table: Table) -> list[int]:
    """Of several columns of times those of when a thing is or begins: not when it ends, is due."""
    if len(columns) < 2:
        return list(columns)
    return [at for at in columns if not _ENDS.search(table.columns[at])]


def _called(cell: str) -> frozenset[str]:
    terms = table_terms(cell)
    return terms - _NOT_CALLED or terms


def _is_period_column(column: int, terms: frozenset[str], table: Table) -> bool:
    """Whether a month or a year that is asked for is one of this column."""
    found = [_of_period(term, terms, table) for term in terms]
    return any(each is not None and each[0] == column for each in found)


def _of_period(term: str, terms: frozenset[str], table: Table) -> tuple[int, frozenset[Row]] | None:
    """The one column of dates that a year or a month may be of, and its rows that are of it."""
    if YEAR.fullmatch(term):
        having = {
            at: frozenset(row for row in table.rows if term in table_terms(row.cells[at]))
            for at in range(len(table.columns))
            if all(YEAR.search(row.cells[at]) for row in table.rows)
        }
    elif month := _MONTHS.get(term):
        having = {
            at: frozenset(row for _, each, row in dated if each == month)
            for at in range(len(table.columns))
            if (dated := months_of(table, at))
            and (len({year for year, _, _ in dated}) == 1 or any(map(YEAR.fullmatch, terms)))
        }
    else:
        return None
    found = [at for at in having if table.names[at] & terms] or begins_or_none(list(having), table)
    return (found[0], having[found[0]]) if len(found) == 1 and having[found[0]] else None
