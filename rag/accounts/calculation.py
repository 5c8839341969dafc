"""Question about a company's accounts -> an answer that is calculated, with the rows it rests on.

Pure: the pages of documents in, text and spans out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from ingest.chunking import readable_name
from ingest.documents import Page
from ingest.records import DocumentRecord
from ingest.search_filter import SearchFilter
from rag.accounts.measures import Measure, Unit
from rag.accounts.question import (
    About,
    AccountsQuestion,
    Kind,
    LargestQuestion,
    MeasureQuestion,
    parse_question,
)
from rag.accounts.statements import Figure, Item, Section, Statement, Statements
from rag.accounts.tables import Row
from rag.citations import without_markers
from rag.document_names import said_as_one
from rag.results import Calculation, Citation
from rag.terms import content_terms
from rag.terms import words as terms_of

_OF_A_QUARTER = re.compile(r"\bq[1-4]\b|\d{4}q[1-4]\b", re.IGNORECASE)
_ASKS_YES_OR_NO = re.compile(r"(?:is|are|was|were|did|does|do|has|have|had)\b")
_DOWN = re.compile(r"\b(?:decreas\w+|declin\w+|drop\w*|f[ae]ll\w*)\b")
_UP = re.compile(r"\b(?:gr[eo]w\w*|increas\w+|r[io]sen?)\b")
_IMPROVES = re.compile(r"\bimprov\w+\b")
_WITHIN = re.compile(r"(?<!\d)(\d+(?:\.\d+)?) ?(?:%|percent)")
_DEFAULT_WITHIN = 2.0  # percentage points from one year to the next, for "consistent"
_SCALE_NAMES = {1.0: "", 1e3: " thousand", 1e6: " million", 1e9: " billion"}
_UNITS = {Unit.PERCENT: "%", Unit.TIMES: "", Unit.DAYS: " days"}
_KEPT_DOCUMENTS = 16
_KEPT_NAMES = 1 << 14  # under 1 KB each
_MOST_DOCUMENTS = 12  # that are read for one question
_OPENING_PAGES = 2
_DECIMALS = {
    Unit.MONEY: 0,
    Unit.MONEY_PER_SHARE: 2,
    Unit.PERCENT: 1,
    Unit.TIMES: 2,
    Unit.DAYS: 2,
}


class AccountsReader:
    """Answers from the statements in documents.

    pages: all pages of a document, by its id. documents: those that a filter leaves.
    Keeps what it has parsed of the documents that were asked about last. Thread-safe.
    """

    def __init__(
        self,
        pages: Callable[[str], Sequence[Page]],
        documents: Callable[[SearchFilter | None], Sequence[DocumentRecord]],
    ) -> None:
        self._pages = pages
        self._documents = documents
        self._parsed = lru_cache(maxsize=_KEPT_DOCUMENTS)(self._parse)

    def answer(
        self, question: str, nearest: Iterable[str], *, filter: SearchFilter | None = None
    ) -> Calculation | None:
        """The answer from the first document that has it; None where none has, or code cannot tell.

        nearest: ids of documents, the likeliest first; then those that the question names are
        looked at. A document that is gone is passed over.
        """
        asked = parse_question(question)
        if asked is None:
            return None
        company = _Company(asked.about)
        found: list[tuple[int, Calculation]] = []
        for record in self._candidates(company, nearest, filter):
            try:
                pages, statements, opening = self._parsed(record.document_id)
                if not company.owns(record, opening):
                    continue
                book = _Book(statements)
                text, short = _said(asked, book)
            except (LookupError, ZeroDivisionError):
                continue
            citations = _cited(text, record, pages, book.quotes)
            calculation = Calculation(text, short, citations)
            if asked.about.years:
                return calculation
            found.append((book.years()[0], calculation))
        # Who names no year asks for the latest; of equals, the likeliest document.
        return max(found, key=lambda each: each[0])[1] if found else None

    def has_statements(self, document_id: str) -> bool:
        """Whether a document has any; one that is gone has none."""
        try:
            return not self._parsed(document_id)[1].is_empty
        except LookupError:
            return False

    def _candidates(
        self, company: _Company, nearest: Iterable[str], filter: SearchFilter | None
    ) -> list[DocumentRecord]:
        """The nearest documents, then those whose names have the company's; years before quarters.

        A quarter's statements have the same rows as a year's.
        """
        records = {record.document_id: record for record in self._documents(filter)}
        chosen = [records[each] for each in dict.fromkeys(nearest) if each in records]
        if company.is_named:
            named = (each for each in records.values() if company.owns(each, frozenset()))
            chosen += [each for each in named if each not in chosen]
        chosen.sort(key=lambda record: bool(_OF_A_QUARTER.search(readable_name(record.name))))
        return chosen[:_MOST_DOCUMENTS]

    def _parse(self, document_id: str) -> tuple[Sequence[Page], Statements, frozenset[str]]:
        """The pages of a document, its statements, and the terms of its first pages."""
        pages = self._pages(document_id)
        opening = content_terms("\n".join(page.text for page in pages[:_OPENING_PAGES]))
        return pages, Statements(pages), opening


class _Book:
    """Looks figures up, and keeps the rows that they are of."""

    def __init__(self, statements: Statements) -> None:
        self._statements = statements
        self._rows: dict[tuple[int, int, int], tuple[Row, dict[int, str]]] = {}
        self.scale = 1.0
        self.currency = ""
        self.decimals = 0  # of the figures that were used, as they stand in the statements

    @property
    def quotes(self) -> tuple[tuple[int, int, int], ...]:
        """(page index, start, end) of the rows that were used, in the order of their markers."""
        return tuple(self._rows)

    @property
    def markers(self) -> str:
        """Of all rows that were used."""
        return "".join(f"[{number}]" for number in range(1, len(self._rows) + 1))

    def value(self, measure: Measure, year: int) -> float:
        """A measure in a year. Raises LookupError where a figure for it is missing."""
        return measure.formula(_Year(self, year))

    def figure(self, item: Item, year: int) -> float:
        """An item in a year. Raises LookupError where no statement has it."""
        found = self._statements.figure(item, year)
        if found is None:
            raise LookupError(f"{item.name} in {year}")
        self.keep(found, year)
        return found.value

    def lines(self, of: Section | tuple[Item, ...], year: int) -> list[tuple[str, Figure]]:
        """The name and figure of each line of several; none of them is kept."""
        if isinstance(of, Section):
            found = self._statements.section(of, year)
            return [(figure.rows[0].label, figure) for figure in found]
        figures = ((item.name, self._statements.figure(item, year)) for item in of)
        return [(name, figure) for name, figure in figures if figure is not None]

    def years(self) -> tuple[int, ...]:
        """The years that the statements show, latest first. Raises LookupError without one."""
        for kind in (Statement.INCOME, Statement.BALANCE, Statement.CASH_FLOW):
            if years := self._statements.years(kind):
                return years
        raise LookupError("no statements")

    def operands(self) -> str:
        """The rows that were used, each with its figures and its marker."""
        return ", ".join(
            f"{row.label} {_listed(figures)} [{number}]"
            for number, (row, figures) in enumerate(self._rows.values(), start=1)
        )

    def keep(self, figure: Figure, year: int) -> str:
        """Note that a figure is used; its markers, after a space."""
        self.scale = figure.table.scale
        self.currency = figure.table.currency or self.currency
        markers = ""
        for row in figure.rows:
            self.decimals = max(self.decimals, row.decimals)
            place = (figure.page_index, row.start, row.end)
            _, figures = self._rows.setdefault(place, (row, {}))
            figures[year] = f"{row.figures[figure.table.years.index(year)]:,.{row.decimals}f}"
            markers += f"[{list(self._rows).index(place) + 1}]"
        return f" {markers}"


@dataclass(frozen=True, slots=True)
class _Year:
    """The accounts as a formula sees them."""

    book: _Book
    year: int

    def at(self, item: Item) -> float:
        return self.book.figure(item, self.year)

    def before(self, item: Item) -> float:
        return self.book.figure(item, self.year - 1)


class _Company:
    """The company that a question is about, if it is about one."""

    def __init__(self, about: About) -> None:
        self._about = about
        self._said = [word.term for word in terms_of(about.clause)]

    @property
    def is_named(self) -> bool:
        """Whether the question names one."""
        return bool(self._about.names or self._about.words)

    def owns(self, record: DocumentRecord, opening: frozenset[str]) -> bool:
        """Whether a document is of this company; all are where none is named.

        opening: terms of its first pages; a capitalised name may stand there only.
        """
        named = _name_terms(record.name, record.title)
        named |= {part for pair in said_as_one(self._said, named) for part in pair}
        return self._about.words <= named and self._about.names <= named | opening


@lru_cache(maxsize=_KEPT_NAMES)
def _name_terms(name: str, title: str) -> frozenset[str]:
    """The terms of a document's name and title, which each question compares with its own."""
    return content_terms(f"{readable_name(name)} {title}")


