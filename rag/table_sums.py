"""Sums and means of a column, and how many rows there are: computed of all rows, not read. Pure.

Precise before it is helpful, as `rag.table_extremes`: every word of the question must be one of the
table's names or a cell that the rows meant share, the whole table must be there, and its values of
one unit. What a row of the table sums up already is told by that row. English questions only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from enum import Enum

from rag.citations import Calculation, PageText, without_markers
from rag.results import Hit
from rag.table_cells import table_terms
from rag.terms import is_negated
from rag.whole_tables import (
    YEAR,
    Figure,
    Row,
    Table,
    figures_of,
    is_called_sum,
    is_sum,
    is_year,
    names_over,
    rows_with,
    tables_near,
    with_other_pages,
)

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
)
_PEOPLE = table_terms("people persons names employees staff members workers colleagues")
_EACH = table_terms("each unit rate single percent percentage share ratio index score")
_PRICE = table_terms("price cost fee charge")
_HOW_MUCH_OF_IT = table_terms("quantity qty units pieces count hours nights days number")
_MEANS = table_terms("average mean median")
_SHOWN_ROWS = 5  # more are told by the first and the last
_LONGEST_NAME = 200  # of what is said of a row, characters


class _Kind(Enum):
    """What is asked of the rows: the word that tells it."""

    SUM = "sum"
    MEAN = "mean"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class _Asked:
    """terms: of the question, without the words for the kind. noun: what is counted.

    years: the first and the last that the rows are to be of, if it names two.
    """

    kind: _Kind
    terms: frozenset[str]
    noun: frozenset[str] = frozenset()
    years: tuple[str, str] | None = None


def sum_rows(question: str, hits: Sequence[Hit], page_text: PageText) -> Calculation | None:
    """The sum, the mean or the number of rows, of the first table among the hits that tells.

    None where the question asks for no such thing, and where no table tells for certain.
    """
    asked = _understood(question)
    if asked is None:
        return None
    for table, hit in tables_near(hits, page_text):
        known = names_over(table, hit)
        others = asked.terms - known
        if not (asked.noun or asked.terms & known) or not _may_be_of(table, others):
            continue
        whole = with_other_pages(table, hit, page_text)
        if whole is None:
            continue
        narrowed = _narrowed(others, _of_years(asked.years, whole))
        found = _computed(asked, *narrowed, whole, hit) if narrowed is not None else None
        if found is not None:
            return found
    return None


def _understood(question: str) -> _Asked | None:
    years = _YEARS.search(question)
    between = (years["first"], years["last"]) if years else None
    question = _YEARS.sub(" ", question)
    if _COMPARED.search(question) or is_negated(question):
        return None
    for kind, words in ((_Kind.SUM, _SUM), (_Kind.MEAN, _MEAN)):
        if words.search(question):
            plain = _HOW_MANY_WORDS.sub(" ", words.sub(" ", question))
            return _Asked(kind, table_terms(plain), years=between)
    counted = _HOW_MANY.search(question)
    noun = table_terms(counted["noun"].split()[-1]) if counted else None
    if counted is None or not noun:
        return None
    terms = table_terms(question[counted.start("noun") :])
    return _Asked(_Kind.COUNT, terms - noun if noun <= _PEOPLE else terms, noun, between)


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


def _may_be_of(table: Table, others: frozenset[str]) -> bool:
    """Whether the cells of a page's table have the words that its names lack."""
    return all(table.cells_with(frozenset([term])) for term in others - _PHRASING)


def _narrowed(others: frozenset[str], table: Table) -> tuple[str, Table] | None:
    """The rows that have what is asked for, and how they are told from the rest, if they are.

    Words of asking count where a cell has them: "paid" may be what all of the rows meant say.
    """
    conditions: list[str] = []
    for terms in [others] if rows_with(others, table) else [{term} for term in sorted(others)]:
        found = _rows_of(frozenset(terms), table)
        if found is None:
            if terms <= _PHRASING:
                continue
            return None
        condition, table = found
        if condition not in conditions:
            conditions.append(condition)
    return " and ".join(conditions), table


def _rows_of(terms: frozenset[str], table: Table) -> tuple[str, Table] | None:
    """Rows that share a cell with these terms; those of a year may have several dates of it."""
    found = rows_with(terms, table) if terms else None
    if found is not None:
        column, cell, narrowed = found
        return f"{table.columns[column]} {cell}".strip(), narrowed
    cells = table.cells_with(terms) if terms and all(map(YEAR.fullmatch, terms)) else set()
    if len({column for column, _ in cells}) != 1:
        return None
    column = next(iter(cells))[0]
    rows = tuple(row for row in table.rows if terms <= table_terms(row.cells[column]))
    return f"{table.columns[column]} {' '.join(terms)}".strip(), replace(table, rows=rows)


def _computed(
    asked: _Asked, condition: str, rows: Table, whole: Table, hit: Hit
) -> Calculation | None:
    """condition: how the rows that are meant are told from the whole table; "" for all of it."""
    if asked.kind is _Kind.COUNT:
        return _counted(asked, condition, rows, hit)
    column = _column(asked, whole)
    if column is None:
        return None
    figures = figures_of(rows, column)
    if not figures or len({figure.unit for figure, _ in figures}) != 1:
        return None
    summed = [
        (figure, row)
        for figure, row in figures
        if is_called_sum(row.cells[0])
        and bool(table_terms(row.cells[0]) & _MEANS) == (asked.kind is _Kind.MEAN)
    ]
    if len(summed) == 1 and not condition:
        return _told_by_row(summed[0][1], column, rows, hit)
    total = sum(figure.value for figure, _ in figures)
    parts = [
        (figure, row)
        for figure, row in figures
        if not is_sum(row.cells[0], figure.value, total - figure.value, len(figures))
    ]
    if len(parts) < 2 or len(parts) < len(figures) - 1 or _adds_nothing_up(asked, column, whole):
        return None
    return _told(asked.kind, parts, column, condition, rows, hit)


