"""The tables of a document's pages, whole: their columns, their rows, and what a cell is worth.

For answers that code makes of all rows. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from rag.citations import without_markers
from rag.currencies import CURRENCY_SIGNS, MONEY
from rag.results import Citation, Hit, PageText
from rag.sentences import is_row
from rag.stated_values import ValueKind, stated_values
from rag.tables.cells import YEAR, cells_of, table_terms

_FIGURE = re.compile(
    r"(?P<before>[^\d(−–-]*?)\s?(?P<minus>[(−–-]?)\s?"
    rf"(?P<currency>[{CURRENCY_SIGNS}]?)\s?"
    r"(?P<digits>\d[\d.,]*+)\)?\s?(?P<after>[^\d()]*)"
)
_FOOTNOTE_MARK = re.compile(r"\s[⁽¹²³⁰⁴-⁹][⁽⁾¹²³⁰⁴-⁹,*]*$")  # of the figure before it
_NAME = re.compile(r"[^\W\d_]+[-–/]?\d")  # "INV-001", "Q4"
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_DECIMAL_COMMA = re.compile(r"\d+,\d{1,2}")
_PLAIN = re.compile(r"(?![1-9]\d{0,2}\.\d{3}$)\d+(?:\.\d+)?")  # 1.200 may be thousands
_AREA_UNITS = (
    r"\b(?:sqm|sqft|sq\.? ?(?:m|ft|km|yd|metres?|meters?|feet|yards?|miles?)|km2|m2|hectares?|ha"
    r"|acres?|acreage|square (?:metres?|meters?|feet|yards?|miles?))\b|(?:k?m|ft)²"
)
_AREA = re.compile(_AREA_UNITS, re.IGNORECASE)
_SIZE = re.compile(rf"\b(?:size|area|floor ?space|surface)\b|{_AREA_UNITS}", re.IGNORECASE)
_LETTERS = re.compile(r"[^\W\d_]+")
_OF_A_SEPARATOR = frozenset("|:+- \t")  # as Markdown has below its header
_EMPTY = frozenset(["", "-", "–", "—", "n/a", "n.a."])
_LINES_ABOVE = 2  # that may name a table
_EDGE_LINES = 3  # a running header or footer has fewer
SLASHED_DAY = re.compile(r"(\d{1,2})/(\d{1,2})/((?:19|20)\d\d)")
LONGEST_MOMENT = 40  # characters of a cell with a date
_MOST_ROWS = 30_000
_LONGEST_TOLD = 200  # of what is said of a row, characters
_MOST_DIGITS = 15  # of a figure that a float has exactly


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table. start, end: of its text on its page."""

    page_index: int
    start: int
    end: int
    text: str
    cells: tuple[str, ...]

    def cited(self, hit: Hit, *, marker: int, statement: str) -> Citation:
        """A citation of the row. hit: a passage of the document."""
        citation = Citation.of_passage(
            hit,
            marker=marker,
            quote=self.text,
            start=self.start,
            end=self.end,
            statement=statement,
        )
        page = None if hit.page is None else hit.page + self.page_index - hit.page_index
        return replace(citation, page=page, page_index=self.page_index)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of as many cells as there are columns.

    above: the lines right above it. at_start, at_end: it begins, ends where its page does.
    """

    columns: tuple[str, ...]
    above: str
    rows: tuple[Row, ...]
    at_start: bool
    at_end: bool

    @property
    def title(self) -> str:
        """The line right above it, where that is no sentence; else ""."""
        line = self.above.rpartition("\n")[2]
        return "" if line.endswith(".") else line

    @property
    def names(self) -> list[frozenset[str]]:
        """The terms of what each column is called."""
        return [table_terms(column) for column in self.columns]

    def has_figures(self, column: int) -> bool:
        """Whether any cell of the column has a digit, but for names such as "INV-001"."""
        cells = (row.cells[column] for row in self.rows)
        return any(any(map(str.isdigit, cell)) and not _NAME.match(cell) for cell in cells)

    def is_money(self, column: int) -> bool:
        """Whether the column's name or any of its cells names a currency."""
        cells = (row.cells[column] for row in self.rows)
        return any(map(MONEY.search, [self.columns[column], *cells]))

    def is_of_size(self, column: int) -> bool:
        """Whether the column's name, or each of its cells, says that it is of areas."""
        cells = [row.cells[column] for row in self.rows]
        return bool(_SIZE.search(self.columns[column])) or all(map(_AREA.search, cells))

    def cells_with(self, terms: frozenset[str]) -> set[tuple[int, str]]:
        """The columns and texts of the cells that have all of these terms."""
        return {
            (column, cell)
            for row in self.rows
            for column, cell in enumerate(row.cells)
            if terms <= table_terms(cell)
        }


