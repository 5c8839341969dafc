"""Which row of a table has the most of a column, or the least: compared by code, not read. Pure.

Precise before it is helpful: every word of the question must be one of the table's names (of its
columns, of what stands above it, of its document) or stand in one cell that the rows to compare
share, the values must be of one unit, and the whole table must be there. English questions only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rag.citations import Calculation, PageText, without_markers
from rag.results import Citation, Hit
from rag.sentences import is_row
from rag.table_cells import MONEY, cells_of, table_terms

_GREATEST = "highest largest biggest most greatest longest heaviest tallest fastest"
_LEAST = "lowest smallest least fewest shortest lightest slowest"
_DEAREST = r"dearest|costliest|most (?:expensive|costly)"
_CHEAPEST = r"cheapest|least (?:expensive|costly)"
_SUPERLATIVE = re.compile(
    rf"(?<!\bat )\b(?:(?P<money>(?P<cheapest>{_CHEAPEST})|{_DEAREST})"
    rf"|(?P<least>{_LEAST.replace(' ', '|')})|{_GREATEST.replace(' ', '|')})\b",
    re.IGNORECASE,
)
_WHICH = re.compile(r"\b(?:which|what|who|whose|where)\b", re.IGNORECASE)
# "What is the highest price?" asks for the price, "which is the highest mountain?" for its name.
_ASKS_FOR_VALUE = re.compile(r"\bwhat(?:'s|’s| is| was| are| were) the \w+est\b", re.IGNORECASE)
_NOT_THE_FIRST = re.compile(r"\b(?:second|third|fourth|fifth|next|top|two|three)\b", re.IGNORECASE)
_PHRASING = table_terms("has had table row column value figure number amount of any all one")
_VALUE = re.compile(
    r"(?P<before>[^\d(−–-]*?)\s?(?P<minus>[(−–-]?)\s?(?P<currency>[€$£¥]?)\s?"
    r"(?P<digits>\d[\d.,]*)\)?\s?(?P<after>[^\d()]*)"
)
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_DECIMAL_COMMA = re.compile(r"\d+,\d{1,2}")
_PLAIN = re.compile(r"(?![1-9]\d{0,2}\.\d{3}$)\d+(?:\.\d+)?")  # 1.200 may be thousands
_YEAR = re.compile(r"(?:19|20)\d\d")
_OF_A_SEPARATOR = frozenset("|:+- \t")  # as Markdown has below its header
_DAYS = {"minute": 1 / 1440, "hour": 1 / 24, "day": 1.0, "week": 7.0, "month": 30.4, "year": 365.0}
_EMPTY = frozenset(["", "-", "–", "—", "n/a", "n.a."])
_NAMES_OF_SUMS = "total totals sum all overall group average mean median subtotal altogether"
_SUMS = frozenset(_NAMES_OF_SUMS.split())
_OF_A_SUM = 0.005
_LINES_ABOVE = 2  # that may name a table
_EDGE_LINES = 3  # a running header or footer has fewer
_MOST_OTHERS = 4  # that are named beside the answer
_MOST_ROWS = 30_000
_LONGEST_NAME = 200  # of what is said of a row, characters


@dataclass(frozen=True, slots=True)
class _Row:
    page_index: int
    start: int
    end: int
    text: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Table:
    """Rows of as many cells as there are columns.

    above: the lines right above it. at_start, at_end: it begins, ends where its page does.
    """

    columns: tuple[str, ...]
    above: str
    rows: tuple[_Row, ...]
    at_start: bool
    at_end: bool

    @property
    def title(self) -> str:
        """The line right above it, where that is no sentence; else ""."""
        line = self.above.rpartition("\n")[2]
        return "" if line.endswith(".") else line


@dataclass(frozen=True, slots=True)
class _Asked:
    """terms: of the question, without the superlative. noun: what comes after "which", if any.

    of_money: the superlative says what sort of column is meant.
    """

    superlative: str
    smallest: bool
    of_money: bool
    terms: frozenset[str]
    noun: frozenset[str]
    wants_value: bool


def compare_rows(question: str, hits: Sequence[Hit], page_text: PageText) -> Calculation | None:
    """The row with the most or the least, of the first table among the hits that tells.

    None where the question asks for no such thing, and where no table tells for certain.
    """
    asked = _understood(question)
    if asked is None:
        return None
    for hit in hits:
        text = _text_of(hit, hit.page_index, page_text) or ""
        for table in _tables(text, hit.page_index):
            is_of_hit = table.rows[0].start < hit.end and hit.start < table.rows[-1].end
            others = _terms_besides_names(asked, table, hit) if is_of_hit else None
            if others is None or (others and not _cells_with(others, table)):
                continue
            whole = _with_other_pages(table, hit, page_text)
            found = _compared(asked, others, whole, hit) if whole is not None else None
            if found is not None:
                return found
    return None


def _understood(question: str) -> _Asked | None:
    found = _SUPERLATIVE.search(question)
    which = _WHICH.search(question)
    if found is None or which is None or _NOT_THE_FIRST.search(question):
        return None
    word = found.group().casefold()
    following = question[which.end() :].split()
    return _Asked(
        superlative=word,
        smallest=bool(found["cheapest"] or found["least"]),
        of_money=bool(found["money"]),
        terms=table_terms(question) - table_terms(word) - _PHRASING,
        noun=table_terms(following[0]) if following else frozenset(),
        wants_value=not found["money"] and bool(_ASKS_FOR_VALUE.search(question)),
    )


def _terms_besides_names(asked: _Asked, table: _Table, hit: Hit) -> frozenset[str] | None:
    """What is asked that no name in or over a table has; None where one has the superlative.

    "The highest dose" is what a column says, not its largest figure.
    """
    over = table_terms(f"{table.above}\n{hit.heading}\n{hit.document_name.replace('_', ' ')}")
    known = over.union(*map(table_terms, table.columns))
    return None if table_terms(asked.superlative) & known else asked.terms - known


def _cells_with(terms: frozenset[str], table: _Table) -> set[tuple[int, str]]:
    """The columns and texts of the cells that have all of these terms."""
    return {
        (column, cell)
        for row in table.rows
        for column, cell in enumerate(row.cells)
        if terms <= table_terms(cell)
    }


def _compared(asked: _Asked, others: frozenset[str], table: _Table, hit: Hit) -> Calculation | None:
    """others: terms that the rows to compare have in one column, if any: "in Bonn"."""
    names = [table_terms(column) for column in table.columns]
    subject = _subject(asked, names, table.above)
    if subject is None:
        return None
    condition = ""
    if others:
        cells = _cells_with(others, table)
        if len(cells) != 1 or subject in (column for column, _ in cells):
            return None
        (of, cell), *_ = cells
        condition = f"{table.columns[of]} {cell}".strip()
        table = replace(table, rows=tuple(row for row in table.rows if row.cells[of] == cell))
    may_be_meant = _is_money if asked.of_money else _has_figures
    possible = [at for at in range(len(names)) if at != subject and may_be_meant(table, at)]
    column = _column(asked, names, subject, possible)
    if column is None:
        return None
    values = _values(table, subject, column)
    ordered = sorted(values, key=lambda pair: pair[0], reverse=not asked.smallest)
    if len(ordered) < 2 or ordered[0][0] == ordered[1][0]:
        return None
    told = [row for _, row in ordered]
    return _told(asked, table, told, (subject, column), hit, condition=condition)


def _subject(asked: _Asked, names: Sequence[frozenset[str]], above: str) -> int | None:
    """The column of what is asked for; a first one without a name may have it in the caption."""
    if not asked.noun:
        return 0
    named = next((at for at, name in enumerate(names) if asked.noun <= name), None)
    if named is None and not names[0] and asked.noun <= table_terms(above):
        return 0
    return named


def _column(
    asked: _Asked, names: Sequence[frozenset[str]], subject: int, possible: Sequence[int]
) -> int | None:
    """The one of the possible columns that the question names best.

    Where it names none: the only one, or the last year.
    """
    wanted = asked.terms - names[subject]
    shared = {at: len(names[at] & wanted) for at in range(len(names)) if at != subject}
    most = max(shared.values(), default=0)
    if most == 0 and possible and all(_is_year(names[at]) for at in possible):
        asks_for_year = any(map(_YEAR.fullmatch, asked.terms))
        return None if asks_for_year else max(possible, key=lambda at: max(names[at]))
    best = [at for at, count in shared.items() if count == most] if most else possible
    return best[0] if len(best) == 1 and best[0] in possible else None


def _has_figures(table: _Table, column: int) -> bool:
    return any(any(map(str.isdigit, row.cells[column])) for row in table.rows)


def _is_money(table: _Table, column: int) -> bool:
    cells = (row.cells[column] for row in table.rows)
    return any(map(MONEY.search, [table.columns[column], *cells]))


def _is_year(name: frozenset[str]) -> bool:
    return len(name) == 1 and all(map(_YEAR.fullmatch, name))


def _values(table: _Table, subject: int, column: int) -> list[tuple[float, _Row]]:
    """The values of a column with their rows, sums left out; [] where they cannot be compared."""
    found: list[tuple[float, str, _Row]] = []
    for row in table.rows:
        cell = row.cells[column]
        if cell.casefold() in _EMPTY:
            continue
        value = _value(cell)
        if value is None:
            return []
        found.append((*value, row))
    if len({unit for _, unit, _ in found}) != 1:
        return []
    total = sum(value for value, _, _ in found)
    kept = [
        (value, row)
        for value, _, row in found
        if not _is_sum(row.cells[subject], value, total - value, len(found))
    ]
    named = {row.cells[subject].casefold() for _, row in kept}
    return kept if len(named) == len(kept) and "" not in named else []


def _is_sum(name: str, value: float, of_others: float, rows: int) -> bool:
    words = name.casefold().split()
    if name.casefold() in _SUMS or words[:1] == ["total"]:
        return True
    return rows > 3 and abs(value - of_others) <= _OF_A_SUM * abs(value)


def _value(cell: str) -> tuple[float, str] | None:
    """A cell's one number and its unit, times in days; None where it has none or several."""
    match = _VALUE.fullmatch(cell)
    if match is None:
        return None
    digits = match["digits"].rstrip(".,")
    if _THOUSANDS.fullmatch(digits):
        digits = digits.replace(",", "")
    elif _DECIMAL_COMMA.fullmatch(digits):
        digits = digits.replace(",", ".")
    elif not _PLAIN.fullmatch(digits):
        return None
    value = -float(digits) if match["minus"] else float(digits)
    words = f"{match['before']} {match['currency']} {match['after']}".casefold().split()
    unit = " ".join(word.strip(".").removesuffix("s") for word in words)
    return (value * _DAYS[unit], "day") if unit in _DAYS else (value, unit)