def _column(asked: _Asked, table: Table) -> int | None:
    """The one column of figures that the question names best; where it names none, the only one.

    Where several are left, the one of money.
    """
    names = table.names
    possible = [at for at in range(len(names)) if table.has_figures(at) and figures_of(table, at)]
    shared = {at: len(names[at] & asked.terms) for at in possible}
    most = max(shared.values(), default=0)
    best = [at for at in possible if shared[at] == most and (most or at > 0)]
    if len(best) > 1:
        best = [at for at in best if table.is_money(at)]
    return best[0] if len(best) == 1 else None


def _adds_nothing_up(asked: _Asked, column: int, table: Table) -> bool:
    """Whether the sum or the mean of a column says nothing: of prices a piece, years, shares."""
    name = table.names[column]
    if is_year(name) or name & _EACH or any("%" in row.cells[column] for row in table.rows):
        return True
    others = frozenset().union(*(each for at, each in enumerate(table.names) if at != column))
    return asked.kind is _Kind.SUM and bool(name & _PRICE and others & _HOW_MUCH_OF_IT)


def _counted(asked: _Asked, condition: str, rows: Table, hit: Hit) -> Calculation | None:
    """How many rows there are, where a row is one of what is counted."""
    subject = rows.names[0]
    stem = table_terms(hit.document_name.rpartition(".")[0].replace("_", " "))
    is_named = asked.noun <= subject or asked.noun == {t for t in stem if not YEAR.fullmatch(t)}
    if not is_named and not (condition and asked.noun <= _PEOPLE and subject & _PEOPLE):
        return None
    numbers = (at for at in range(1, len(rows.columns)) if rows.has_figures(at))
    if any(rows.names[at] & asked.noun for at in numbers):
        return None  # its figures are how many there are
    counted = [row for row in rows.rows if not is_called_sum(row.cells[0])]
    names = {row.cells[0].casefold() for row in counted}
    if not counted or "" in names or len(names) < len(counted):
        return None
    rows_told = [(row, row.cells[0]) for row in counted]
    return _answer(_rows_told(len(counted), condition), rows_told, str(len(counted)), hit)


def _told_by_row(row: Row, column: int, table: Table, hit: Hit) -> Calculation | None:
    told = f"{row.cells[0]}, {table.columns[column]}: {row.cells[column]}"
    if not _can_be_told([told]):
        return None
    citation = row.cited(hit, marker=1, statement=f"{told} [1].")
    return Calculation(citation.statement, row.cells[column], (citation,))


def _told(
    kind: _Kind,
    parts: Sequence[tuple[Figure, Row]],
    column: int,
    condition: str,
    table: Table,
    hit: Hit,
) -> Calculation | None:
    total = sum((Decimal(str(figure.value)) for figure, _ in parts), Decimal(0))
    places = max(_places(figure) for figure, _ in parts)
    if kind is _Kind.MEAN:
        total /= len(parts)
        places = places if total == round(total, places) else max(places, 2)
    result = _written(total, places, parts, column)
    of = f"{table.columns[column]}, {_rows_told(len(parts), condition)}"
    rows = [(row, _named(row, column)) for _, row in parts]
    return _answer(f"The {kind.value} of {of}: {result}", rows, result, hit)


def _rows_told(count: int, condition: str) -> str:
    rows = f"{count} {'row' if count == 1 else 'rows'}"
    return f"{rows} with {condition}" if condition else rows


def _named(row: Row, column: int) -> str:
    cells = [row.cells[0], row.cells[column]] if column else [row.cells[0]]
    return ", ".join(cell for cell in cells if cell)


def _places(figure: Figure) -> int:
    """How many decimal places a figure is written with."""
    point = re.search(r"[.,](\d{1,2}|\d{4,}|(?<=\.)\d{3})$", figure.digits)
    return len(point.group(1)) if point else 0


def _written(value: Decimal, places: int, parts: Sequence[tuple[Figure, Row]], column: int) -> str:
    """A number, written as the figures of the column are."""
    groups = any("," in figure.digits and figure.value >= 1000 for figure, _ in parts)
    exact = value.quantize(Decimal(1).scaleb(-max(places, 0)), ROUND_HALF_UP)
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
    if not _can_be_told([label, *(said for _, said in shown)]):
        return None
    marked = [f"{said} [{marker}]" for marker, (_, said) in enumerate(shown, start=1)]
    told = "; ".join(marked) if few else f"the first: {marked[0]}; the last: {marked[1]}"
    text = f"{label} ({told})."
    citations = tuple(
        row.cited(hit, marker=marker, statement=text)
        for marker, (row, _) in enumerate(shown, start=1)
    )
    return Calculation(text, short, citations)


def _can_be_told(texts: Sequence[str]) -> bool:
    """Whether texts of a document are short, and look like no citation."""
    return all(len(text) <= _LONGEST_NAME and without_markers(text) == text for text in texts)
