"""Rows and cells of a table that a question names. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag.sentences import is_row
from rag.terms import content_terms

_BRACKETS = re.compile(r"(?<!\s)\s*\([^()]*\)")
_HOW_LONG = re.compile(r"\bhow long\b", re.IGNORECASE)
MONEY = re.compile(
    r"[€$£¥]|\b(?:cents?|pence|euros?|dollars?|pounds?|eur|usd|gbp|chf|jpy)\b", re.IGNORECASE
)
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
    "what which how much many long have has get need needs pay there take takes"
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
    if not header:
        return None
    asked = table_terms(question)
    cells = cells_of(row)
    names = [at for at, cell in enumerate(cells) if at == 0 or not any(map(str.isdigit, cell))]
    subject = next((at for at in names if table_terms(cells[at]) & asked), None)
    if subject is None:
        return None
    own = table_terms(cells[subject]) & asked
    for line in reversed(header.splitlines()):
        if not is_row(line):
            continue
        columns = cells_of(line)
        terms = [
            table_terms(_BRACKETS.sub("", column) or column) if at != subject else frozenset()
            for at, column in enumerate(columns)
        ]
        if len(columns) == len(cells) + 1 and _REMARKS.match(columns[-1]):
            cells = [*cells, ""]  # sheets leave empty cells at the end out
        if len(columns) != len(cells) or not any(terms):
            continue
        named = [place for place, each in enumerate(terms) if each - own and each <= asked]
        if not named:
            return _cell_of_kind(question, columns, cells, subject)
        if len(named) != 1 or not cells[named[0]]:
            return None
        known = terms[named[0]] | own
        if any(each & asked - known for each in terms):
            return None  # another column has words of the question that this one lacks
        column = columns[named[0]]
        is_whole = table_terms(cells[subject]) <= asked
        rest = asked - known - table_terms(f"{columns[subject]} {column}") - _SAYS_HOW
        found = Cell(cells[subject], column, cells[named[0]], is_all=is_whole and not rest)
        if _only_numbers(question, found, named[0]):
            called = [at for at, name in enumerate(columns) if _CALLED.fullmatch(name)]
            if len(called) == 1 and called[0] != subject and not _HOW.search(question):
                at = called[0]
                return Cell(cells[subject], columns[at], cells[at]) if cells[at] else None
            return _cell_of_kind(question, columns, cells, subject, known=terms[named[0]])
        if _HOW_LONG.search(question) and MONEY.search(found.text):
            return None
        if not found.is_all:
            other = _cell_of_kind(question, columns, cells, subject, known=terms[named[0]])
            return other if other is not None and other.column == found.column else found
        return found
    return None


def _cell_of_kind(
    question: str,
    columns: Sequence[str],
    cells: Sequence[str],
    subject: int,
    *,
    known: frozenset[str] = frozenset(),
) -> Cell | None:
    """The cell of the one column that has what sort of thing is asked for, of a row that is named.

    subject: the column of the row's name. None where the question has a word more than all of that
    name, of its column, and of how such a thing is asked for: it may be about something else.
    known: words that are accounted for otherwise.
    """
    asked = table_terms(question) - known
    name = table_terms(cells[subject])
    if not name <= asked:
        return None
    for kind in _KINDS:
        if not kind.asked.search(question):
            continue
        if asked - name - table_terms(columns[subject]) - kind.phrasing:
            continue
        fitting = [
            at
            for at, column in enumerate(columns)
            if at != subject
            and kind.column.search(column)
            and (kind.cell is None or kind.cell.search(cells[at]))
        ]
        if len(fitting) == 1:
            return Cell(cells[subject], columns[fitting[0]], cells[fitting[0]], is_all=True)
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