@dataclass(frozen=True, slots=True)
class Figure:
    """What a cell is worth. digits: as they stand there. unit: what stands around them, alike."""

    value: float
    digits: str
    unit: str


def tables_near(hits: Sequence[Hit], page_text: PageText) -> Iterator[tuple[Table, Hit]]:
    """The tables that the hits have rows of, each as far as it stands on the page of the hit."""
    for hit in hits:
        text = _text_of(hit, hit.page_index, page_text) or ""
        for table in _tables(text, hit.page_index):
            if table.rows[0].start < hit.end and hit.start < table.rows[-1].end:
                yield table, hit


def names_over(table: Table, hit: Hit) -> frozenset[str]:
    """The terms of what a table stands under: the lines above it, its section, its document."""
    return table_terms(f"{table.above}\n{hit.heading}\n{hit.document_name.replace('_', ' ')}")


def is_of_another_year(question: str, table: Table) -> bool:
    """Whether the lines above a table name years, and none of those that the question names."""
    asked, above = set(YEAR.findall(question)), set(YEAR.findall(table.above))
    return bool(asked and above and not asked & above)


def hides_a_condition(question: str, table: Table) -> bool:
    """Whether a cell is a word of the question that is no term: "IT", "US", "May"."""
    asked = set(_LETTERS.findall(question.casefold()))
    return any(
        not table_terms(cell) and set(words) <= asked
        for row in table.rows
        for cell in row.cells
        if (words := _LETTERS.findall(cell.casefold()))
    )


def has_a_like(table: Table, hits: Sequence[Hit], hit: Hit, page_text: PageText) -> bool:
    """Whether another table has the same columns: beside it, on the next page, or in another hit.

    table: with its rows of all pages. hit: that it was found by.
    """
    first, last = table.rows[0], table.rows[-1]
    places = [(hit, page) for page in range(first.page_index - 1, last.page_index + 2)]
    places += [(each, each.page_index) for each in hits]
    own = {(row.page_index, row.start) for row in table.rows}
    return any(
        other.columns == table.columns
        and (of.document_id != hit.document_id or (page, other.rows[0].start) not in own)
        for of, page in places
        for other in _tables(_text_of(of, page, page_text) or "", page)
    )


def with_other_pages(
    table: Table, hit: Hit, page_text: PageText, *, one_title: bool = False
) -> Table | None:
    """The table with its rows on the pages around, where those repeat its header.

    None where the next page has rows that nobody names the columns of, and where it is too long.
    one_title: also where they stand under another title, which may be a running head or not.
    """
    rows = list(table.rows)
    for step in (-1, 1):
        page_index, edge = hit.page_index, table
        while edge.at_end if step > 0 else edge.at_start:
            page_index += step
            text = _text_of(hit, page_index, page_text)
            if text is None:
                break
            onward = [
                each
                for each in _tables(text, page_index)
                if each.columns == table.columns and (each.at_start if step > 0 else each.at_end)
            ]
            if not onward:
                if step > 0 and _begins_with_rows(text):
                    return None
                break
            edge = onward[0]
            if one_title and table.title and edge.title not in ("", table.title):
                return None
            rows = [*rows, *edge.rows] if step > 0 else [*edge.rows, *rows]
            if len(rows) > _MOST_ROWS:
                return None
    return replace(table, rows=tuple(rows))


def can_be_told(texts: Iterable[str]) -> bool:
    """Whether texts of a document are short, and look like no citation."""
    return all(len(text) <= _LONGEST_TOLD and without_markers(text) == text for text in texts)


def is_year(name: frozenset[str]) -> bool:
    """Whether a column is called after a year and nothing else."""
    return len(name) == 1 and all(map(YEAR.fullmatch, name))


def is_empty(cell: str) -> bool:
    """Whether a cell says nothing."""
    return cell.casefold() in _EMPTY


