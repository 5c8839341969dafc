"""Rows and cells of a table that a question names. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag.currencies import MONEY
from rag.sentences import is_row
from rag.terms import content_terms

_BRACKETS = re.compile(r"(?<!\s)\s*\([^()]*\)")
_HOW_LONG = re.compile(r"\bhow long\b", re.IGNORECASE)
YEAR = re.compile(r"(?:19|20)\d\d")
_NUMBER_OF_THINGS = re.compile(
    r"(?:\b(?:no|nr|id|code|ref|reference)\b\.?|\w\s+number|#|№)\s*$", re.IGNORECASE
)
_ASKS_FOR_NUMBER = re.compile(
    r"\b(?:numbers?|numbered|no\.|nr|ids?|codes?|ref|reference|how (?:many|much))(?!\w)",
    re.IGNORECASE,
)
_KNOWN_BY_NUMBER = re.compile(
    r"\b(?:plot|flat|apartment|room|floor|unit|gate|platform|seat|bay|locker|lot|track|table|house"
    r"|page|chapter|line|bus|lane|desk|level)s?\b",
    re.IGNORECASE,
)
# What a thing with a number is called: "Car no. | Driver | Model".
_CALLED = re.compile(r"model|make(?: (?:and|&) model)?|title", re.IGNORECASE)
_HOW = re.compile(r"\bhow\b", re.IGNORECASE)
_REMARKS = re.compile(r"(?:notes?|remarks?|comments?|details)\b", re.IGNORECASE)
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


@dataclass(frozen=True, slots=True)
class _Kind:
    """What is asked for where no column is named. phrasing: words of such questions.

    column: of the names of columns that have it. cell: of their cells; None for any.
    """

    asked: re.Pattern[str]
    column: re.Pattern[str]
    phrasing: frozenset[str]
    cell: re.Pattern[str] | None = None


def _kind(asked: str, column: str, phrasing: str, cell: str | None = None) -> _Kind:
    return _Kind(
        asked=re.compile(asked, re.IGNORECASE),
        column=re.compile(rf"\b(?:{column})\b", re.IGNORECASE),
        phrasing=table_terms(phrasing),
        cell=None if cell is None else re.compile(cell, re.IGNORECASE),
    )


_SAYS_HOW = table_terms(
    "what which how much many long have has get need needs pay there take takes leave leaves"
    " go goes depart departs run runs use used consumption"
)
_KINDS = (
    _kind(
        r"\bhow long\b.{0,300}?\b(?:take|run|last)s?\b|\bhow long (?:is|are)\b",
        "duration|time|length|run(?:ning)? time|takes|lasts",
        "how long take takes run runs last lasts",
        r"\d\s*(?:s|secs?|seconds?|min|mins|minutes?|h|hrs?|hours?|days?|weeks?|months?|years?)\b",
    ),
    _kind(
        r"\bhow much (?:does|do|did|is|are|was)\b|\bwhat (?:does|do|did) .{0,300}?\bcosts?\b",
        r"price|cost|fee|charge|tariff",
        "how much what cost costs price",
        r"\d",
    ),
    _kind(
        r"\bhow many\b",
        "quantity|qty|count|pieces|in stock|number",
        "how many there have has got own",
        r"^\d[\d.,]*$",
    ),
    _kind(
        r"\bhow much (?:was|is|were) paid to\b",
        "money out|paid out|withdrawals?|debit|amount paid",
        "how much paid",
        r"\d",
    ),
    _kind(
        r"\bhow (?:big|large) (?:is|are|was)\b",
        r"size|area|floor ?space",
        "how big large",
        r"\d",
    ),
    _kind(
        r"\bwhat (?:does|do|is meant by)\b.{0,300}?\b(?:means?|stands? for|meant)\b"
        r"|\bmeaning of\b",
        "meaning|cause|explanation|description|definition|stands for",
        "what mean means meant meaning stand stands error fault code message display",
    ),
    _kind(
        r"\bwhat (?:should|must|can|do|shall) (?:i|we|you|one) do\b|\bwhat to do\b",
        "what to do|remedy|action|solution|fix",
        "what do when display displayed displays show shows shown appear appears error code get",
    ),
    _kind(
        r"\bwho\b.{0,300}?\b(?:has|have|owns?|rents?|holds?|drives?|lives? in|occup(?:y|ies))\b",
        "member|owner|tenant|driver|holder|occupant|customer|person|name",
        "who has have own owns rent rents hold holds drive drives live lives occupy occupies",
    ),
)


def names_row(question: str, text: str) -> bool:
    """Whether a text is a row of a table, and the question has all words of its first cell."""
    name = content_terms(cells_of(text)[0])
    return is_row(text) and bool(name) and name <= content_terms(question)


def is_number_of_things(column: str) -> bool:
    """Whether a column's name says that it has numbers or codes of things: "Car no."."""
    return _NUMBER_OF_THINGS.search(column) is not None


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table, and what its row and its column are called.

    is_all: each word of the question is the row's or the column's, or says only how it is asked.
    """

    row: str
    column: str
    text: str
    is_all: bool = False


def asked_cell(question: str, header: str, row: str) -> Cell | None:
    """The cell of a row that stands in the one column the question names; None where none does.

    header: the lines above the row, of which the last one of as many cells names the columns; what
    they have in brackets need not be named. The row's name, of which the question has to have a
    word, is its first cell, or else the first other one without figures. A column may be named
    only to say what is asked about it: how long a price holds is not told by the price, nor what
    car somebody drives by the car's number, but by its model. Where the question names none, it is
    the one of what is asked for: of durations for "how long". Then each of its words has to be
    accounted for.
    """
    named = _named_row(question, header, row)
    if named is None:
        return None
    columns = [at for at, terms in enumerate(named.terms) if terms - named.own and named.has(terms)]
    if not columns:
        return _cell_of_kind(named)
    at = columns[0]
    if len(columns) > 1 or not named.cells[at]:
        return None
    known = named.terms[at] | named.own
    if any(terms & named.asked - known for terms in named.terms):
        return None  # another column has words of the question that this one lacks
    name = f"{named.columns[named.subject]} {named.columns[at]}"
    rest = named.asked - known - table_terms(name) - _SAYS_HOW
    found = named.cell(at, is_all=named.is_named_in_full and not rest)
    if _only_numbers(question, found, at):
        return _called(named) or _cell_of_kind(named, known=named.terms[at])
    if _HOW_LONG.search(question) and MONEY.search(found.text):
        return None
    if found.is_all:
        return found
    other = _cell_of_kind(named, known=named.terms[at])
    return other if other is not None and other.column == found.column else found


@dataclass(frozen=True, slots=True)
class _NamedRow:
    """A row of whose name the question has a word.

    asked: the question's terms. subject: the column of the row's name. columns: what they are
    called. terms: of what each is called, without what stands in brackets; none of the subject.
    """

    question: str
    asked: frozenset[str]
    subject: int
    columns: Sequence[str]
    terms: Sequence[frozenset[str]]
    cells: Sequence[str]

    def has(self, terms: frozenset[str]) -> bool:
        """Whether the question has all of these."""
        return terms <= self.asked

    @property
    def name(self) -> frozenset[str]:
        """The terms of the row's name."""
        return table_terms(self.cells[self.subject])

    @property
    def own(self) -> frozenset[str]:
        """Those that the question has."""
        return self.name & self.asked

    @property
    def is_named_in_full(self) -> bool:
        """Whether it has all of them."""
        return self.has(self.name)

    def cell(self, at: int, *, is_all: bool = False) -> Cell:
        """The row's cell in a column."""
        return Cell(self.cells[self.subject], self.columns[at], self.cells[at], is_all=is_all)