def _listed(figures: Mapping[int, str]) -> str:
    """ "2,725", or "2,820 in 2022 and 2,725 in 2023"."""
    if len(figures) == 1:
        return next(iter(figures.values()))
    each = [f"{figures[year]} in {year}" for year in sorted(figures)]
    return f"{', '.join(each[:-1])} and {each[-1]}"


def _cited(
    text: str,
    record: DocumentRecord,
    pages: Sequence[Page],
    quotes: Iterable[tuple[int, int, int]],
) -> tuple[Citation, ...]:
    statement = without_markers(text)
    return tuple(
        Citation(
            marker=marker,
            document_id=record.document_id,
            document_name=record.name,
            document_path=record.path,
            page=pages[page_index].number,
            page_index=page_index,
            quote=pages[page_index].text[start:end],
            start=start,
            end=end,
            statement=statement,
            read_by_ocr=pages[page_index].read_by_ocr,
        )
        for marker, (page_index, start, end) in enumerate(quotes, start=1)
    )


def _said(asked: AccountsQuestion, book: _Book) -> tuple[str, str]:
    """The answer and its short form. Raises LookupError where the statements lack a figure."""
    years = asked.about.years or book.years()[:1]
    if isinstance(asked, LargestQuestion):
        if len(years) == 1:
            return _largest(asked, book, years[0])
    elif asked.kind is Kind.VALUE and len(years) == 1:
        return _value(asked, book, years[0])
    elif asked.kind is Kind.AVERAGE:
        if len(years) > 1:
            return _average(asked, book, years)
    elif asked.kind is Kind.CONSISTENCY:
        return _consistency(asked, book, years if len(years) > 1 else sorted(book.years()))
    elif asked.kind is Kind.GROWTH_A_YEAR:
        if len(years) == 2:
            return _growth_a_year(asked, book, years)
    elif len(years) <= 2:
        return _change(asked, book, years if len(years) == 2 else (years[0] - 1, years[0]))
    raise LookupError("no reading of these years")