def figures_of(table: Table, column: int) -> list[tuple[Figure, Row]] | None:
    """The figures of a column with their rows, empty cells left out; None where one has none."""
    found: list[tuple[Figure, Row]] = []
    for row in table.rows:
        if is_empty(row.cells[column]):
            continue
        figure = _figure(row.cells[column])
        if figure is None:
            return None
        found.append((figure, row))
    return found


def _figure(cell: str) -> Figure | None:
    """A cell's one number and its unit; None where it has none or several."""
    match = _FIGURE.fullmatch(_FOOTNOTE_MARK.sub("", cell))
    if match is None or _NAME.match(cell):
        return None
    digits = match["digits"].rstrip(".,")
    if len(digits) > _MOST_DIGITS:
        return None
    if _THOUSANDS.fullmatch(digits):
        plain = digits.replace(",", "")
    elif _DECIMAL_COMMA.fullmatch(digits):
        plain = digits.replace(",", ".")
    elif _PLAIN.fullmatch(digits):
        plain = digits
    else:
        return None
    value = -float(plain) if match["minus"] else float(plain)
    words = f"{match['before']} {match['currency']} {match['after']}".casefold().split()
    return Figure(value, digits, " ".join(word.strip(".").removesuffix("s") for word in words))


def _text_of(hit: Hit, page_index: int, page_text: PageText) -> str | None:
    try:
        return page_text(hit.document_id, page_index) if page_index >= 0 else None
    except LookupError:
        return None


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


def _begins_with_rows(text: str) -> bool:
    """Whether rows stand at the top of a page and under no heading, as the next sheet's do."""
    for line in _lines(text)[:_EDGE_LINES]:
        if line.startswith("#"):
            return False
        if is_row(line):
            return True
    return False


def _tables(text: str, page_index: int) -> list[Table]:
    """The tables of a page that have a header and two rows or more."""
    found: list[Table] = []
    above: list[str] = []
    run: list[Row] = []
    position, below = 0, len(_lines(text))
    for line in [*text.splitlines(keepends=True), ""]:
        start, stripped = position + len(line) - len(line.lstrip()), line.strip()
        position += len(line)
        if is_row(line):
            below -= 1
            if not _OF_A_SEPARATOR.issuperset(stripped):
                end = start + len(stripped)
                run.append(Row(page_index, start, end, stripped, tuple(cells_of(stripped))))
            continue
        if run:
            if table := _parsed(run, above, at_end=below < _EDGE_LINES):
                found.append(table)
            run = []
        if stripped:
            below -= 1
            above.append(stripped)
    return found


def _parsed(run: Sequence[Row], above: Sequence[str], *, at_end: bool) -> Table | None:
    """A run of rows as a table; None where its first lines do not name its columns."""
    heads = 0
    while heads < len(run) and not any(map(_is_figure, run[heads].cells[1:])):
        heads += 1
    if heads == len(run):  # of days and hours, perhaps: "Date | Start | Meeting"
        heads = next((at for at, row in enumerate(run) if any(map(_is_moment, row.cells))), 0)
    if not 0 < heads < len(run) - 1:
        return None
    columns = run[heads - 1].cells
    width = len(columns)
    rows = run[heads:]
    if any(len(row.cells) > width or not any(row.cells[1:]) for row in rows):
        return None  # cells of no column, or a line that heads some of the rows
    near = [*above[-_LINES_ABOVE:], *(row.text for row in run[: heads - 1])]
    return Table(
        columns=columns,
        above="\n".join(near),
        rows=tuple(replace(r, cells=r.cells + ("",) * (width - len(r.cells))) for r in rows),
        at_start=len(above) < _EDGE_LINES,
        at_end=at_end,
    )


def _is_figure(cell: str) -> bool:
    """Whether a cell has a value; a year, or "Revenue 2024", names a column."""
    match = _FIGURE.fullmatch(cell)
    return match is not None and not YEAR.fullmatch(match["digits"])


def _is_moment(cell: str) -> bool:
    """Whether a cell begins with a day or a time of day, and is little more than that."""
    if SLASHED_DAY.fullmatch(cell):
        return True
    stated = stated_values(cell) if len(cell) <= LONGEST_MOMENT else ()
    first = next(iter(stated), None)
    return (
        first is not None
        and first.kind is not ValueKind.AMOUNT
        and first.start == 0
        and (first.day is not None or first.kind is ValueKind.TIME)
    )
