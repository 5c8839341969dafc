"""Which table is compared, what its rows are called, and how the answer is told. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from rag.results import Calculation, Hit, PageText
from rag.tables.cells import is_number_of_things, table_terms
from rag.tables.times import moments_of
from rag.tables.whole_tables import (
    Row,
    Table,
    can_be_told,
    figures_of,
    has_a_like,
    hides_a_condition,
    is_of_another_year,
    tables_near,
    with_other_pages,
)

# Who or what is asked for, where a column "Name" or "Item" has them.
PEOPLE = table_terms("people person employee staff member worker colleague someone")
THINGS = table_terms("item product article thing")
HAS_PEOPLE = PEOPLE | table_terms("name")
_HAS_THINGS = THINGS | table_terms("name description title model")
_CODE = re.compile(r"[A-Za-z]{0,4}[-./]?\d[\w./-]*")
_WORD = re.compile(r"[^\W\d_]{2}")
MOST_OTHERS = 4  # that are named beside the answer


def first_that_tells(
    question: str,
    hits: Sequence[Hit],
    page_text: PageText,
    compared: Callable[[Table, Hit], Calculation | None],
) -> Calculation | None:
    """What is compared of the whole of the first table among the hits of which anything is.

    None where no table tells, and where the first that does is not whole or has a like.
    """

    def tells(table: Table, hit: Hit) -> bool:
        return not hides_a_condition(question, table) and compared(table, hit) is not None

    found = first_meant(question, hits, page_text, tells)
    return None if found is None else compared(*found)


def first_meant(
    question: str,
    hits: Sequence[Hit],
    page_text: PageText,
    is_meant: Callable[[Table, Hit], bool],
    *,
    one_title: bool = False,
) -> tuple[Table, Hit] | None:
    """The whole of the first table among the hits that is meant, and the hit that found it.

    None where that one is not whole or has a like. one_title: see with_other_pages.
    """
    for table, hit in tables_near(hits, page_text):
        if is_of_another_year(question, table) or not is_meant(table, hit):
            continue
        whole = with_other_pages(table, hit, page_text, one_title=one_title)
        if whole is None or has_a_like(whole, hits, hit, page_text):
            return None
        return whole, hit
    return None


def name_column(table: Table) -> int:
    """The column of what the rows are called.

    The first; where that has numbers, codes or dates, the first that has another name in each row.
    """
    if not has_codes(table, 0) and moments_of(table, 0) is None:
        return 0
    for at in range(1, len(table.columns)):
        cells = {row.cells[at].casefold() for row in table.rows}
        if (
            len(cells) == len(table.rows)
            and all(map(_WORD.search, cells))
            and not is_number_of_things(table.columns[at])
            and not _has_measures(table, at)
            and moments_of(table, at) is None
            and not has_codes(table, at)
        ):
            return at
    return 0


def column_called(noun: frozenset[str], table: Table) -> int | None:
    """The column of what a noun means: "Course" rather than "Course no." for "course"."""
    found = [at for at, name in enumerate(table.names) if noun and noun <= name]
    of_names = [at for at in found if not is_number_of_things(table.columns[at])]
    return next(iter(of_names or found), None)


def nouns_of(table: Table, column: int) -> frozenset[str]:
    """The terms that a question may call the things in a column by, besides its name."""
    name = table.names[column]
    people = PEOPLE if name & HAS_PEOPLE else frozenset[str]()
    return people | (THINGS if name & _HAS_THINGS else frozenset[str]())


def has_codes(table: Table, column: int) -> bool:
    """Whether the cells of a column are numbers or codes of things: "L-101", "10A"."""
    return is_number_of_things(table.columns[column]) or all(
        _CODE.fullmatch(row.cells[column]) for row in table.rows
    )


def told(
    label: str, rows: Sequence[Row], columns: Sequence[int], hit: Hit, *, short: str
) -> Calculation | None:
    """The label, these cells of the first row, and of the others, all or the next where many."""
    shown = rows if len(rows) <= MOST_OTHERS + 1 else rows[:2]
    said = [", ".join(row.cells[at] for at in dict.fromkeys(columns)) for row in shown]
    if not can_be_told([label, *said]):
        return None
    first, *others = marked(said)
    text = f"{label}: {first}."
    if len(shown) < len(rows):
        text += f" Next of {len(rows)}: {others[0]}."
    elif others:
        text += f" The other{'s' if len(others) > 1 else ''}: {'; '.join(others)}."
    return with_citations(text, short, shown, hit)


def marked(said: Iterable[str]) -> list[str]:
    """What is said of rows, each with its marker, in turn."""
    return [f"{text} [{marker}]" for marker, text in enumerate(said, start=1)]


def with_citations(text: str, short: str, rows: Sequence[Row], hit: Hit) -> Calculation:
    """The answer with the rows that its markers name, in turn."""
    citations = tuple(
        row.cited(hit, marker=marker, statement=text) for marker, row in enumerate(rows, start=1)
    )
    return Calculation(text, short, citations)


def _has_measures(table: Table, column: int) -> bool:
    """Whether the cells are figures of one unit; addresses begin with figures, too."""
    figures = figures_of(table, column)
    return figures is not None and len({figure.unit for figure, _ in figures}) == 1
