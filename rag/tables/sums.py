"""Sums and means of a column, and how many rows there are: computed of all rows, not read. Pure.

Precise before it is helpful, for nobody checks a sum: every word of the question must be a name of
the column, of what is counted or of the table, or all of a cell that the rows meant share; the
table must be the only one of its form, whole, without rows that sum up others, and its values of
one unit and such as can be added up. English questions only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from enum import Enum
from functools import partial

from rag.results import Calculation, Hit, PageText
from rag.tables.cells import YEAR, table_terms
from rag.tables.compared_rows import HAS_PEOPLE, first_meant, marked, with_citations
from rag.tables.row_conditions import MONTH_TERMS, Narrowed, narrowed
from rag.tables.summable import (
    HOW_MUCH_OF_IT,
    adds_nothing_up,
    are_alike,
    has_a_sum,
    is_identifier,
    last_sums_up,
    says_total,
    sums_up,
)
from rag.tables.whole_tables import (
    Figure,
    Row,
    Table,
    can_be_told,
    figures_of,
    hides_a_condition,
    names_over,
)
from rag.terms import is_negated

_SUM = re.compile(r"\b(?:totals?|sum|altogether|in all|combined|add(?:s|ed)? up)\b", re.IGNORECASE)
_MEAN = re.compile(r"\b(?:on average|averages?|mean)\b", re.IGNORECASE)
_VERB = (
    "is are was were do does did has have had can will in at on of for from with by to there we you"
    r" they i work\w* live\w* belong\w* cost\w* come\w*"
)
_HOW_MANY_WORDS = re.compile(r"\b(?:how (?:many|much)|number of)\b", re.IGNORECASE)
_HOW_MANY = re.compile(
    r"\b(?:how many|number of)\s+(?P<noun>(?:[\w-]+\s+){0,2}?[\w-]+?)"
    rf"(?=\s*\?|\s+(?:{_VERB.replace(' ', '|')})\b|\s*$)",
    re.IGNORECASE,
)
_YEARS = re.compile(
    r"\b(?:(?:from|between|in)\s+)?(?P<first>(?:19|20)\d\d)\s*(?:to|and|until|through|-|–)\s*"
    r"(?P<last>(?:19|20)\d\d)\b",
    re.IGNORECASE,
)
# What narrows rows down by more than a cell's text.
_COMPARED = re.compile(
    r"\b(?:more|less|fewer|over|under|above|below|between|before|after|since|until|except|other"
    r"|least|most|than|and|or|both|each|every|per|different|distinct|highest|lowest|increase\w*"
    r"|decrease\w*|change\w*|differ\w*)\b",
    re.IGNORECASE,
)
_PHRASING = table_terms(
    "table row column list listed entries records value figure number amount of any all one have"
    " has had overall spend spent pay paid cost earn earned sell sold buy bought order ordered use"
    " used make made work works worked live lives belong come comes give get together whole there"
    " still"
)
_OF_A_NAMED_COLUMN = table_terms("won win consumption consumed usage mark score grade result")
_SAYS_NOTHING = _PHRASING | _OF_A_NAMED_COLUMN | MONTH_TERMS  # until a table is looked at
_NAME_OF_A_NAME = table_terms("name no number nr id code")
_AMOUNTS = table_terms("amount")
_SHOWN_ROWS = 5  # more are told by the first and the last


class _Kind(Enum):
    """What is asked of the rows: the word that tells it."""

    SUM = "sum"
    MEAN = "mean"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class _Asked:
    """terms: of the question, without the words for the kind. what: is counted, as it is written.

    noun: its terms. years: the first and the last that the rows are to be of, if it names two.
    """

    question: str
    kind: _Kind
    terms: frozenset[str]
    what: str = ""
    noun: frozenset[str] = frozenset()
    years: tuple[str, str] | None = None


def sum_rows(question: str, hits: Sequence[Hit], page_text: PageText) -> Calculation | None:
    """The sum, the mean or the number of rows of the first table among the hits that is meant.

    None where the question asks for no such thing, and where that table does not tell for certain.
    """
    asked = _understood(question)
    if asked is None:
        return None
    found = first_meant(question, hits, page_text, partial(_is_meant, asked), one_title=True)
    return None if found is None else _computed(asked, *found)


def _understood(question: str) -> _Asked | None:
    years = _YEARS.search(question)
    between = (years["first"], years["last"]) if years else None
    plain = _YEARS.sub(" ", question)
    if _COMPARED.search(plain) or is_negated(plain):
        return None
    counted = _HOW_MANY.search(plain)
    what = counted["noun"] if counted else ""
    noun = table_terms(what.split()[-1]) if what else frozenset[str]()
    for kind, words in ((_Kind.SUM, _SUM), (_Kind.MEAN, _MEAN)):
        if words.search(plain):
            plain = _HOW_MANY_WORDS.sub(" ", words.sub(" ", plain))
            return _Asked(question, kind, table_terms(plain), what, noun, between)
    if counted is None or not noun:
        return None
    terms = table_terms(plain[counted.start("noun") :])
    return _Asked(question, _Kind.COUNT, terms, what, noun, between)


def _is_meant(asked: _Asked, table: Table, hit: Hit) -> bool:
    """Whether the question names a table, and says nothing that its names and cells do not have."""
    others = asked.terms - names_over(table, hit).union(*table.names)
    if asked.noun <= HAS_PEOPLE:
        others -= asked.noun  # a table of people need not say so
    is_named = bool(asked.noun or asked.terms - others)
    having = (table.cells_with(frozenset([term])) for term in others - _SAYS_NOTHING)
    return is_named and all(having)


def _computed(asked: _Asked, table: Table, hit: Hit) -> Calculation | None:
    if hides_a_condition(asked.question, table):
        return None
    column = _column(asked, table) if asked.kind is not _Kind.COUNT else None
    counts = asked.kind is _Kind.COUNT or (asked.kind is _Kind.SUM and bool(asked.noun))
    if column is None and not counts:
        return None
    if column is not None and asked.noun and not asked.noun <= table.names[column]:
        column = None  # "how many invoices in total" is of no column of figures
        if not counts:
            return None
    is_named = column is not None and bool(table.names[column] & asked.terms)
    meant = narrowed(
        asked.terms,
        table,
        accounted=asked.noun,
        rows=_of_years(asked.years, table),
        named=names_over(table, hit),
        looked_at=[0] if column is None else [0, column],
        phrasing=_PHRASING | (_OF_A_NAMED_COLUMN if is_named else frozenset()),
    )
    if meant is None:
        return None
    if column is None:
        return _counted(asked, meant, hit)
    return _added_up(asked.kind, column, meant, table, hit)


# --- which rows ---------------------------------------------------------------------------------


def _of_years(years: tuple[str, str] | None, table: Table) -> Table:
    """The rows of some years, where a column has nothing but years; else none."""
    if years is None:
        return table
    first, last = years
    for column in range(len(table.columns)):
        cells = [row.cells[column] for row in table.rows]
        if all(map(YEAR.fullmatch, cells)) and {first, last} <= set(cells):
            rows = (row for row in table.rows if first <= row.cells[column] <= last)
            return replace(table, rows=tuple(rows))
    return replace(table, rows=())


# --- what of them -------------------------------------------------------------------------------


def _column(asked: _Asked, table: Table) -> int | None:
    """The one column of figures that the question names best, of several the one of money.

    Where it names none, for a sum, the only one of money or of amounts. The first column and
    numbers that are names are none.
    """
    names = table.names
    possible = [
        at for at in range(1, len(names)) if table.has_figures(at) and not is_identifier(at, table)
    ]
    shared = {at: len(names[at] & asked.terms) for at in possible}
    most = max(shared.values(), default=0)
    best = [at for at in possible if shared[at] == most]
    if most == 0 and asked.kind is _Kind.MEAN:
        return None
    if len(best) > 1 or most == 0:
        best = [at for at in best if table.is_money(at) or (most == 0 and _is_amount(at, table))]
    return best[0] if len(best) == 1 else None


def _is_amount(column: int, table: Table) -> bool:
    """Whether a column is called an amount, as of invoices without a currency."""
    return bool(table.names[column] & _AMOUNTS) and figures_of(table, column) is not None


def _added_up(
    kind: _Kind, column: int, meant: Narrowed, table: Table, hit: Hit
) -> Calculation | None:
    """table: the whole of it."""
    every, figures = figures_of(table, column), figures_of(meant.rows, column)
    if not every or not figures or len({figure.unit for figure, _ in every}) != 1:
        return None
    if adds_nothing_up(column, table, is_mean=kind is _Kind.MEAN):
        return None
    summing = [row for row in table.rows if sums_up(row.cells[0])]
    if summing:
        told, last = every[-1]
        if last is not summing[-1] or not says_total(last.cells[0]):
            return None
        every = [(figure, row) for figure, row in every if row not in summing]
        adds_up = are_alike(told.value, sum(figure.value for figure, _ in every))
        if kind is _Kind.SUM and not meant.condition:
            is_told = adds_up or summing == [last]
            return _told_by_row(last, column, table, hit) if is_told else None
        if not adds_up:
            return None
        figures = [(figure, row) for figure, row in figures if row not in summing]
    if len(figures) < 2 or has_a_sum([figure.value for figure, _ in every]):
        return None
    return _told(kind, figures, column, meant, hit)


def _counted(asked: _Asked, meant: Narrowed, hit: Hit) -> Calculation | None:
    """How many rows there are, where a row is one of what is counted."""
    rows = meant.rows
    subject = rows.names[0]
    stem = table_terms(hit.document_name.rpartition(".")[0].replace("_", " "))
    is_named = asked.noun in (
        subject - _NAME_OF_A_NAME,
        frozenset(term for term in stem if not YEAR.fullmatch(term)),
    )
    are_people = meant.condition and asked.noun <= HAS_PEOPLE and subject & HAS_PEOPLE
    if not is_named and not are_people:
        return None
    if any(name & (HOW_MUCH_OF_IT | asked.noun) for name in rows.names[1:]):
        return None  # its figures are how many there are
    names = {row.cells[0].casefold() for row in rows.rows}
    if not names or "" in names or len(names) < len(rows.rows):
        return None
    if any(map(sums_up, names)) or last_sums_up(rows):
        return None
    count = str(len(rows.rows))
    which = f"the rows with {meant.condition}" if meant.condition else "all rows"
    what = asked.what[:1].upper() + asked.what[1:]
    told = [(row, row.cells[0]) for row in rows.rows]
    return _answer(f"{what}: {count}, {which}", told, count, hit)


def _told_by_row(row: Row, column: int, table: Table, hit: Hit) -> Calculation | None:
    told = f"{row.cells[0]}, {table.columns[column]}: {row.cells[column]}"
    if not can_be_told([told]):
        return None
    return with_citations(f"{told} [1].", row.cells[column], [row], hit)


def _told(
    kind: _Kind,
    parts: Sequence[tuple[Figure, Row]],
    column: int,
    meant: Narrowed,
    hit: Hit,
) -> Calculation | None:
    total = sum((Decimal(str(figure.value)) for figure, _ in parts), Decimal(0))
    places = max(_places(figure) for figure, _ in parts)
    if kind is _Kind.MEAN:
        total /= len(parts)
        places = places if total == round(total, places) else max(places, 2)
    result = _written(total, places, parts, column)
    of = f"{meant.rows.columns[column]}, {len(parts)} rows"
    if meant.condition:
        of += f" with {meant.condition}"
    rows = [(row, ", ".join(filter(None, (row.cells[0], row.cells[column])))) for _, row in parts]
    return _answer(f"The {kind.value} of {of}: {result}", rows, result, hit)


def _places(figure: Figure) -> int:
    """How many decimal places a figure is written with."""
    point = re.search(r"[.,](\d{1,2}|\d{4,}|(?<=\.)\d{3})$", figure.digits)
    return len(point.group(1)) if point else 0


def _written(value: Decimal, places: int, parts: Sequence[tuple[Figure, Row]], column: int) -> str:
    """A number, written as the figures of the column are."""
    groups = any("," in figure.digits and figure.value >= 1000 for figure, _ in parts)
    exact = value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    number = f"{exact:,}" if groups else f"{exact}"
    like = next(((f, row) for f, row in parts if f.value >= 0), None)
    if like is None or value < 0:
        return number
    figure, row = like
    return row.cells[column].replace(figure.digits, number, 1)


def _answer(
    label: str, rows: Sequence[tuple[Row, str]], short: str, hit: Hit
) -> Calculation | None:
    """The label, and what is said of each row with its citation; of many, the first and last."""
    few = len(rows) <= _SHOWN_ROWS
    shown = rows if few else [rows[0], rows[-1]]
    if not can_be_told([label, *(said for _, said in shown)]):
        return None
    each = marked(said for _, said in shown)
    told = "; ".join(each) if few else f"the first: {each[0]}; the last: {each[1]}"
    return with_citations(f"{label} ({told}).", short, [row for row, _ in shown], hit)
