"""Columns of dates and of clock times: what each cell is worth, so that they can be compared. Pure.

A column is one only where each of its cells is nothing but a date, or a time, written as the others
are; where it may be read in two ways (3/4/2026; 5:45 of the morning or of the afternoon), it is
none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rag.stated_values import Value, ValueKind, stated_values
from rag.tables.whole_tables import LONGEST_MOMENT, SLASHED_DAY, Row, Table, is_empty

_BETWEEN = re.compile(r"[\s,;T]*")  # a date and its time
_HALF_OF_DAY = re.compile(r"\d ?[ap]\.?m\b|noon|midnight", re.IGNORECASE)
_LASTS = re.compile(
    r"duration|length|\blap|(?:run(?:ning)?|travel|journey)[ -]?time", re.IGNORECASE
)
_MAY_LAST = re.compile(r"(?:time|result|finish)s?", re.IGNORECASE)
_OF_YEARS = re.compile(
    r"\b(?:years?|built|founded|since|opened|born|established|joined|published|released?|launched"
    r"|made|bought|acquired|started)\b",
    re.IGNORECASE,
)
_DAY = 24 * 60
_NIGHT = (4 * 60, 12 * 60)  # before and after: of one night, or of one day's ends
_LONG = 5 * 60  # what ends before may be how long somebody ran
_ONE_O_CLOCK = 13 * 60
_MONTHS = 12  # of a year


@dataclass(frozen=True, slots=True)
class Moments:
    """The cells of a column as numbers that grow with time, empty ones left out, with their rows.

    is_clock: minutes of a day; otherwise days, of a calendar whose months all have 31.
    """

    values: tuple[tuple[float, Row], ...]
    is_clock: bool


def moments_of(table: Table, column: int) -> Moments | None:
    """The dates or times of a column; None where it has anything else, or is in doubt."""
    dated = _parts_of(table, column)
    if not dated:
        return None
    parts = {tuple(part is None for part in each) for each, _ in dated}
    if len(parts) != 1:
        return None
    lacks_year, lacks_month, lacks_day, lacks_time = parts.pop()
    is_clock = lacks_year and lacks_month and lacks_day
    name = table.columns[column]
    values = [_worth(each) for each, _ in dated]
    if is_clock:
        lasts = _MAY_LAST.fullmatch(name) and max(values) < _LONG
        if (
            lasts
            or _LASTS.search(name)
            or _is_doubtful(values, [row.cells[column] for _, row in dated])
        ):
            return None
    elif lacks_year and not _rises(values):
        return None  # of one year or of two
    elif lacks_month and not (lacks_time and _OF_YEARS.search(name)):
        return None
    return Moments(tuple((v, row) for v, (_, row) in zip(values, dated, strict=True)), is_clock)


def months_of(table: Table, column: int) -> list[tuple[int | None, int, Row]]:
    """Year and month of each cell of a column of dates, with its row; [] of other columns."""
    dated = _parts_of(table, column) or []
    found = [(each[0], each[1], row) for each, row in dated if each[1] is not None]
    return found if len(found) == len(dated) else []


def day_number(day: Value, table: Table, column: int) -> float | None:
    """A date as the column's moments are; one without a year is of the column's only year."""
    years = {year for year, _, _ in months_of(table, column)}
    if day.year is not None and None not in years:
        return _worth((day.year, day.month, day.day, None))
    if day.year is not None or len(years) != 1:
        return None
    return _worth((years.pop(), day.month, day.day, None))


_Parts = tuple[int | None, int | None, int | None, float | None]  # year, month, day, minutes


def _worth(parts: _Parts) -> float:
    year, month, day, minutes = parts
    if year is None and month is None and day is None:
        return minutes or 0.0
    return ((year or 0) * 12 + (month or 1)) * 31 + (day or 1) + (minutes or 0.0) / _DAY


def _parts_of(table: Table, column: int) -> list[tuple[_Parts, Row]] | None:
    """What the cells of a column state, empty ones left out; None where one has anything else."""
    rows = [row for row in table.rows if not is_empty(row.cells[column])]
    cells = [row.cells[column] for row in rows]
    if not cells or max(map(len, cells)) > LONGEST_MOMENT:
        return None
    found = _slashed(cells) if SLASHED_DAY.fullmatch(cells[0]) else _stated(cells)
    return None if found is None else list(zip(found, rows, strict=True))


def _slashed(cells: Sequence[str]) -> list[_Parts] | None:
    """Dates such as 14/02/2026, where one of them tells whether the day or the month is first."""
    matches = [match for cell in cells if (match := SLASHED_DAY.fullmatch(cell))]
    if len(matches) < len(cells):
        return None
    first = max(int(match[1]) for match in matches)
    second = max(int(match[2]) for match in matches)
    if (first > _MONTHS) is (second > _MONTHS):
        return None
    day, month = (1, 2) if first > _MONTHS else (2, 1)
    return [(int(match[3]), int(match[month]), int(match[day]), None) for match in matches]


def _stated(cells: Sequence[str]) -> list[_Parts] | None:
    """Dates and times that are all of their cells."""
    found = []
    for cell in cells:
        parts = _stated_by(cell)
        if parts is None:
            return None
        found.append(parts)
    return found


def _stated_by(cell: str) -> _Parts | None:
    stated = stated_values(cell)
    dates = [value for value in stated if value.kind is ValueKind.DATE]
    times = [value.number for value in stated if value.kind is ValueKind.TIME]
    if not stated or len(dates) > 1 or len(times) > 1 or len(stated) > len(dates) + len(times):
        return None
    if not _BETWEEN.fullmatch(_besides(cell, stated)):
        return None
    minutes = times[0] if times else None
    if not dates:
        return None, None, None, minutes
    return dates[0].year, dates[0].month, dates[0].day, minutes


def _besides(cell: str, stated: Sequence[Value]) -> str:
    for value in reversed(stated):
        cell = cell[: value.start] + cell[value.end :]
    return cell


def _is_doubtful(minutes: Sequence[float], cells: Sequence[str]) -> bool:
    """Whether times may be of two days, or of the morning or the afternoon."""
    early, late = _NIGHT
    if min(minutes) < early and max(minutes) >= late:
        return True
    halves = [bool(_HALF_OF_DAY.search(cell)) for cell in cells]
    if any(halves):
        return not all(halves)
    return max(minutes) < _ONE_O_CLOCK and not _rises(minutes)


def _rises(values: Sequence[float]) -> bool:
    return all(before <= after for before, after in pairwise(values))
