"""The pages of a document -> its balance sheet, income and cash flow statement, and their rows.

Pure. A page counts as a statement when its rows are those of one; of several, the one that has the
statement's name above it comes first, since summaries and notes repeat its rows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from ingest.documents import Page
from rag.accounts.tables import Row, Table, find_tables


class Statement(Enum):
    """Which of the statements of account; the value is its name in an answer."""

    BALANCE = "balance sheet"
    INCOME = "income statement"
    CASH_FLOW = "cash flow statement"


@dataclass(frozen=True, slots=True)
class Item:
    """A line of a statement.

    name: as an answer calls it. rows: what statements call it, as regular expressions of a whole
    label in lower case, best first. is_outflow: shown in brackets, and asked for without them.
    parts: rows that are added up where a heading that fits has no figures of its own.
    """

    name: str
    statement: Statement
    rows: tuple[str, ...]
    is_outflow: bool = False
    parts: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """The lines of a statement from a heading to a sum. first, last: as Item.rows."""

    name: str
    statement: Statement
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Figure:
    """What a statement says of an item in a year. value: with the scale applied.

    rows: where it stands, on the page page_index (0-based).
    """

    value: float
    table: Table
    page_index: int
    rows: tuple[Row, ...]


# Labels that make a page a statement: any of each line.
_MARKS: dict[Statement, tuple[str, ...]] = {
    Statement.BALANCE: (r"total assets", r".*\bliabilities\b.*"),
    Statement.INCOME: (
        r"net (?:income|earnings|loss|profit|\(loss\)).*|profit.* for the (?:year|period).*",
        r".*\b(?:sales|revenues?)\b.*",
    ),
    Statement.CASH_FLOW: (r".*\bcash\b.*\b(?:operat|invest|financ)ing\b.*",),
}
# Compared without white space: "Consolidated Balance Shee t".
_TITLES: dict[Statement, re.Pattern[str]] = {
    Statement.BALANCE: re.compile(r"balancesheet|financialposition|financialcondition"),
    Statement.INCOME: re.compile(
        r"statements?of(?:consolidated)?(?:net)?(?:income|operations|earnings|profit)|incomestatement"
    ),
    Statement.CASH_FLOW: re.compile(r"statements?of(?:consolidated)?cashflows?|cashflowstatement"),
}
_LEAST_ROWS = 5
_MOST_TITLE_CHARS = 100
_TITLE_LINES = 8


class Statements:
    """The statements of one document. pages: all of it, in order."""

    def __init__(self, pages: Sequence[Page]) -> None:
        found: dict[Statement, list[tuple[bool, int, Table]]] = {kind: [] for kind in Statement}
        for page_index, page in enumerate(pages):
            if " | " not in page.text:
                continue
            head = _headlines(page.text)
            for table in find_tables(page.text):
                for kind in Statement:
                    if _is(table, kind):
                        titled = any(_TITLES[kind].search(line) for line in head)
                        found[kind].append((not titled, page_index, table))
        # The sort is stable: in the order of the document.
        self._tables = {
            kind: [(index, table) for _, index, table in sorted(tables, key=lambda each: each[:2])]
            for kind, tables in found.items()
        }

    @property
    def is_empty(self) -> bool:
        """Whether the document has none."""
        return not any(self._tables.values())

    def years(self, kind: Statement) -> tuple[int, ...]:
        """The years of the first table of a statement, latest first; () without one."""
        tables = self._tables[kind]
        return tuple(sorted({y for y in tables[0][1].years if y}, reverse=True)) if tables else ()

    def tables(self, kind: Statement) -> list[tuple[int, Table]]:
        """(page index, table) of a statement, the likeliest first."""
        return self._tables[kind]

    def figure(self, item: Item, year: int) -> Figure | None:
        """What the statements say of an item in a year; None where none does."""
        for page_index, table in self._tables[item.statement]:
            column = _column(table, year)
            if column is None:
                continue
            rows = _rows_of(item, table)
            if rows:
                value = sum(row.figures[column] for row in rows) * table.scale
                value = abs(value) if item.is_outflow else value
                return Figure(value, table, page_index, rows)
        return None

    def section(self, section: Section, year: int) -> list[Figure]:
        """The lines of a section in a year, without its sums; [] where there is none."""
        for page_index, table in self._tables[section.statement]:
            column = _column(table, year)
            rows = _rows_of_section(section, table)
            if column is not None and rows:
                return [
                    Figure(row.figures[column] * table.scale, table, page_index, (row,))
                    for row in rows
                ]
        return []


def _headlines(text: str) -> list[str]:
    """The short lines at the top of a page, in lower case without white space."""
    lines = [line for line in text.split("\n") if line.strip()][:_TITLE_LINES]
    return ["".join(line.lower().split()) for line in lines if len(line) <= _MOST_TITLE_CHARS]


def _is(table: Table, kind: Statement) -> bool:
    labels = [row.label.lower() for row in table.rows if row.figures]
    return len(labels) >= _LEAST_ROWS and all(
        any(re.fullmatch(mark, label) for label in labels) for mark in _MARKS[kind]
    )


def _column(table: Table, year: int) -> int | None:
    """The column of a year; None where there is none, or more than one (quarters and halves)."""
    columns = [number for number, each in enumerate(table.years) if each == year]
    return columns[0] if len(columns) == 1 else None


def _rows_of(item: Item, table: Table) -> tuple[Row, ...]:
    """The row of an item, or the rows that make it up."""
    for pattern in item.rows:
        for number, row in enumerate(table.rows):
            if not re.fullmatch(pattern, _bare(row.label)):
                continue
            if row.figures:
                return (row,)
            if item.parts:
                parts: list[Row] = []
                for part in table.rows[number + 1 :]:
                    if not (part.figures and re.fullmatch(item.parts, _bare(part.label))):
                        break
                    parts.append(part)
                if parts:
                    return tuple(parts)
    return ()


def _rows_of_section(section: Section, table: Table) -> list[Row]:
    labels = [_bare(row.label) for row in table.rows]
    first = next((n for n, each in enumerate(labels) if re.fullmatch(section.first, each)), None)
    if first is None:
        return []
    for number in range(first + 1, len(labels)):
        if re.fullmatch(section.last, labels[number]):
            inside = zip(table.rows[first:number], labels[first:number], strict=True)
            return [row for row, label in inside if row.figures and not label.startswith("total")]
    return []


def _bare(label: str) -> str:
    """A label in lower case, one kind of dash and apostrophe, without brackets ("(loss)")."""
    plain = re.sub(r"\([^)]*\)", " ", label.lower().replace("’", "'"))
    return " ".join(re.sub(r"[—–]", "-", plain).split()).strip(" :-,")
