"""A table of a PDF page: rows of cells, and whether it deserves the name. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median

from ingest.loaders.pdf_words import Piece

_MOST_CELL_CHARACTERS = 400

Cells = list[list[Piece]]  # of one row, by column


@dataclass(slots=True)
class Table:
    """Rows of cells; a cell is the pieces in it, in reading order."""

    rows: list[Cells] = field(default_factory=list)


def spans_of(table: Table) -> Iterator[tuple[int, int]]:
    """[start, end) in the page's text of every word in a table."""
    for row in table.rows:
        for cell in row:
            for piece in cell:
                yield from piece.spans


def without_empty(rows: list[Cells]) -> list[Cells]:
    """The rows less those, and the columns, that have nothing in any cell."""
    rows = [row for row in rows if any(row)]
    used = [i for i in range(len(rows[0])) if any(row[i] for row in rows)] if rows else []
    return [[row[i] for i in used] for row in rows]


def is_table(table: Table) -> bool:
    """Two rows and columns at least, and cells that are no paragraphs."""
    if len(table.rows) < 2 or len(table.rows[0]) < 2:
        return False
    filled = [cell for row in table.rows for cell in row if cell]
    sizes = [sum(end - start for piece in cell for start, end in piece.spans) for cell in filled]
    return len(filled) >= 4 and max(sizes) <= 4 * _MOST_CELL_CHARACTERS and median(sizes) <= 120
