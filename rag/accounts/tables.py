"""Text of a page -> its tables of figures by year. Pure.

Expects what ingest makes of a page: one row a line, cells parted by " | ", the label first. A row
is taken only where it has exactly one figure for each column, so a cell that was lost or torn
costs its row and never shifts a figure under another year.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag.calendar_names import SHORT_MONTHS
from rag.currencies import CURRENCY_SIGNS
from rag.terms import SCALES

_YEAR = r"(?:19|20)\d\d"
# Bounds, look-behinds and possessive quantifiers keep the time linear in a hostile line.
_MONTH = rf"(?:{'|'.join(SHORT_MONTHS)})[a-z]{{0,20}}\.?"
_YEARS_AT_END = re.compile(
    rf"((?:(?:{_MONTH} \d{{1,2}}, ?)?{_YEAR}\b[\s|]*){{1,12}})$", re.IGNORECASE
)
_DATED = re.compile(rf"(?:{_MONTH} \d{{1,2}}, ?)?({_YEAR})\b", re.IGNORECASE)
_DAY = re.compile(rf"{_MONTH} \d{{1,2}}\b|\b\d{{1,2}} {_MONTH}", re.IGNORECASE)
# A dash that touches nothing is an empty cell: "— (2)" are two.
_FIGURE = re.compile(
    rf"(?P<minus>\(\s?|[-–—])?(?:[{CURRENCY_SIGNS}]\s?)?(?P<bracket>\(\s?)?"
    r"(?P<digits>\d[\d,]*(?:\.\d+)?|\.\d+)\s?\)?\s?%?|(?P<none>(?<!\S)[-–—]+(?!\S))"
)
_SIGN = rf"(?:[{CURRENCY_SIGNS}]\s?)?"
_ONE_FIGURE = rf"(?:[-–—]?{_SIGN}+\(?{_SIGN}\d[\d,]*(?:\.\d+)?\)?%?|[-–—]+)"
_FIGURES_AT_END = re.compile(rf"(?<!\s)(?:\s+{_ONE_FIGURE}){{2,12}}$")
_DECIMALS = re.compile(r"\d\.(\d+)")
_SCALE = re.compile(r"\b(thousand|million|billion)s?\b", re.IGNORECASE)
_CURRENCY = re.compile(rf"[{CURRENCY_SIGNS}]")
_NOTE = re.compile(r"\((?:note\s)?[\da-z]{1,2}\)|\s[⁽¹²³⁰⁴-⁹][⁽⁾¹²³⁰⁴-⁹,]*(?!\S)", re.IGNORECASE)
_CAPTION_LINES = 5
_MOST_LABEL_CHARS = 300  # labels are compared with patterns that take the square of their length


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table. label: its first cell, without references to notes; of a long one, the
    beginning.

    figures: one for each column, in the table's scale; () for a line without figures, which heads
    those that follow. decimals: how many they are written with. start, end: offsets in the page's
    text.
    """

    label: str
    figures: tuple[float, ...]
    decimals: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under one line of years.

    caption: the lines right above. years: one for each column, None for "Change" and the like.
    scale: what a figure counts in: 1, 1e3, 1e6 or 1e9. currency: its sign, or "".
    """

    caption: str
    years: tuple[int | None, ...]
    scale: float
    currency: str
    rows: tuple[Row, ...]


def find_tables(text: str) -> list[Table]:
    """The tables of a page that have years over their columns, from top to bottom."""
    found: list[_Draft] = []
    above: list[str] = []
    for start, line in _lines(text):
        ruled = "|" in line
        if years := _years(line, ruled=ruled):
            found.append(_Draft([*above, line][-_CAPTION_LINES:], years))
            above = []
        elif line:
            if found:
                label, cells = _parted(line) if ruled else _parted_by_figures(line)
                found[-1].take(label, cells, start, start + len(line.rstrip(" |")))
            above.append(line)
    return [draft.table() for draft in found if draft.rows]


class _Draft:
    """A table that is being read."""

    def __init__(self, above: Sequence[str], years: tuple[int | None, ...]) -> None:
        self.rows: list[Row] = []
        self._above = above
        self._years = years
        self._head = " ".join(above)
        self._currency = ""

    def take(self, label: str, cells: str, start: int, end: int) -> None:
        """A line below the years. label: "" where it has none."""
        figures = _figures(cells)
        if not self.rows:
            self._head += f" {label} {cells}"
        if not label.strip() or (figures and len(figures) != len(self._years)):
            return
        if not self._currency and (sign := _CURRENCY.search(cells)):
            self._currency = sign.group()
        plain = " ".join(_NOTE.sub(" ", label).split())[:_MOST_LABEL_CHARS].rstrip(" :")
        decimals = max((len(d) for d in _DECIMALS.findall(cells)), default=0) if figures else 0
        self.rows.append(Row(plain, figures, decimals, start, end))

    def table(self) -> Table:
        scale, currency = _SCALE.search(self._head), _CURRENCY.search(self._head)
        return Table(
            caption=" ".join(self._above),
            years=self._years,
            scale=SCALES[scale.group(1).lower()] if scale else 1.0,
            currency=self._currency or (currency.group() if currency else ""),
            rows=tuple(self.rows),
        )


def _lines(text: str) -> list[tuple[int, str]]:
    """Each line with its offset, white space before it left out."""
    found: list[tuple[int, str]] = []
    position = 0
    for line in text.split("\n"):
        stripped = line.lstrip()
        found.append((position + len(line) - len(stripped), stripped.rstrip()))
        position += len(line) + 1
    return found


def _parted(line: str) -> tuple[str, str]:
    """The label of a row and its other cells."""
    label, _, cells = line.partition("|")
    return label, cells


def _parted_by_figures(line: str) -> tuple[str, str]:
    """The same of a row whose cells nothing parts: the figures at its end, two at the least."""
    match = _FIGURES_AT_END.search(line)
    return (line[: match.start()], match.group()) if match else (line, "")


def _years(line: str, *, ruled: bool) -> tuple[int | None, ...]:
    """The years over the columns, None over one of another sort; () if the line is no such head."""
    if not ruled:
        match = _YEARS_AT_END.search(line)
        if match is None or re.search(r"\d", _DAY.sub("", line[: match.start()])):
            return ()
        years = tuple(int(year) for year in _DATED.findall(match.group(1)))
        return years if len(years) > 1 else ()
    columns: list[int | None] = []
    for number, cell in enumerate(line.split("|")):
        match = _DATED.fullmatch(_without_span(_NOTE.sub(" ", cell).strip()))
        if match:
            columns.append(int(match.group(1)))
        elif number and cell.strip():
            if re.search(r"\d", cell):
                return ()
            columns.append(None)
    return tuple(columns) if any(columns) else ()


def _without_span(cell: str) -> str:
    """ "Year ended June 30, 2023" is "June 30, 2023"."""
    return re.sub(
        r"(?i)^(?:as of|at|(?:fiscal )?(?:years?|months) ended|fiscal(?: year)?|fy) ?", "", cell
    )


def _figures(cells: str) -> tuple[float, ...]:
    found: list[float] = []
    for match in _FIGURE.finditer(cells):
        if match["none"]:
            found.append(0.0)
            continue
        value = float(match["digits"].replace(",", ""))
        found.append(-value if match["minus"] or match["bracket"] else value)
    return tuple(found)
