"""Which row of a table has the most of a column, the least, or none: told by code, not read. Pure.

Precise before it is helpful: every word of the question must be one of the table's names (of its
columns, of what stands above it, of its document) or stand in one cell that the rows to compare
share, the values must be of one unit, and the whole table must be there. English questions only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rag.results import Calculation, Hit, PageText
from rag.tables.cells import YEAR, is_number_of_things, table_terms
from rag.tables.compared_rows import (
    MOST_OTHERS,
    THINGS,
    column_called,
    has_codes,
    marked,
    name_column,
    nouns_of,
    told,
    with_citations,
)
from rag.tables.row_conditions import Narrowed, narrowed
from rag.tables.summable import are_alike, is_running_number, may_be_names
from rag.tables.times import moments_of
from rag.tables.whole_tables import (
    Figure,
    Row,
    Table,
    can_be_told,
    figures_of,
    hides_a_condition,
    is_of_another_year,
    is_year,
    names_over,
    tables_near,
    with_other_pages,
)

_GREATEST = "highest largest biggest most greatest longest heaviest tallest fastest"
_LEAST = "lowest smallest least fewest shortest lightest slowest"
_DEAREST = r"dearest|costliest|most (?:expensive|costly)"
_CHEAPEST = r"cheapest|least (?:expensive|costly)"
_SUPERLATIVE = re.compile(
    rf"(?<!\bat )\b(?:(?P<money>(?P<cheapest>{_CHEAPEST})|{_DEAREST})"
    rf"|(?P<least>{_LEAST.replace(' ', '|')})|{_GREATEST.replace(' ', '|')})\b",
    re.IGNORECASE,
)
_OF_SIZE = frozenset(["largest", "biggest", "smallest"])
# Of a thing, not of how many there are of it: "the longest car", but not "the most bedrooms".
_MEASURES_OF_THINGS = "greatest longest shortest heaviest lightest tallest fastest slowest"
_OF_THINGS = _OF_SIZE | frozenset(_MEASURES_OF_THINGS.split())
_WHICH = re.compile(r"\b(?:which|what|who|whose|where|when)\b", re.IGNORECASE)
_COSTS = re.compile(r"\bcosts?\b(?=.{0,20}\b(?:most|least)\b)", re.IGNORECASE)
# What a column is called that such a word, or the verb beside it, is about.
_IMPLIED = tuple(
    (re.compile(words, re.IGNORECASE), re.compile(rf"\b(?:{names})\b", re.IGNORECASE))
    for words, names in (
        (r"\b(?:heaviest|lightest)\b", "weight|mass"),
        (r"\btallest\b", "height"),
        (r"\b(?:earns?|earned|(?:highest|best|lowest|least|worst)[- ]paid)\b", "salary|wages?|pay"),
    )
)
_PERIODS = table_terms("year month week quarter day date season period")
_WITHOUT = re.compile(
    r"^\W*(?:which|what) (?P<noun>[\w-]+) (?:need|needs|have|has|require|requires|come with"
    r"|comes with) no (?P<of>[\w-]+(?: [\w-]+)?)\W*$",
    re.IGNORECASE,
)
# "What is the highest price?" asks for the price, "which is the highest mountain?" for its name.
_ASKS_FOR_VALUE = re.compile(r"\bwhat(?:'s|’s| is| was| are| were) the \w+est\b", re.IGNORECASE)
_NOT_THE_FIRST = re.compile(r"\b(?:second|third|fourth|fifth|next|top|two|three)\b", re.IGNORECASE)
# "What is the price of the cheapest laptop?"
_DETAIL = re.compile(
    r"\bwhat(?:['’]s| is| was| are| were) the (?P<of>[\w-]+) of the ", re.IGNORECASE
)
_PHRASING = table_terms("has had table row column value figure number amount of any all one list")
# These say nothing where a column is named besides: "the highest mark in English".
_OF_A_NAMED_COLUMN = table_terms("mark score grade result use used won win get got")
_SAYS_COLUMN = table_terms("cost costs earn earns earned paid pay")  # together with a superlative
_DAYS = {"minute": 1 / 1440, "hour": 1 / 24, "day": 1.0, "week": 7.0, "month": 30.4, "year": 365.0}
_NAMES_OF_SUMS = "total totals sum all overall group average mean median subtotal altogether"
_SUMS = frozenset(_NAMES_OF_SUMS.split())


@dataclass(frozen=True, slots=True)
class _Asked:
    """terms: of the question, without the superlative. noun: what comes after "which", if any.

    of: what comes after the superlative. of_money: the question says that it is of prices.
    implied: of the names of columns that the superlative may mean. is_who, is_when: a person, a
    time is asked for.
    """

    superlative: str
    smallest: bool
    of_money: bool
    terms: frozenset[str]
    noun: frozenset[str]
    of: frozenset[str]
    implied: re.Pattern[str] | None
    is_who: bool
    is_when: bool
    wants_value: bool
    detail: frozenset[str]


def compare_rows(question: str, hits: Sequence[Hit], page_text: PageText) -> Calculation | None:
    """The row with the most or the least, of the first table among the hits that tells.

    Of a question for those that have none of something, the rows with 0. None where the question
    asks for no such thing, and where no table tells for certain.
    """
    if without := _WITHOUT.search(question):
        return _rows_without(question, without, hits, page_text)
    asked = _understood(question)
    if asked is None:
        return None
    for table, hit in tables_near(hits, page_text):
        if is_of_another_year(question, table) or hides_a_condition(question, table):
            continue
        if table_terms(asked.superlative) & names_over(table, hit).union(*table.names):
            continue  # "the highest dose" is what a column says, not its largest figure
        if _meant(asked, table, hit) is None:
            continue
        whole = with_other_pages(table, hit, page_text)
        found = _compared(asked, whole, hit) if whole is not None else None
        if found is not None:
            return found
    return None


def _rows_without(
    question: str, without: re.Match[str], hits: Sequence[Hit], page_text: PageText
) -> Calculation | None:
    """The rows of the first table among the hits that have 0 of what they are to have none of."""
    noun, of = table_terms(without["noun"]), table_terms(without["of"])
    for table, hit in tables_near(hits, page_text):
        names = table.names
        subjects = [at for at, name in enumerate(names) if noun and noun <= name]
        columns = [at for at, name in enumerate(names) if of and of <= name]
        if len(subjects) != 1 or len(columns) != 1 or subjects == columns:
            continue
        whole = with_other_pages(table, hit, page_text)
        if whole is None or hides_a_condition(question, table):
            return None
        subject, column = subjects[0], columns[0]
        figures = figures_of(whole, column) or []
        rows = [row for figure, row in figures if figure.value == 0]
        if len(figures) < len(whole.rows) or not 0 < len(rows) <= MOST_OTHERS:
            return None  # of an empty cell nobody knows whether it is none
        said = [f"{row.cells[subject]}, {row.cells[column]}" for row in rows]
        name = whole.columns[column]
        if not all(row.cells[subject] for row in rows) or not can_be_told([name, *said]):
            return None
        text = f"{name}: {'; '.join(marked(said))}."
        short = ", ".join(row.cells[subject] for row in rows)
        return with_citations(text, short, rows, hit)
    return None


def _understood(question: str) -> _Asked | None:
    found = _SUPERLATIVE.search(question)
    which = _WHICH.search(question)
    if found is None or which is None or _NOT_THE_FIRST.search(question):
        return None
    word = found.group().casefold()
    following = question[which.end() :].split()
    after = re.findall(r"[\w-]+", question[found.end() :])
    implied = next((names for words, names in _IMPLIED if words.search(question)), None)
    of_money = bool(found["money"] or _COSTS.search(question))
    detail = _DETAIL.search(question[: found.start()])
    wanted = table_terms(detail["of"]) if detail else frozenset[str]()
    terms = table_terms(question) - table_terms(word) - _PHRASING - wanted
    return _Asked(
        superlative=word,
        smallest=bool(found["cheapest"] or found["least"]),
        of_money=of_money,
        terms=terms - _SAYS_COLUMN if of_money or implied else terms,
        noun=table_terms(following[0]) if following else frozenset(),
        of=table_terms(after[0]) if after else frozenset(),
        implied=implied,
        is_who=which.group().casefold() in ("who", "whose"),
        is_when=which.group().casefold() == "when",
        wants_value=not found["money"] and bool(_ASKS_FOR_VALUE.search(question)),
        detail=wanted,
    )


def _compared(asked: _Asked, table: Table, hit: Hit) -> Calculation | None:
    meant = _meant(asked, table, hit)
    if meant is None:
        return None
    subject, column, rows_meant = meant
    names = table.names
    if asked.superlative in _OF_SIZE and not _is_named(asked, names, subject, column):
        asked = replace(asked, wants_value=asked.wants_value and is_year(names[column]))
    elif asked.of and asked.of <= names[subject] | nouns_of(table, subject):
        asked = replace(asked, wants_value=False)  # "What is the heaviest item?"
    detail = column_called(asked.detail, table) if asked.detail else None
    if asked.detail and detail is None:
        return None
    values = _values(rows_meant.rows, subject, column)
    ordered = sorted(values, key=lambda pair: pair[0], reverse=not asked.smallest)
    if len(ordered) < 2 or ordered[0][0] == ordered[1][0]:
        return None
    rows = [row for _, row in ordered]
    columns = (subject, column) if detail is None else (subject, column, detail)
    return _told(asked, table, rows, columns, hit, condition=rows_meant.condition)


def _compared_column(asked: _Asked, table: Table, hit: Hit) -> tuple[int, int] | None:
    """The column of what is asked for, and the one of what is compared."""
    names = table.names
    subject = _subject(asked, table, hit)
    if subject is None:
        return None
    may_be_meant = table.is_money if asked.of_money else table.has_figures
    possible = [
        at
        for at in range(len(names))
        if at != subject
        and may_be_meant(at)
        and moments_of(table, at) is None
        and (figures_of(table, at) is not None or not has_codes(table, at))
    ]
    figures = [at for at in possible if not _numbers_things(asked, at, table)]
    column = _column(asked, table, subject, figures)
    if asked.superlative in _OF_SIZE:
        column = _column_of_size(asked, table, subject, column, figures)
    return None if column is None else (subject, column)


def _meant(asked: _Asked, table: Table, hit: Hit) -> tuple[int, int, Narrowed] | None:
    """The column of what is asked for, that of what is compared, and the rows to compare.

    None where a word of the question is not accounted for.
    """
    at = _compared_column(asked, table, hit)
    if at is None:
        return None
    subject, column = at
    is_named = bool(table.names[column] & asked.terms)
    rows = narrowed(
        asked.terms,
        table,
        named=names_over(table, hit),
        looked_at={0, *at},
        accounted=nouns_of(table, subject),
        phrasing=_PHRASING | (_OF_A_NAMED_COLUMN if is_named else frozenset()),
    )
    return None if rows is None else (subject, column, rows)


def _subject(asked: _Asked, table: Table, hit: Hit) -> int | None:
    """The column of what is asked for; a first one without a name may have it in the caption."""
    names, called = table.names, name_column(table)
    if asked.is_when:
        return 0 if names[0] & _PERIODS else None
    if asked.is_who and not asked.noun:
        return called
    if not asked.noun:
        named = column_called(asked.of, table)
        is_name = named is not None and (not named or figures_of(table, named) is None)
        return named if is_name else called
    if (subject := column_called(asked.noun, table)) is not None:
        return called if asked.is_who and may_be_names(subject, table) else subject
    nouns = nouns_of(table, called)
    is_of_title = nouns & THINGS and asked.noun <= names_over(table, hit)
    if is_of_title or asked.noun <= nouns or table.cells_with(asked.noun) or asked.is_who:
        return called
    return 0 if not names[0] and asked.noun <= table_terms(table.above) else None


def _column(asked: _Asked, table: Table, subject: int, possible: Sequence[int]) -> int | None:
    """The one of the possible columns that the question names best.

    Where it names none: the one that the superlative implies, the only one, or the last year.
    """
    names = table.names
    wanted = asked.terms - names[subject]
    of_conditions = {
        at
        for row in table.rows
        for at, cell in enumerate(row.cells)
        if (terms := table_terms(cell)) and terms <= asked.terms
    }
    shared = {
        at: len(names[at] & wanted)
        for at in range(len(names))
        if at != subject and at not in of_conditions  # "in the kitchen category"
    }
    possible = [at for at in possible if at in shared]
    most = max(shared.values(), default=0)
    if most == 0 and possible and all(is_year(names[at]) for at in possible):
        asks_for_year = any(map(YEAR.fullmatch, asked.terms))
        return None if asks_for_year else max(possible, key=lambda at: max(names[at]))
    if most == 0 and asked.implied is not None:
        possible = [at for at in possible if asked.implied.search(table.columns[at])]
    best = [at for at in possible if shared[at] == most]
    return best[0] if len(best) == 1 else None


def _numbers_things(asked: _Asked, column: int, table: Table) -> bool:
    """Whether a column has numbers of plots or cars, not how large they are."""
    if is_number_of_things(table.columns[column]):
        return True
    if not may_be_names(column, table):
        return False
    of_things = asked.superlative in _OF_THINGS
    return column == 0 or (of_things and is_running_number(column, table))


def _column_of_size(
    asked: _Asked, table: Table, subject: int, named: int | None, figures: Sequence[int]
) -> int | None:
    """The column that the question names, or the one column of sizes where it names none.

    "The largest plot" is no number of a plot, and "the largest flat" is not the dearest. None
    where it is in doubt which is meant: "the largest staff" of a table with sizes. figures: the
    columns of which one may be named.
    """
    names = table.names
    sizes = [at for at in range(len(names)) if at != subject and table.is_of_size(at)]
    if named is not None and (is_year(names[named]) or _is_named(asked, names, subject, named)):
        is_doubtful = bool(sizes) and named not in sizes and may_be_names(named, table)
        return None if is_doubtful else named
    if any(_is_named(asked, names, subject, at) for at in figures if at not in sizes):
        return None
    return sizes[0] if len(sizes) == 1 else None


def _is_named(asked: _Asked, names: Sequence[frozenset[str]], subject: int, column: int) -> bool:
    """Whether the question has a word of a column besides those of what it asks for."""
    return bool(names[column] & (asked.terms - names[subject]))


def _values(table: Table, subject: int, column: int) -> list[tuple[float, Row]]:
    """The values of a column with their rows, sums left out; [] where they cannot be compared."""
    figures = figures_of(table, column) or []
    found = [(*_comparable(figure), row) for figure, row in figures]
    if len({unit for _, unit, _ in found}) != 1:
        return []
    total = sum(value for value, _, _ in found)
    edges = (found[0][2], found[-1][2])
    kept = [
        (value, row)
        for value, _, row in found
        if not _is_called_sum(row.cells[subject])
        and not (row in edges and len(found) > 3 and are_alike(value, total - value))
    ]
    named = {row.cells[subject].casefold() for _, row in kept}
    return kept if len(named) == len(kept) and "" not in named else []


def _is_called_sum(name: str) -> bool:
    return name.casefold() in _SUMS or name.casefold().split()[:1] == ["total"]


def _comparable(figure: Figure) -> tuple[float, str]:
    """Value and unit; times in days."""
    days = _DAYS.get(figure.unit)
    return (figure.value, figure.unit) if days is None else (figure.value * days, "day")


def _told(
    asked: _Asked,
    table: Table,
    rows: Sequence[Row],
    at: tuple[int, ...],
    hit: Hit,
    *,
    condition: str,
) -> Calculation | None:
    """The answer, which names the other rows where they are few, and else how many there are."""
    subject, column, *detail = at
    name = table.columns[column]
    if YEAR.fullmatch(name) and (title := table.columns[subject] or table.title):
        name = f"{title}, {name}"
    label = ", ".join(part for part in (f"The {asked.superlative}", name, condition) if part)
    short = rows[0].cells[detail[0] if detail else column if asked.wants_value else subject]
    return told(label, rows, at, hit, short=short)
