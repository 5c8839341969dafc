"""Rows and cells of a table that a question names. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rag.sentences import is_row
from rag.terms import content_terms

_BRACKETS = re.compile(r"(?<!\s)\s*\([^()]*\)")
_HOW_LONG = re.compile(r"\bhow long\b", re.IGNORECASE)
MONEY = re.compile(
    r"[€$£¥]|\b(?:cents?|pence|euros?|dollars?|pounds?|eur|usd|gbp|chf|jpy)\b", re.IGNORECASE
)
_PERIODS = {
    "hourly": "hour",
    "daily": "day",
    "weekly": "week",
    "monthly": "month",
    "quarterly": "quarter",
    "yearly": "year",
    "annual": "year",
    "annually": "year",
}
_PERIOD = re.compile(rf"\b(?:{'|'.join(_PERIODS)})\b", re.IGNORECASE)


def table_terms(text: str) -> frozenset[str]:
    """The content terms of a question or a column's name; "monthly" and "a month" are alike."""
    return content_terms(_PERIOD.sub(lambda match: _PERIODS[match.group().casefold()], text))


def names_row(question: str, text: str) -> bool:
    """Whether a text is a row of a table, and the question has all words of its first cell."""
    name = content_terms(cells_of(text)[0])
    return is_row(text) and bool(name) and name <= content_terms(question)


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table, and what its row and its column are called."""

    row: str
    column: str
    text: str


def asked_cell(question: str, header: str, row: str) -> Cell | None:
    """The cell of a row that stands in the one column the question names; None where none does.

    header: the lines above the row, of which the last one of as many cells names the columns; what
    they have in brackets need not be named. The row's name, of which the question has to have a
    word, is its first cell, or else the first other one without figures. A column may be named
    only to say what is asked about it: how long a price holds is not told by the price.
    """
    if not header:
        return None
    asked = table_terms(question)
    cells = cells_of(row)
    names = [at for at, cell in enumerate(cells) if at == 0 or not any(map(str.isdigit, cell))]
    subject = next((at for at in names if table_terms(cells[at]) & asked), None)
    if subject is None:
        return None
    own = table_terms(cells[subject]) & asked
    for line in reversed(header.splitlines()):
        if not is_row(line):
            continue
        columns = cells_of(line)
        terms = [
            table_terms(_BRACKETS.sub("", column) or column) if at != subject else frozenset()
            for at, column in enumerate(columns)
        ]
        if len(columns) != len(cells) or not any(terms):
            continue
        named = [place for place, each in enumerate(terms) if each - own and each <= asked]
        if len(named) != 1 or not cells[named[0]]:
            return None
        known = terms[named[0]] | own
        if any(each & asked - known for each in terms):
            return None  # another column has words of the question that this one lacks
        found = Cell(cells[subject], columns[named[0]], cells[named[0]])
        return None if _HOW_LONG.search(question) and MONEY.search(found.text) else found
    return None


def cells_of(line: str) -> list[str]:
    """The cells of a row, without white space around them."""
    line = line.strip()
    if line.startswith("|") and line.endswith("|") and len(line) > 1:  # as Markdown writes rows
        line = line[1:-1]
    return [cell.strip() for cell in line.split("|")]
