"""Tables of a PDF page -> lines `a | b | c`, in the place where they stand.

A PDF knows characters and drawn lines, no tables. A table is either a grid of ruled lines, or
rows of short pieces of text that stand below one another with gaps between them. What is not in a
table keeps PDFium's order and text, but for columns of prose that it has line by line across; and
no character of a page is lost.

Pure: from positions to text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ingest.loaders.pdf_columns import Columns, read_across
from ingest.loaders.pdf_open_tables import open_tables, piece_lines
from ingest.loaders.pdf_ruled_tables import ruled_tables
from ingest.loaders.pdf_table_cells import Table, spans_of
from ingest.loaders.pdf_words import Line, lines_of, words_of
from ingest.page_layout import PageLayout

# PDFium writes U+FFFE where a line ends in a hyphen, be it part of the word or not.
LINE_END_HYPHEN = "\ufffe"
# The work of a page is bounded: beyond this its text stays as it is. A newspaper page has 5,000.
_MOST_WORDS = 8000
# Hebrew to Arabic Extended, and their presentation forms.
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_RIGHT_TO_LEFT_SHARE = 0.1
_KEPT = re.compile(rb"\0+")
_EMPTY_LINES = re.compile(r"[ \t]*(?:\r?\n[ \t]*){3,}")


@dataclass(frozen=True, slots=True)
class WrittenPage:
    """The text of a page as it is stored, before it is cleaned.

    origins: (len(text),) where each character stands in PageLayout.text; -1: it was added.
    """

    text: str
    origins: Sequence[int]


def text_with_tables(layout: PageLayout) -> WrittenPage:
    """The text of a page with its tables as rows; the text as it is where there are none."""
    parts = _parts(layout)
    if not parts:
        return WrittenPage(layout.text, range(len(layout.text)))
    return _written(layout.text, parts)


def _parts(layout: PageLayout) -> list[Table | Columns]:
    if _is_right_to_left(layout.text):
        return []
    words = words_of(layout)
    if len(words) > _MOST_WORDS:
        return []
    grids = list(ruled_tables(layout.rules, words))
    taken = {span for table in grids for span in spans_of(table)}
    free = [word for word in words if word.spans[0] not in taken]
    lines = piece_lines(lines_of(free))
    columns = list(read_across(lines, layout.text))
    rest = _without(lines, columns) if columns else lines
    return [*grids, *columns, *open_tables(rest, layout.bold_lines)]


def _without(lines: Sequence[Line], columns: Sequence[Columns]) -> list[Line]:
    taken = {span for each in columns for span in each.spans()}
    left_over = ([p for p in line if p.spans[0] not in taken] for line in lines)
    return [line for line in left_over if line]


def _is_right_to_left(text: str) -> bool:
    """Whether a good part of the letters is written from the right: their tables are left alone."""
    return len(_RIGHT_TO_LEFT.findall(text)) > _RIGHT_TO_LEFT_SHARE * len(text)


def _written(text: str, parts: Sequence[Table | Columns]) -> WrittenPage:
    """The text with each table, and what is in columns, in place of its first word."""
    first: dict[int, Table | Columns] = {}
    gone = bytearray(len(text))
    for part in parts:
        spans = list(spans_of(part) if isinstance(part, Table) else part.spans())
        first[min(spans)[0]] = part
        for start, end in spans:
            gone[start:end] = b"\1" * (end - start)
    kept = {run.start(): run.end() for run in _KEPT.finditer(gone)}
    written = _Writer(text)
    for position in sorted([*first, *kept]):
        if position in kept:
            written.copy(position, kept[position])
        else:
            part = first[position]
            written.add("\n")
            if isinstance(part, Table):
                written.table(part)
            else:
                written.columns(part)
            written.add("\n")
    return written.page()


class _Writer:
    """Text that is put together from pieces of another, of which it knows where they stood."""

    def __init__(self, source: str) -> None:
        self._source = source
        self.pieces_of: list[str] = []
        self._origins: list[int] = []

    def add(self, text: str) -> None:
        self.pieces_of.append(text)
        self._origins += [-1] * len(text)

    def copy(self, start: int, end: int) -> None:
        self.pieces_of.append(self._source[start:end])
        self._origins += range(start, end)

    def table(self, table: Table) -> None:
        """A row a line, ` | ` between cells; of empty ones at its end, one at most."""
        for row in table.rows:
            last = max(index for index, cell in enumerate(row) if cell)
            for index, cell in enumerate(row[: last + 1]):
                if index:
                    self.add(" | ")
                for number, (start, end) in enumerate(s for piece in cell for s in piece.spans):
                    if number:
                        self.add(" ")
                    self.copy(start, end)
            self.add("\n" if last else " |\n")

    def columns(self, columns: Columns) -> None:
        """A line a line. PDFium saw no line end in the left column: hyphens there are told."""
        for line in columns.lines():
            for number, (start, end) in enumerate(line.spans):
                if number and line.spans[number - 1][1] < start:
                    self.add(" ")
                self.copy(start, end)
            if self.pieces_of[-1].endswith("-") and self.pieces_of[-1][:-1].isalpha():
                self.pieces_of[-1] = self.pieces_of[-1][:-1] + LINE_END_HYPHEN
            self.add("\n")

    def page(self) -> WrittenPage:
        """All of it, without the empty lines that moved words leave behind."""
        text = "".join(self.pieces_of)
        pieces: list[str] = []
        origins: list[int] = []
        last = 0
        for found in _EMPTY_LINES.finditer(text):
            pieces += [text[last : found.start()], "\n\n"]
            origins += [*self._origins[last : found.start()], -1, -1]
            last = found.end()
        pieces.append(text[last:])
        origins += self._origins[last:]
        return WrittenPage("".join(pieces), origins)