def _value(asked: MeasureQuestion, book: _Book, year: int) -> tuple[str, str]:
    short = _shown(book.value(asked.measure, year), asked, book)
    return f"{_named(asked.measure)} in {year}: {short}{_source(asked, book)}", short


def _average(asked: MeasureQuestion, book: _Book, years: Sequence[int]) -> tuple[str, str]:
    values = [book.value(asked.measure, year) for year in years]
    short = _shown(sum(values) / len(values), asked, book)
    each = _by_year(asked, book, years, values)
    return (
        f"{_named(asked.measure)}, average of {years[0]} to {years[-1]}: {short} "
        f"({each}){_source(asked, book)}",
        short,
    )


def _consistency(asked: MeasureQuestion, book: _Book, years: Sequence[int]) -> tuple[str, str]:
    values = [book.value(asked.measure, year) for year in years]
    if len(values) < 2:
        raise LookupError("one year only")
    in_points = asked.measure.unit is Unit.PERCENT
    changes = [abs(b - a) if in_points else abs(100.0 * (b / a - 1.0)) for a, b in pairwise(values)]
    limit = _WITHIN.search(asked.about.clause)
    within = float(limit.group(1)) if limit else _DEFAULT_WITHIN
    short = "Yes" if max(changes) <= within else "No"
    return (
        f"{short}. {_named(asked.measure)} changed by at most {max(changes):.1f}"
        f"{' percentage points' if in_points else '%'} from one year to the next: "
        f"{_by_year(asked, book, years, values)}{_source(asked, book)}",
        short,
    )


def _growth_a_year(asked: MeasureQuestion, book: _Book, years: Sequence[int]) -> tuple[str, str]:
    values = [book.value(asked.measure, year) for year in years]
    if min(values) <= 0:
        raise LookupError("no growth rate from or to a loss")
    rate = 100.0 * ((values[1] / values[0]) ** (1.0 / (years[1] - years[0])) - 1.0)
    short = f"{rate:.{_places(asked.about, Unit.PERCENT)}f}%"
    each = _by_year(asked, book, years, values)
    return (
        f"{_named(asked.measure)}, compound growth a year: {short} ({each}){_source(asked, book)}",
        short,
    )


