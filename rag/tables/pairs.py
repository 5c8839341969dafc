"""Two rows of a table compared, as a question names them: told by code, not read. Pure.

"Which is heavier, the G2 or the G4?", "Is plan A cheaper than plan B?", "What is the difference in
price between ...?". Precise before it is helpful, as rag.tables.extremes. English questions only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from rag.results import Calculation, Hit, PageText
from rag.tables.cells import table_terms
from rag.tables.compared_rows import first_that_tells, name_column, nouns_of, told
from rag.tables.times import moments_of
from rag.tables.whole_tables import Figure, Row, Table, figures_of, names_over
from rag.terms import is_negated

# What is compared: the more of it, the less, and the names of columns that have it.
_MEASURES = (
    (r"more expensive|costs? more|dearer", r"cheaper|less expensive|costs? less", "price|cost|fee"),
    (r"heavier|weighs? more", r"lighter|weighs? less", "weight|mass"),
    (r"taller|higher", "shorter|lower", "height"),
    (r"earns? more|earned more", r"earns? less|earned less", "salary|wages?|pay"),
    (r"longer", r"shorter", "length|duration"),
    (r"more|higher|larger|bigger|greater", r"less|fewer|lower|smaller", ""),
)
_DIFFERENCE = re.compile(r"\bdifference\b|\bhow (?:much|many) (?:more|less|fewer)\b", re.IGNORECASE)
_CHOICE = re.compile(r"^\W*(?:which|who|what)\b.*\bor\b", re.IGNORECASE)
_YES_OR_NO = re.compile(r"^\W*(?:is|are|was|were|does|do|did|has|have|had)\b.*\bthan\b", re.I)
_PHRASING = table_terms(
    "difference between how much many than has had have got get win won use used consumption one"
    " cost earn"
)


@dataclass(frozen=True, slots=True)
class _Asked:
    """wants_more: of the first of the two. column: of the names of columns that may be meant."""

    wants_more: bool
    column: str
    terms: frozenset[str]


def compare_pair(question: str, hits: Sequence[Hit], page_text: PageText) -> Calculation | None:
    """How two rows compare, of the first table among the hits that has both and tells.

    None where the question asks for no such thing, and where no table tells for certain.
    """
    asks = (_DIFFERENCE, _CHOICE, _YES_OR_NO)
    if is_negated(question) or not any(each.search(question) for each in asks):
        return None
    return first_that_tells(question, hits, page_text, partial(_compared, question))


def _compared(question: str, table: Table, hit: Hit) -> Calculation | None:
    subject = name_column(table)
    pair, rest = _named_rows(question, table, subject)
    if pair is None:
        return None
    asked = _understood(rest)
    if asked is None:
        return None
    column = _column(asked, table, subject)
    if column is None:
        return None
    left = asked.terms - table.names[column] - table.names[subject] - nouns_of(table, subject)
    if left - names_over(table, hit) - _PHRASING:
        return None
    figures = {row: figure for figure, row in figures_of(table, column) or ()}
    first, second = pair
    if first not in figures or second not in figures:
        return None
    one, other = figures[first], figures[second]
    if one.unit != other.unit:
        return None
    name = table.columns[column]
    shown, columns = [first, second], [subject, column]
    if _DIFFERENCE.search(question):
        apart = _apart(one, other, first.cells[column])
        return told(f"{name}, a difference of {apart}", shown, columns, hit, short=apart)
    is_so = one.value > other.value if asked.wants_more else one.value < other.value
    if _YES_OR_NO.search(question):
        said = "Yes" if is_so else "No"
        return told(f"{said}. {name}", shown, columns, hit, short=said)
    if one.value == other.value:
        return None
    shown = shown if is_so else shown[::-1]
    return told(name, shown, columns, hit, short=shown[0].cells[subject])


def _named_rows(question: str, table: Table, subject: int) -> tuple[tuple[Row, Row] | None, str]:
    """The two rows whose names stand in the question, in its order, and what else it says."""
    found: list[tuple[int, int, Row]] = []
    for row in table.rows:
        name = row.cells[subject]
        if len(name) < 2:  # "a" is a word as well
            continue
        matches = list(re.finditer(rf"(?<!\w){re.escape(name)}(?!\w)", question, re.IGNORECASE))
        found += [(match.start(), match.end(), row) for match in matches]
    found = [  # the "Mixer" of "Mixer Pro" is another
        each
        for each in found
        if not any(
            o[0] <= each[0] and each[1] <= o[1] and o[1] - o[0] > each[1] - each[0] for o in found
        )
    ]
    found.sort(key=lambda each: each[0])
    if len(found) != 2 or found[0][2] == found[1][2]:
        return None, question
    (start, end, first), (from_, to, second) = found
    return (first, second), f"{question[:start]} {question[end:from_]} {question[to:]}"


def _understood(rest: str) -> _Asked | None:
    """What is asked of the two, by the words besides their names."""
    for more, less, column in _MEASURES:
        for words, wants_more in ((more, True), (less, False)):
            found = re.search(rf"\b(?:{words})\b", rest, re.IGNORECASE)
            if found is not None:
                terms = table_terms(f"{rest[: found.start()]} {rest[found.end() :]}")
                return _Asked(wants_more, column, terms)
    return _Asked(True, "", table_terms(rest)) if _DIFFERENCE.search(rest) else None


def _column(asked: _Asked, table: Table, subject: int) -> int | None:
    """The column of figures that the question names best, or the only one that may be meant."""
    possible = [
        at
        for at in range(len(table.columns))
        if at != subject and figures_of(table, at) and moments_of(table, at) is None
    ]
    shared = {at: len(table.names[at] & asked.terms) for at in possible}
    most = max(shared.values(), default=0)
    if most:
        best = [at for at in possible if shared[at] == most]
    elif asked.column:
        names = re.compile(rf"\b(?:{asked.column})\b", re.IGNORECASE)
        best = [at for at in possible if names.search(table.columns[at])]
    else:
        best = []
    return best[0] if len(best) == 1 else None


def _apart(one: Figure, other: Figure, cell: str) -> str:
    """The difference, written as the first of the cells is."""
    exact = abs(Decimal(str(one.value)) - Decimal(str(other.value)))
    places = max(len(each.digits.partition(".")[2]) for each in (one, other))
    number = f"{exact:,.{places}f}" if "," in one.digits + other.digits else f"{exact:.{places}f}"
    return cell.replace(one.digits, number, 1)
