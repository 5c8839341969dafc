"""The values of an XLSX workbook's cells, written as their number formats show them.

calamine tells what a cell is worth and not how it is shown. Which format each cell has stands in
the XML of its sheet, which is looked through only where some format shows more than the value.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from posixpath import normpath
from typing import TYPE_CHECKING

from ingest.errors import CorruptFile
from ingest.loaders.number_formats import BUILT_IN, Writer, writer_of
from ingest.loaders.zipped import parse_xml

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

# What a broken part of an archive raises: then calamine, which needs it too, says what is wrong.
UNREADABLE = (
    *(KeyError, ValueError, EOFError, RuntimeError, OSError),
    *(CorruptFile, zipfile.BadZipFile, zlib.error),
)
_WORKBOOK = "xl/workbook.xml"
_PREFIX = re.compile(rb"<(\w*:?)worksheet\b")  # of the names of its elements
_PIECE = 1 << 20  # bytes of a sheet's XML that are looked through at a time
_LONGEST_TAG = 1000  # bytes


class CellFormats:
    """How the cells of a workbook show their values. Of a damaged one, and of XLSB: nothing."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._parts: dict[str, str] = {}  # name of a sheet -> where its XML is
        self._writers: dict[bytes, Writer] = {}  # number of a style -> its format
        self._styles = b""  # those numbers, as a pattern
        try:
            self._writers = _writers(parse_xml(archive.read("xl/styles.xml")))
            self._styles = b"|".join(self._writers)
            if self._writers:
                self._parts = dict(_sheets(archive))
        except UNREADABLE:
            self._writers = {}

    def shown(
        self, sheet: str, rows: Iterable[list[object]], first_column: int
    ) -> Iterable[list[object]]:
        """The values of a sheet's rows, from its first row on, as their cells show them.

        first_column: the number, from 0, of the column that the rows begin with.
        """
        part = self._parts.get(sheet)
        if part is None or not self._writers:
            return rows
        rows = list(rows)
        columns = {_letters(first_column + at): at for at in range(len(rows[0]) if rows else 0)}
        writers = self._writers
        last = b""
        values: list[object] = []
        for cells in self._styled_cells(part):
            for column, number, style in cells:
                if number != last:
                    last, row = number, int(number) - 1
                    values = rows[row] if 0 <= row < len(rows) else []
                at = columns.get(column)
                if at is not None and values:
                    values[at] = writers[style](values[at])
        return rows

    def _styled_cells(self, part: str) -> Iterator[Sequence[tuple[bytes, bytes, bytes]]]:
        """Column, row and style of the cells whose formats show more than their values."""
        rest = b""
        try:
            with self._archive.open(part) as source:
                piece = source.read(_PIECE)
                prefix = _PREFIX.search(piece)
                # Whoever writes the place of a cell at all writes it first.
                pattern = rb'<%sc r="([A-Z]{1,3})([0-9]{1,7})"[^>]*? s="(%s)"'
                cell = re.compile(pattern % (prefix[1] if prefix else b"", self._styles))
                while piece:
                    data = rest + piece
                    yield cell.findall(data)
                    start = data.rfind(b"<", -_LONGEST_TAG)
                    rest = data[start:] if start >= 0 and b">" not in data[start:] else b""
                    piece = source.read(_PIECE)
        except UNREADABLE:
            return


def _writers(styles: Element) -> dict[bytes, Writer]:
    codes = {
        int(each.get("numFmtId") or 0): each.get("formatCode") or ""
        for each in styles.iterfind("{*}numFmts/{*}numFmt")
    }
    known = {number: writer_of(code) for number, code in {**BUILT_IN, **codes}.items()}
    found: dict[bytes, Writer] = {}
    for style, cell in enumerate(styles.iterfind("{*}cellXfs/{*}xf")):
        writer = known.get(int(cell.get("numFmtId") or 0))
        if writer is not None:
            found[str(style).encode()] = writer
    return found


def _sheets(archive: zipfile.ZipFile) -> Iterator[tuple[str, str]]:
    relations = parse_xml(archive.read("xl/_rels/workbook.xml.rels"))
    targets = {each.get("Id"): each.get("Target") or "" for each in relations}
    for sheet in parse_xml(archive.read(_WORKBOOK)).iterfind("{*}sheets/{*}sheet"):
        ids = [value for name, value in sheet.attrib.items() if str(name).endswith("}id")]
        target = targets.get(ids[0], "") if ids else ""
        path = target[1:] if target.startswith("/") else normpath(f"xl/{target}")
        yield sheet.get("name") or "", path


def _letters(column: int) -> bytes:
    """The name of a column, counted from 0: A, B, ... Z, AA."""
    name = b""
    column += 1
    while column:
        column, letter = divmod(column - 1, 26)
        name = bytes([65 + letter]) + name
    return name