def _change(asked: MeasureQuestion, book: _Book, years: Sequence[int]) -> tuple[str, str]:
    before, after = (book.value(asked.measure, year) for year in years)
    shown = [_shown(value, asked, book) for value in (before, after)]
    direction = "did not change" if shown[0] == shown[1] else "rose" if after > before else "fell"
    places = _places(asked.about, Unit.PERCENT)
    if asked.measure.unit is Unit.PERCENT:
        difference = f"{abs(after - before):.{places}f} percentage points"
    elif before > 0:
        difference = f"{abs(100.0 * (after - before) / before):.{places}f}%"
    else:  # no share of a loss
        difference = _shown(abs(after - before), asked, book)
    by = "" if direction == "did not change" else f" by {difference}"
    moved = f"{_named(asked.measure)} {direction}{by}, from {shown[0]} in {years[0]} to {shown[1]}"
    verdict = _yes_or_no(asked, direction)
    lead = f"{verdict}. " if verdict else ""
    return f"{lead}{moved} in {years[1]}{_source(asked, book)}", verdict or difference


def _largest(asked: LargestQuestion, book: _Book, year: int) -> tuple[str, str]:
    """The line that is the largest, and the others where they are few."""
    lines = book.lines(asked.of, year)
    if len(lines) < 2:
        raise LookupError("nothing to compare")
    ordered = sorted(lines, key=lambda line: line[1].value, reverse=not asked.smallest)
    shown = ordered if isinstance(asked.of, tuple) else ordered[:1]
    said: list[str] = []
    for name, figure in shown:
        markers = book.keep(figure, year)  # first: it tells the scale and the currency
        said.append(f"{name}, {_money(figure.value, asked.about, book)}{markers}")
    name = ordered[0][0]
    others = f". The others: {'; '.join(said[1:])}" if len(said) > 1 else ""
    which = "smallest" if asked.smallest else "largest"
    return f"The {which} in {year}: {said[0]}{others}.", name


def _yes_or_no(asked: MeasureQuestion, direction: str) -> str:
    """The answer to "has it improved?"; "" for a question of another sort."""
    clause = asked.about.clause
    if not _ASKS_YES_OR_NO.match(clause) or re.search(r"\bor\b", clause):
        return ""
    if _IMPROVES.search(clause):
        wanted = "fell" if asked.measure.falls_when_better else "rose"
    elif _DOWN.search(clause):
        wanted = "fell"
    elif _UP.search(clause):
        wanted = "rose"
    else:
        return "No" if direction == "did not change" else "Yes"
    return "Yes" if direction == wanted else "No"


def _source(asked: MeasureQuestion, book: _Book) -> str:
    """How it was calculated, or just the marker of a figure that stands there."""
    if not asked.measure.words:
        return f" {book.markers}."
    return f". That is {asked.measure.words}: {book.operands()}."


def _by_year(
    asked: MeasureQuestion, book: _Book, years: Sequence[int], values: Sequence[float]
) -> str:
    pairs = zip(years, values, strict=True)
    return ", ".join(f"{year}: {_shown(value, asked, book)}" for year, value in pairs)


def _named(measure: Measure) -> str:
    return measure.name[:1].upper() + measure.name[1:]


def _places(about: About, unit: Unit) -> int:
    return _DECIMALS[unit] if about.decimals is None else about.decimals


def _shown(value: float, asked: MeasureQuestion, book: _Book) -> str:
    """A value with its unit, as the question wants it."""
    unit = asked.measure.unit
    if unit is Unit.MONEY:
        return _money(value, asked.about, book)
    places = _places(asked.about, unit)
    if unit is Unit.MONEY_PER_SHARE:
        return f"{'-' if value < 0 else ''}{book.currency}{abs(value) / book.scale:,.{places}f}"
    return f"{value:.{places}f}{_UNITS[unit]}"


def _money(value: float, about: About, book: _Book) -> str:
    scale = about.scale or book.scale
    places = about.decimals
    if places is None:
        places = book.decimals if scale <= book.scale else 2
    sign = "-" if value < 0 else ""
    return f"{sign}{book.currency}{abs(value) / scale:,.{places}f}{_SCALE_NAMES[scale]}"
