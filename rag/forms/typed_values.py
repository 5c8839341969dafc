"""The values of a sort that a text has: dates, amounts, measures, addresses, codes. Pure.

Each as a form has it: days by ISO 8601, numbers as numbers. Dates are read in German too.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

from rag.currencies import CURRENCY_SIGNS, MONEY
from rag.forms.field_kinds import FieldKind, WantedKind, unit_of
from rag.stated_values import ValueKind, stated_values
from rag.terms import NUMBER_WORDS, SCALES
from rag.value_support import number_of

# Each begins where nothing of its own stands before it: a long word is read once, not from each
# of its letters.
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_URL = re.compile(r"\b(?:https?://|www\.)[^\s<>()\"']+[^\s<>()\"'.,;:]")
_PHONE = re.compile(r"(?<![\w.])\+?\(?\d[\d ()/.-]{5,18}\d(?![\w])")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z\d]{4}){2,7}(?: ?[A-Z\d]{1,3})?\b")
_DURATION = re.compile(
    rf"\b(?:\d+(?:[.,]\d+)?|{'|'.join(NUMBER_WORDS)})(?: |-)"
    r"(?:calendar |working |business )?(?:minutes?|hours?|days?|weeks?|months?|years?)\b",
    re.IGNORECASE,
)
_IDENTIFIER = re.compile(
    r"(?<![\w#])#?(?=[\w./-]{0,60}\d)[A-Za-z\d]+(?:[./-][A-Za-z\d]+)*(?![\w@])"
)
_NUMBER = re.compile(
    rf"(?<![\w.,/-])(?P<minus>[-−–](?=[{CURRENCY_SIGNS}\d]))?"
    rf"(?P<sign>[{CURRENCY_SIGNS}]\s?|\b(?:EUR|USD|GBP|CHF|JPY)\s)?"
    rf"(?P<number>\d+(?:[.,'’]\d+)*|(?:{'|'.join(NUMBER_WORDS)})\b)"
    r"(?P<scale>\s(?:thousand|million|billion|trillion)\b|(?:bn|[kK])\b)?"
    rf"(?P<after>\s?(?:[{CURRENCY_SIGNS}%]|°C|[^\W\d_]+))?(?![\d])"
)
_PER_CENT = re.compile(r"\s*per cent", re.IGNORECASE)
_YEAR = re.compile(r"(?:1\d|20)\d\d")
_SLASHED = re.compile(r"(?<![\d/])(\d{1,2})/(\d{1,2})/((?:19|20)\d\d)(?![\d/])")
# What stands before a value and says what it is not, or is.
_BEFORE_CHARS = 40  # more than any of these patterns can match
_RANGE = re.compile(  # "between 8 and 10 June 2026"
    r"\b\d{1,2}\.?\s?(?:and|to|or|bis|und|[-–])\s?$"
)
_COUNTS = re.compile(r"\b(?:no|nr|number|id|code)\b[^\w\n]{0,4}$", re.IGNORECASE)
_CALLS = re.compile(r"(?:phone|telephone|tel|mobile|fax|call)\b[^\n]{0,12}$", re.IGNORECASE)
_BEGINS_PHONE = ("+", "0", "(0", "(+")


@dataclass(frozen=True, slots=True)
class Typed:
    """A value of a text, text[start:end], as a form has it."""

    value: str | int | float
    start: int
    end: int


def typed_values(text: str, wanted: WantedKind) -> list[Typed]:
    """The values of this sort in a text, in order; [] of kinds that any words may be."""
    if wanted.kind in (FieldKind.CHOICE, FieldKind.TRUTH, FieldKind.TEXT):
        return []
    reader = _READERS.get(wanted.kind)
    return reader(text) if reader is not None else list(_numbers(text, wanted))


def has_currency(text: str, value: Typed) -> bool:
    """Whether a number is written with a currency."""
    beside = text[max(0, value.start - 4) : value.end + 9]
    return MONEY.search(beside) is not None


def _matches_of(pattern: re.Pattern[str]) -> Callable[[str], list[Typed]]:
    return lambda text: [Typed(each.group(), *each.span()) for each in pattern.finditer(text)]


def _dates(text: str) -> list[Typed]:
    return sorted(_all_dates(text), key=lambda each: each.start)


def _all_dates(text: str) -> Iterator[Typed]:
    for stated in stated_values(text):
        if stated.kind is ValueKind.DATE and not _RANGE.search(_before(text, stated.start)):
            yield from _day(stated.year, stated.month, stated.day, stated.start, stated.end)
    for match in _SLASHED.finditer(text):
        first, second = int(match[1]), int(match[2])
        # 03/04/2026 is a day in March or in April.
        if first > 12 or first == second:
            yield from _day(int(match[3]), second, first, *match.span())
        elif second > 12:
            yield from _day(int(match[3]), first, second, *match.span())


def _before(text: str, position: int) -> str:
    return text[max(0, position - _BEFORE_CHARS) : position]


def _day(
    year: int | None, month: int | None, day: int | None, start: int, end: int
) -> Iterator[Typed]:
    if year is not None and month is not None and day is not None:
        try:
            yield Typed(date(year, month, day).isoformat(), start, end)
        except ValueError:  # 31 June
            return


def _identifiers(text: str) -> list[Typed]:
    return _undated(text, _matches_of(_IDENTIFIER)(text))


def _phones(text: str) -> list[Typed]:
    return [each for each in _undated(text, _matches_of(_PHONE)(text)) if _is_phone(text, each)]


def _is_phone(text: str, value: Typed) -> bool:
    """Whether digits are a telephone number: as they begin, or by the word before them."""
    before = _before(text, value.start)
    if _CALLS.search(before):
        return True
    return str(value.value).startswith(_BEGINS_PHONE) and not _COUNTS.search(before)


def _undated(text: str, values: list[Typed]) -> list[Typed]:
    """The values of which no part is one of a date."""
    taken = _positions((day.start, day.end) for day in _all_dates(text)) if values else set[int]()
    return [each for each in values if taken.isdisjoint(range(each.start, each.end))]


def _positions(spans: Iterator[tuple[int, int]]) -> set[int]:
    return {position for start, end in spans for position in range(start, end)}


def _numbers(text: str, wanted: WantedKind) -> Iterator[Typed]:
    taken = set[int]()  # by dates, which have no other numbers than years
    if wanted.kind is not FieldKind.YEAR:
        dates = (stated for stated in stated_values(text) if stated.kind is ValueKind.DATE)
        taken = _positions((stated.start, stated.end) for stated in dates)
    for match in _NUMBER.finditer(text):
        if match.start("number") in taken:
            continue
        value = number_of(NUMBER_WORDS.get(match["number"].lower(), match["number"]))
        if value is None or not math.isfinite(value) or not _is_wanted(match, wanted):
            continue  # no number, one of 400 digits, or one of another sort
        value *= SCALES.get((match["scale"] or "").strip().lower(), 1.0)
        value = -value if match["minus"] else value
        whole = int(value) if value.is_integer() else value
        yield Typed(whole, match.start(), match.end("number"))


def _is_wanted(match: re.Match[str], wanted: WantedKind) -> bool:
    """Whether a figure has the unit, or the lack of one, that is wanted."""
    after = (match["after"] or "").strip()
    unit = unit_of(after)
    is_money = bool(match["sign"] or MONEY.fullmatch(after))
    if wanted.kind is FieldKind.MEASURE:
        return unit == wanted.unit
    if wanted.kind is FieldKind.PERCENT:
        return unit == "percent" or _PER_CENT.match(match.string, match.end()) is not None
    if wanted.kind is FieldKind.YEAR:
        return _YEAR.fullmatch(match["number"]) is not None and not is_money and not unit
    if wanted.kind is FieldKind.MONEY:
        return is_money or (not unit and match["number"][0].isdecimal())
    return not unit and not is_money


_READERS: dict[FieldKind, Callable[[str], list[Typed]]] = {
    FieldKind.DATE: _dates,
    FieldKind.EMAIL: _matches_of(_EMAIL),
    FieldKind.URL: _matches_of(_URL),
    FieldKind.PHONE: _phones,
    FieldKind.IBAN: _matches_of(_IBAN),
    FieldKind.IDENTIFIER: _identifiers,
    FieldKind.DURATION: _matches_of(_DURATION),
}
