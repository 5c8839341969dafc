"""JSON and JSON lines -> text in which each value stands beside what it is.

A list of records becomes a table below a heading with its path, as a CSV file would be read;
everything else becomes `path: value` lines. A path has no square brackets, which would look like
the number of a citation: the second of the orders is `orders 2`.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from ingest.documents import Document, Heading, Page
from ingest.errors import EmptyFile
from ingest.loaders.characters import clean_text, one_line
from ingest.loaders.encodings import decode
from ingest.loaders.limits import Budget, Reading
from ingest.loaders.sniffing import FileKind
from ingest.loaders.tables import table_pages
from ingest.loaders.text import (
    SECTION_CHARACTERS,
    check_text_size,
    split_sections,
    text_document,
)

# What has more is no table that anybody reads: texts with a few marks, or objects of many kinds.
_LONGEST_CELL = 300
_MOST_COLUMNS = 60
_LEAST_FILLED = 0.5
_LEAST_RECORDS = 2
_SHORT_TABLE = SECTION_CHARACTERS // 4  # characters


@dataclass(frozen=True, slots=True)
class _Table:
    """A list of records. rows: the names of the columns first."""

    path: str
    rows: list[list[str]]


@dataclass(frozen=True, slots=True)
class _Line:
    """A value. container: the path of what it is in, for a heading where a table was before it."""

    container: str
    text: str


def load_json(path: Path, reading: Reading) -> Document:
    """Read a JSON file; one that does not parse is read as text. Raises EmptyFile, FileTooLarge."""
    check_text_size(path, reading.limits)
    text = clean_text(decode(path.read_bytes()))
    try:
        pages = _pages(text, reading.budget())
    except (ValueError, RecursionError):
        reading.budget().spend(text)
        return text_document(text, title="", kind=FileKind.JSON)
    if not pages:
        raise EmptyFile("has no text in it.")
    return Document(title="", media_type=FileKind.JSON.value, pages=tuple(pages))


def _pages(text: str, budget: Budget) -> list[Page]:
    """Short tables stand among the lines, so that a passage has both; others have own pages."""
    writer = _Writer()
    is_below_table = False
    for part in _parts(text):
        if isinstance(part, _Line):
            budget.spend(part.text)
            if is_below_table and part.container:
                writer.head(part.container)
            writer.write(part.text)
        elif part.path and sum(len(cell) + 3 for row in part.rows for cell in row) < _SHORT_TABLE:
            writer.head(part.path)
            for page in table_pages(part.rows, heading="", budget=budget):
                writer.write(page.text)
        else:
            writer.end_page()
            writer.pages += table_pages(part.rows, heading=part.path, budget=budget)
        is_below_table = isinstance(part, _Table)
    writer.end_page()
    return writer.pages


class _Writer:
    """Puts lines into pages. pages: those that are full."""

    def __init__(self) -> None:
        self.pages: list[Page] = []
        self._text = io.StringIO()
        self._headings: list[Heading] = []

    def write(self, text: str) -> None:
        """A line, or several that belong together."""
        if self._text.tell() + len(text) > SECTION_CHARACTERS:
            self.end_page()
        self._text.write(f"{text}\n")

    def head(self, path: str) -> None:
        """A heading for what follows."""
        if self._text.tell() + len(path) + _SHORT_TABLE > SECTION_CHARACTERS:
            self.end_page()  # it stays with the table below it
        if start := self._text.tell():
            self._text.write("\n")
            start += 1
        heading = f"# {path}"
        self._text.write(f"{heading}\n\n")
        self._headings.append(Heading(start, start + len(heading), 1))

    def end_page(self) -> None:
        """What follows is on another page."""
        text = self._text.getvalue().rstrip("\n")
        if len(text) > SECTION_CHARACTERS:  # one line: what has headings was kept shorter
            self.pages += [Page(None, section) for section in split_sections(text)]
        elif text.strip():
            self.pages.append(Page(None, text, headings=tuple(self._headings)))
        self._text, self._headings = io.StringIO(), []


def _parts(text: str) -> Iterator[_Line | _Table]:
    try:
        yield from _parts_of("", "", json.loads(text))
    except json.JSONDecodeError:
        values = [json.loads(line) for line in text.splitlines() if line.strip()]
        if rows := _as_rows(values):
            yield _Table("", rows)
            return
        for value in values:
            yield from _parts_of("", "", value)
            yield _Line("", "")


def _parts_of(container: str, path: str, value: object) -> Iterator[_Line | _Table]:
    """container: the path of what the value is in."""
    if isinstance(value, dict):
        # Tables last: what came after one would seem to belong to it.
        inner = sorted(value.items(), key=lambda item: not _is_flat(item[1]))
        for key, each in inner:
            name = one_line(str(key))
            yield from _parts_of(path, f"{path}.{name}" if path else name, each)
    elif not isinstance(value, list) or _is_flat(value):
        yield _Line(container, f"{path}: {_cell(value)}" if path else _cell(value))
    elif rows := _as_rows(value):
        yield _Table(path, rows)
    else:
        for number, each in enumerate(value, 1):
            yield from _parts_of(path, f"{path} {number}".lstrip(), each)


def _as_rows(values: Sequence[object]) -> list[list[str]] | None:
    """A header and a row for each of the values; None where they are not records of one kind."""
    records = [record for value in values if (record := _as_record(value)) is not None]
    if len(records) < max(len(values), _LEAST_RECORDS):
        return None
    columns = list(dict.fromkeys(name for record in records for name in record))
    filled = sum(map(len, records))
    if len(columns) > _MOST_COLUMNS or filled < _LEAST_FILLED * len(columns) * len(records):
        return None
    if any(len(cell) > _LONGEST_CELL for record in records for cell in record.values()):
        return None
    return [columns, *([record.get(name, "") for name in columns] for record in records)]


def _as_record(value: object) -> dict[str, str] | None:
    """The cells of an object by their paths in it; None where there are objects in a list of it."""
    if not isinstance(value, dict) or not value:
        return None
    cells: dict[str, str] = {}
    for key, each in value.items():
        name = one_line(str(key))
        if isinstance(each, dict):
            inner = _as_record(each)
            if inner is None:
                return None
            cells |= {f"{name}.{below}": cell for below, cell in inner.items()}
        elif _is_flat(each):
            cells[name] = "" if each is None else " ".join(_cell(each).split())
        else:
            return None
    return cells


def _is_flat(value: object) -> bool:
    """Whether it is told in one line: a number, a text, or a list of those."""
    if isinstance(value, list):
        return all(isinstance(each, str | int | float | None) for each in value)
    return not isinstance(value, dict)


def _cell(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(_cell, cast("list[object]", value)))
    return value if isinstance(value, str) else json.dumps(value)