def _told(
    asked: _Asked,
    table: _Table,
    rows: Sequence[_Row],
    at: tuple[int, int],
    hit: Hit,
    *,
    condition: str,
) -> Calculation | None:
    """The answer, which names the other rows where they are few, and else how many there are."""
    subject, column = at
    shown = rows if len(rows) <= _MOST_OTHERS + 1 else rows[:2]
    said = [f"{row.cells[subject]}, {row.cells[column]}" for row in shown]
    name = table.columns[column]
    if _YEAR.fullmatch(name) and (title := table.columns[subject] or table.title):
        name = f"{title}, {name}"
    label = ", ".join(part for part in (f"The {asked.superlative}", name, condition) if part)
    if any(len(text) > _LONGEST_NAME or without_markers(text) != text for text in (label, *said)):
        return None  # what a document says must not look like a citation
    marked = [f"{text} [{marker}]" for marker, text in enumerate(said, start=1)]
    others = f"The others: {'; '.join(marked[1:])}"
    if len(shown) < len(rows):
        others = f"Next of {len(rows)}: {marked[1]}"
    text = f"{label}: {marked[0]}. {others}."
    citations = tuple(
        replace(
            Citation.of_passage(
                hit, marker=marker, quote=row.text, start=row.start, end=row.end, statement=text
            ),
            page=None if hit.page is None else hit.page + row.page_index - hit.page_index,
            page_index=row.page_index,
        )
        for marker, row in enumerate(shown, start=1)
    )
    return Calculation(text, rows[0].cells[column if asked.wants_value else subject], citations)


