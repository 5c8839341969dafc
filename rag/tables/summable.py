"""What of a table can be added up, and what adds up the rest of it already. Pure; English only.

All that speaks against a sum: a wrong one looks as right as any.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from rag.calendar_names import SHORT_MONTHS
from rag.tables.cells import table_terms
from rag.tables.whole_tables import Table, figures_of, is_year

_IDENTIFIERS = table_terms(
    "no number nr id code place rank position year date phone zip postcode page"
)
_EACH = table_terms(
    "each unit rate single percent percentage share ratio index score average mean median avg"
)
_PRICE = table_terms("price cost fee charge")
HOW_MUCH_OF_IT = table_terms("quantity qty units pieces count number hours nights days")
_UNITS = table_terms("currency unit ccy uom measure")
# What there is at a time is not added up over times, nor what already adds them up.
_LEVELS = table_terms(
    "employees staff headcount debt balance cumulative population members stock inventory level"
    " assets customers users subscribers temperature capacity"
)
_ALWAYS_LEVELS = table_terms("balance cumulative running")
_TIME = re.compile(
    rf"\b(?:19|20)\d\d\b|\b(?:q[1-4]|h[12]|{'|'.join(SHORT_MONTHS)})\w*\b",
    re.IGNORECASE,
)
# A row with any of these in its name may sum up others; with one of the totals, it says so.
_TOTALS = frozenset(["total", "totals", "sum", "altogether", "overall"])
_SUMS_UP = re.compile(
    r"\b(?:totals?|sub-?totals?|sums?|grand|net|due|all|overall|altogether|thereof|of which|average"
    r"|mean|median|balance|combined|together|remaining|rest|group|team|before|after|incl\w*|excl\w*)\b",
    re.IGNORECASE,
)
_OF_A_SUM = 0.005
_EXACTLY = 1e-9
_FEW_VALUES = 30
_LONGEST_RUN = 40  # rows that a subtotal is looked for in; a sheet may have thousands


def sums_up(name: str) -> bool:
    """Whether a row of this name may sum up others, or be a part of one."""
    return _SUMS_UP.search(name) is not None


def says_total(name: str) -> bool:
    """Whether a row of this name says that it is the sum of all others."""
    return bool(_TOTALS & set(name.casefold().split()))


def is_identifier(column: int, table: Table) -> bool:
    """Whether the figures of a column are names: numbers of invoices, places, years."""
    return bool(table.names[column] & _IDENTIFIERS) or is_running_number(column, table)


def is_running_number(column: int, table: Table) -> bool:
    """Whether a column counts its rows: each value is one more than that above."""
    values = [figure.value for figure, _ in figures_of(table, column) or ()]
    return len(values) > 2 and all(after - before == 1 for before, after in pairwise(values))


def may_be_names(column: int, table: Table) -> bool:
    """Whether the cells of a column may be numbers of things: whole, bare, each another one."""
    cells = [row.cells[column] for row in table.rows]
    return all(map(str.isdecimal, cells)) and len(set(cells)) == len(cells)


def has_a_sum(values: Sequence[float]) -> bool:
    """Whether a value is that of two or more right above or below it, or of all the others.

    But for rounding, where they are few; of many some are nearly so by chance.
    """
    total = sum(values)
    share = _OF_A_SUM if len(values) <= _FEW_VALUES else _EXACTLY
    for at, value in enumerate(values):
        if not value:
            continue
        if len(values) > 2 and are_alike(value, total - value, share=share):
            return True
        above = values[max(0, at - _LONGEST_RUN) : at][::-1]
        for run in (above, values[at + 1 : at + 1 + _LONGEST_RUN]):
            added = 0.0
            for count, each in enumerate(run, start=1):
                added += each
                if count > 1 and are_alike(value, added, share=share):
                    return True
    return False


def are_alike(one: float, other: float, *, share: float = _OF_A_SUM) -> bool:
    """Whether two figures are the same but for such a share of the first."""
    return abs(one - other) <= share * abs(one)


def adds_nothing_up(column: int, table: Table, *, is_mean: bool) -> bool:
    """Whether the sum or the mean of a column says nothing: of prices a piece, years, shares."""
    name = table.names[column]
    if is_year(name) or name & (_EACH | _ALWAYS_LEVELS):
        return True
    if any("%" in row.cells[column] for row in table.rows) or _has_units(column, table):
        return True
    if is_mean:
        return False
    others = frozenset[str]().union(*(each for at, each in enumerate(table.names) if at != column))
    over_time = all(_TIME.search(row.cells[0]) for row in table.rows)
    return bool((name & _PRICE and others & HOW_MUCH_OF_IT) or (over_time and name & _LEVELS))


def _has_units(column: int, table: Table) -> bool:
    """Whether another column says that the values are of several units."""
    return any(
        len({row.cells[at] for row in table.rows}) > 1
        for at, name in enumerate(table.names)
        if at != column and name and name <= _UNITS
    )


def last_sums_up(table: Table) -> bool:
    """Whether the last row has the sum of the others in some column."""
    for column in range(1, len(table.columns)):
        values = [figure.value for figure, _ in figures_of(table, column) or ()]
        if len(values) > 2 and values[-1] and are_alike(values[-1], sum(values[:-1])):
            return True
    return False
