"""How the cells of an ODS workbook show their values, and which of them are merged.

A cell has the text that it shows beside its value; calamine gives the value alone.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ingest.loaders.cell_formats import UNREADABLE
from ingest.loaders.merged_cells import Merge
from ingest.loaders.zipped import parse_xml, stated_count

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_CONTENT = "content.xml"
# Some 10,000 rows of eight columns. Of a longer sheet the values are read as they are: reading
# what is shown takes as long again as all the rest.
_MOST_BYTES = 16_000_000
_MOST_REPEATS = 100  # of a cell that has something in it
_MOST_SHOWN = 1_000_000  # cells of a sheet
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_KIND = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}value-type"
_SHOWN_KINDS = frozenset(["float", "percentage", "currency", "time"])
_CELLS = (f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell")


@dataclass(slots=True)
class _Sheet:
    shown: list[tuple[int, int, str]] = field(default_factory=list)  # row, column, text
    merges: list[Merge] = field(default_factory=list)


class ShownCells:
    """What the sheets of a workbook show. Of a damaged one, and of a very large one: nothing."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._sheets: dict[str, _Sheet] = {}
        try:
            if archive.getinfo(_CONTENT).file_size > _MOST_BYTES:
                return
            content = parse_xml(archive.read(_CONTENT))
        except UNREADABLE:
            return
        for table in content.iterfind("{*}body/{*}spreadsheet/{*}table"):
            self._sheets[table.get(f"{_TABLE}name") or ""] = _sheet(table)

    def shown(
        self, sheet: str, rows: Iterable[list[object]], first_column: int
    ) -> Iterable[list[object]]:
        """A sheet's rows, from its first row on, with what cells show in the place of values.

        first_column: the number, from 0, of the column that the rows begin with.
        """
        shown = self._sheets.get(sheet, _Sheet()).shown
        if not shown:
            return rows
        rows = list(rows)
        for row, column, text in shown:
            at = column - first_column
            if row < len(rows) and 0 <= at < len(rows[row]) and rows[row][at] != "":
                rows[row][at] = text
        return rows

    def merges(self, sheet: str) -> list[Merge]:
        """The merged cells of a sheet."""
        return self._sheets.get(sheet, _Sheet()).merges


def _sheet(table: Element) -> _Sheet:
    sheet = _Sheet()
    number = 0
    for row in table.iter(f"{_TABLE}table-row"):
        repeats = _count(row, "number-rows-repeated")
        for column, cell in _cells(row):
            width = _count(cell, "number-columns-spanned")
            height = _count(cell, "number-rows-spanned")
            if width > 1 or height > 1:
                sheet.merges.append(Merge(number, column, number + height - 1, column + width - 1))
            is_shown = cell.get(_KIND) in _SHOWN_KINDS and len(sheet.shown) < _MOST_SHOWN
            if is_shown and (text := _text(cell)):
                columns = range(min(_count(cell, "number-columns-repeated"), _MOST_REPEATS))
                sheet.shown += [
                    (number + down, column + across, text)
                    for down in range(min(repeats, _MOST_REPEATS))
                    for across in columns
                ]
        number += repeats
    return sheet


def _cells(row: Element) -> Iterator[tuple[int, Element]]:
    column = 0
    for cell in row:
        if cell.tag in _CELLS:
            yield column, cell
            column += _count(cell, "number-columns-repeated")


def _text(cell: Element) -> str:
    paragraphs = cell.iterchildren(f"{_TEXT}p")
    return " ".join(" ".join("".join(map(str, p.itertext())).split()) for p in paragraphs)


def _count(element: Element, name: str) -> int:
    return stated_count(element, f"{_TABLE}{name}", most_digits=7)  # a sheet has a million rows