# --- tables -------------------------------------------------------------------------------------


def _with_other_pages(table: _Table, hit: Hit, page_text: PageText) -> _Table | None:
    """The table with its rows on the pages around, where those repeat its header.

    None where the next page has rows that nobody names the columns of, and where it is too long.
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
                if step > 0 and any(is_row(line) for line in _lines(text)[:_EDGE_LINES]):
                    return None
                break
            edge = onward[0]
            rows = [*rows, *edge.rows] if step > 0 else [*edge.rows, *rows]
            if len(rows) > _MOST_ROWS:
                return None
    return replace(table, rows=tuple(rows))


def _text_of(hit: Hit, page_index: int, page_text: PageText) -> str | None:
    try:
        return page_text(hit.document_id, page_index) if page_index >= 0 else None
    except LookupError:
        return None


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


def _tables(text: str, page_index: int) -> list[_Table]:
    """The tables of a page that have a header and two rows or more."""
    found: list[_Table] = []
    above: list[str] = []
    run: list[_Row] = []
    position, below = 0, len(_lines(text))
    for line in [*text.splitlines(keepends=True), ""]:
        start, stripped = position + len(line) - len(line.lstrip()), line.strip()
        position += len(line)
        if is_row(line):
            below -= 1
            if not _OF_A_SEPARATOR.issuperset(stripped):
                end = start + len(stripped)
                run.append(_Row(page_index, start, end, stripped, tuple(cells_of(stripped))))
            continue
        if run:
            if table := _parsed(run, above, at_end=below < _EDGE_LINES):
                found.append(table)
            run = []
        if stripped:
            below -= 1
            above.append(stripped)
    return found


def _parsed(run: Sequence[_Row], above: Sequence[str], *, at_end: bool) -> _Table | None:
    """A run of rows as a table; None where its first lines do not name its columns."""
    heads = 0
    while heads < len(run) and not any(map(_is_figure, run[heads].cells[1:])):
        heads += 1
    if not 0 < heads < len(run) - 1:
        return None
    columns = run[heads - 1].cells
    width = len(columns)
    rows = run[heads:]
    if any(len(row.cells) > width or not any(row.cells[1:]) for row in rows):
        return None  # cells of no column, or a line that heads some of the rows
    near = [*above[-_LINES_ABOVE:], *(row.text for row in run[: heads - 1])]
    return _Table(
        columns=columns,
        above="\n".join(near),
        rows=tuple(replace(r, cells=r.cells + ("",) * (width - len(r.cells))) for r in rows),
        at_start=len(above) < _EDGE_LINES,
        at_end=at_end,
    )


def _is_figure(cell: str) -> bool:
    """Whether a cell has a value; a year, or "Revenue 2024", names a column."""
    match = _VALUE.fullmatch(cell)
    return match is not None and not _YEAR.fullmatch(match["digits"])
