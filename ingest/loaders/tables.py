"""Tables of their own: CSV, and the sheets of XLSX, XLS and ODS by calamine, a Rust reader.

A row becomes a line `a | b | c`, with what its cells show and what cells that are merged over it
say. A long sheet is cut into pages, each of which begins with the sheet's name and its header row,
so that no row is read without its columns' names.
"""

from __future__ import annotations

import csv
import datetime
import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ingest.documents import Document, Page
from ingest.errors import CorruptFile, EmptyFile, EncryptedFile
from ingest.loaders.cell_formats import CellFormats
from ingest.loaders.characters import clean_text, one_line
from ingest.loaders.encodings import decode
from ingest.loaders.limits import Budget, Reading
from ingest.loaders.merged_cells import Merge, spread
from ingest.loaders.number_formats import time_text
from ingest.loaders.ods_cells import ShownCells
from ingest.loaders.sniffing import FileKind
from ingest.loaders.text import SECTION_CHARACTERS, check_text_size, headed
from ingest.loaders.xls_cells import OldCellFormats
from ingest.loaders.zipped import check_unpacked_size

_MAX_CELL_CHARACTERS = 32_767  # Excel's own
_SNIFFED_CHARACTERS = 20_000
_DELIMITERS = ",;\t|"
_LONGEST_HEADER = 2_000


def load_workbook(path: Path, kind: FileKind, reading: Reading) -> Document:
    """Read every sheet. Raises CorruptFile, EmptyFile, EncryptedFile, FileTooLarge."""
    if kind is FileKind.XLS:
        return _load_sheets(path, kind, reading, OldCellFormats(path))
    try:
        with zipfile.ZipFile(path) as archive:
            check_unpacked_size(archive, reading.limits)
            cells = CellFormats(archive) if kind is FileKind.XLSX else ShownCells(archive)
            return _load_sheets(path, kind, reading, cells)
    except zipfile.BadZipFile as error:
        raise CorruptFile("is damaged and cannot be unpacked; get a fresh copy.") from error


def _load_sheets(
    path: Path, kind: FileKind, reading: Reading, cells: CellFormats | OldCellFormats | ShownCells
) -> Document:
    import python_calamine

    budget = reading.budget()
    pages: list[Page] = []
    try:
        workbook = python_calamine.CalamineWorkbook.from_path(str(path))
    except python_calamine.PasswordError as error:
        raise EncryptedFile(
            "is encrypted and needs a password; save a copy without a password and add that."
        ) from error
    except python_calamine.CalamineError as error:
        raise _damaged() from error
    for name in workbook.sheet_names:
        try:
            sheet = workbook.get_sheet_by_name(name)
            first_column = sheet.start[1] if sheet.start else 0
            rows = cells.shown(name, sheet.iter_rows(), first_column)
            lines = [list(map(_cell, row)) for row in rows]
        except python_calamine.WorksheetNotFound:  # a sheet that is a chart
            continue
        except python_calamine.CalamineError as error:
            raise _damaged() from error
        merges = [Merge(*first, *last) for first, last in sheet.merged_cell_ranges or ()]
        if isinstance(cells, ShownCells):
            merges = cells.merges(name)
        spread(lines, (merge.moved(-first_column) for merge in merges))
        pages += table_pages(lines, heading=one_line(name), budget=budget)
    return table_document(pages, kind)


def load_csv(path: Path, reading: Reading) -> Document:
    """Read comma, semicolon, tab or bar separated values, whatever the encoding."""
    check_text_size(path, reading.limits)
    text = clean_text(decode(path.read_bytes()))
    sample = text[:_SNIFFED_CHARACTERS]
    try:
        dialect: type[csv.Dialect] = csv.Sniffer().sniff(sample, delimiters=_DELIMITERS)
    except csv.Error:
        dialect = csv.excel_tab if "\t" in sample else csv.excel
    csv.field_size_limit(max(1 << 17, len(text)))
    try:
        rows = [[" ".join(cell.split()) for cell in row] for row in _rows(text, dialect)]
    except csv.Error:  # a stray quote: its lines are still text
        rows = [[line] for line in text.splitlines()]
    return table_document(table_pages(rows, heading="", budget=reading.budget()), FileKind.CSV)


def table_pages(rows: Iterable[Sequence[str]], *, heading: str, budget: Budget) -> list[Page]:
    """A table as pages without numbers, each below the heading, if there is one.

    Empty rows and columns are left out.
    """
    kept = [row for row in rows if any(map(str.strip, row))]
    width = max((len(row) for row in kept), default=0)
    used = [i for i in range(width) if any(i < len(row) and row[i].strip() for row in kept)]
    lines = [
        " | ".join(
            map(str.strip, row)
            if len(row) == len(used) == width
            else [row[i].strip() if i < len(row) else "" for i in used]
        ).rstrip(" |")
        for row in kept
    ]
    if not lines:
        return []
    top = lines[0] + "\n" if len(lines[0]) <= _LONGEST_HEADER else ""
    pages: list[Page] = []
    current = [lines[0] + "\n"]
    size = len(current[0])
    for line in lines[1:]:
        if size + len(line) > SECTION_CHARACTERS:
            pages.append(Page(None, "".join(current)))
            current, size = [top], len(top)
        current.append(line + "\n")
        size += len(line) + 1
    pages.append(Page(None, "".join(current)))
    if heading:
        pages = [headed(page, heading) for page in pages]
    for page in pages:
        budget.spend(page.text)
    return pages


def table_document(pages: Sequence[Page], kind: FileKind) -> Document:
    """Raises EmptyFile if no cell has anything in it."""
    if not pages:
        raise EmptyFile("has no text in it.")
    return Document(title="", media_type=kind.value, pages=tuple(pages))


def _rows(text: str, dialect: type[csv.Dialect]) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(text, newline=""), dialect)


def _cell(value: object) -> str:
    if isinstance(value, str):
        if value.isprintable() and "  " not in value and len(value) <= _MAX_CELL_CHARACTERS:
            return value.strip()  # as nearly all are: there is nothing else to clean
        return " ".join(clean_text(value)[:_MAX_CELL_CHARACTERS].split())
    if isinstance(value, float):
        return f"{value:.15g}"  # what a sheet shows: 0.1, not 0.1000000000000000055
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime.datetime):
        at_midnight = value.time() == datetime.time()
        return str(value.date()) if at_midnight else f"{value.date()} {time_text(value.time())}"
    if isinstance(value, (datetime.time, datetime.timedelta)):
        return time_text(value)
    return "" if value is None else str(value)


def _damaged() -> CorruptFile:
    return CorruptFile(
        "is damaged: its sheets cannot be read; open it in the program that made it, save it"
        " again and add that."
    )
