"""How the cells of an XLS workbook, of before 2007, show their values.

calamine tells what a cell is worth and not how it is shown; xlrd, which reads nothing else, tells
which number format each cell has.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.loaders.number_formats import BUILT_IN, Writer, writer_of

if TYPE_CHECKING:
    import xlrd

# xlrd takes ten times as long as calamine: of a larger workbook the values are read as they are.
_MOST_BYTES = 16_000_000


class OldCellFormats:
    """How the cells of a workbook show their values. Of one that xlrd cannot read: nothing."""

    def __init__(self, path: Path) -> None:
        import xlrd

        self._book: xlrd.Book | None = None
        self._writers: dict[int, Writer] = {}  # number of a style -> its format
        if path.stat().st_size > _MOST_BYTES:
            return
        with suppress(Exception):  # of a parser before hostile bytes: calamine says what is wrong
            self._book = xlrd.open_workbook(
                str(path), formatting_info=True, on_demand=True, logfile=io.StringIO()
            )
        if self._book is not None:
            self._writers = _writers(self._book)

    def shown(
        self, sheet: str, rows: Iterable[list[object]], first_column: int
    ) -> Iterable[list[object]]:
        """The values of a sheet's rows, from its first row on, as their cells show them.

        first_column: the number, from 0, of the column that the rows begin with.
        """
        if self._book is None or not self._writers:
            return rows
        rows = list(rows)
        try:
            styled = self._book.sheet_by_name(sheet)
        except Exception:  # as above
            return rows
        for number, row in enumerate(rows[: styled.nrows]):
            for at in range(min(len(row), styled.row_len(number) - first_column)):
                style = styled.cell_xf_index(number, first_column + at)
                if (writer := self._writers.get(style)) is not None:
                    value = row[at]
                    row[at] = writer(float(value) if type(value) is int else value)
        self._book.unload_sheet(sheet)
        return rows


def _writers(book: xlrd.Book) -> dict[int, Writer]:
    codes = {number: each.format_str or "" for number, each in book.format_map.items()}
    known = {number: writer_of(code) for number, code in {**codes, **BUILT_IN}.items()}
    return {
        style: writer
        for style, cell in enumerate(book.xf_list)
        if (writer := known.get(cell.format_key)) is not None
    }