def _named_row(question: str, header: str, row: str) -> _NamedRow | None:
    """The row under the names of its columns; None where the question or the header names none."""
    if not header:
        return None
    asked = table_terms(question)
    cells = cells_of(row)
    names = [at for at, cell in enumerate(cells) if at == 0 or not any(map(str.isdigit, cell))]
    subject = next((at for at in names if table_terms(cells[at]) & asked), None)
    if subject is None:
        return None
    for columns in map(cells_of, filter(is_row, reversed(header.splitlines()))):
        # Sheets leave empty cells at the end out.
        lacks_one = len(columns) == len(cells) + 1 and _REMARKS.match(columns[-1])
        filled = [*cells, ""] if lacks_one else cells
        terms = [table_terms(_BRACKETS.sub("", column) or column) for column in columns]
        terms[subject : subject + 1] = [frozenset()]
        if len(columns) == len(filled) and any(terms):
            return _NamedRow(question, asked, subject, columns, terms, filled)
    return None


def _called(row: _NamedRow) -> Cell | None:
    """What the thing of a row is called that has a number too; None where how it is is asked."""
    called = [at for at, name in enumerate(row.columns) if _CALLED.fullmatch(name)]
    if len(called) != 1 or called[0] == row.subject or _HOW.search(row.question):
        return None
    return row.cell(called[0]) if row.cells[called[0]] else None


def _cell_of_kind(row: _NamedRow, *, known: frozenset[str] = frozenset()) -> Cell | None:
    """The cell of the one column that has what sort of thing is asked for.

    None where the question has a word more than all of the row's name, of its column, and of how
    such a thing is asked for: it may be about something else. known: words that are accounted for
    otherwise.
    """
    asked = row.asked - known
    if not row.name <= asked:
        return None
    for kind in _KINDS:
        if not kind.asked.search(row.question):
            continue
        if asked - row.name - table_terms(row.columns[row.subject]) - kind.phrasing:
            continue
        fitting = [
            at
            for at, column in enumerate(row.columns)
            if at != row.subject
            and kind.column.search(column)
            and (kind.cell is None or kind.cell.search(row.cells[at]))
        ]
        if len(fitting) == 1:
            return row.cell(fitting[0], is_all=True)
    return None


def _only_numbers(question: str, found: Cell, at: int) -> bool:
    """Whether a cell is the number of a thing, and not what is asked for.

    Of the first column any bare number is one, but of what people know by its number: "plot 7".
    """
    if _ASKS_FOR_NUMBER.search(question):
        return False
    if is_number_of_things(found.column):
        return True
    if at or not found.text.isdecimal() or YEAR.fullmatch(found.text):
        return False
    return _HOW.search(question) is not None or not _KNOWN_BY_NUMBER.search(found.column)


def cells_of(line: str) -> list[str]:
    """The cells of a row, without white space around them."""
    line = line.strip()
    if line.startswith("|") and line.endswith("|") and len(line) > 1:  # as Markdown writes rows
        line = line[1:-1]
    return [cell.strip() for cell in line.split("|")]
