"""Merged cells of a table -> rows that can be read alone. Pure.

A merged cell has its text once, in its first row and column: the rows below would not say what
they are of, and the columns not which year's they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

_LONGEST_LABEL = 80  # characters; what is longer is a note beside the rows
_MOST_FILLED = 200_000  # cells of a table; merged cells of damaged files overlap
_PERIOD = re.compile(r"(?:19|20)\d\d(?:-\d\d)?(?:-\d\d)?(?: \d\d:\d\d(?::\d\d)?)?")
_MONTH = re.compile(
    r"\b(?:(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*|[1-4]Q|[12]H)\b", re.IGNORECASE
)
_OF_A_YEAR = re.compile(r"(?:19|20)\d\d(?![\d.,])")  # "2024 (planned)"
_VALUE = re.compile(r"(?:[A-Z]{3}\b)?\W*\d")


class Merge(NamedTuple):
    """The first and the last row and column of a merged cell, counted from 0 as the table's are."""

    top: int
    left: int
    bottom: int
    right: int

    def moved(self, columns: int) -> Merge:
        """The same of a table that has so many columns more before this one's."""
        return self._replace(left=self.left + columns, right=self.right + columns)


def spread(rows: list[list[str]], merges: Iterable[Merge]) -> None:
    """Write what merged cells say into the rows below and the names of the columns below them."""
    merges = sorted(merge for merge in merges if merge.left >= 0)
    _name_columns(rows, [merge for merge in merges if merge.top == merge.bottom])
    _fill_down(rows, [merge for merge in merges if merge.top < merge.bottom])


def _fill_down(rows: list[list[str]], merges: Sequence[Merge]) -> None:
    """Repeat labels in the rows that they are merged over and that say something else, too.

    A figure stands once: it is one of all its rows together, and would be added up.
    """
    first = min((at for row in rows for at, cell in enumerate(row) if cell), default=0)
    left_over = _MOST_FILLED
    for top, left, bottom, right in merges:
        label = _at(rows[top], left) if top < len(rows) else ""
        if not label or len(label) > _LONGEST_LABEL or (left > first and _is_value(label)):
            continue
        for row in rows[top + 1 : min(bottom + 1, top + 1 + left_over)]:
            left_over -= 1
            if any(row[:left]) or any(row[right + 1 :]):
                row += [""] * (left + 1 - len(row))
                row[left] = row[left] or label


def _name_columns(rows: list[list[str]], merges: Sequence[Merge]) -> None:
    """Join a row of names over several columns each with the row of the columns' own names."""
    for top in sorted({merge.top for merge in merges}):
        wide = [merge for merge in merges if merge.top == top and merge.right > merge.left]
        if not wide or top + 2 >= len(rows) or (top > 0 and sum(map(bool, rows[top - 1])) > 1):
            continue
        row, below = rows[top], rows[top + 1]
        if _are_names_over(row, below, wide):
            over = {at: row[left] for _, left, _, right in wide for at in range(left, right + 1)}
            rows[top + 1] = [
                f"{over[at]} {_at(below, at)}" if over.get(at) else _at(below, at) or _at(row, at)
                for at in range(max(len(row), len(below)))
            ]
            rows[top] = []


def _are_names_over(row: Sequence[str], below: Sequence[str], wide: Sequence[Merge]) -> bool:
    """Whether merged cells of one row name the columns that the next row has the names of."""
    cells = (*row, *below)
    if any(len(cell) > _LONGEST_LABEL for cell in cells) or any(
        _is_value(cell) and not _OF_A_YEAR.match(cell) for cell in cells
    ):
        return False
    over = {at for _, left, _, right in wide if _at(row, left) for at in range(left, right + 1)}
    if not over or not all(_at(below, at) for at in over):
        return False
    if any(cell and _at(below, at) for at, cell in enumerate(row) if at not in over):
        return False  # the row has names of its own: the next one is of data
    # One alone that begins where the table does is its title.
    return sum(map(bool, row)) > 1 or any(below[: min(over)])


def _at(row: Sequence[str], column: int) -> str:
    return row[column] if column < len(row) else ""


def _is_value(text: str) -> bool:
    """Whether a text is a figure, with its unit or without; a year or a date is none."""
    if not _VALUE.match(text):
        return False
    return not _PERIOD.fullmatch(text) and not _MONTH.search(text)
