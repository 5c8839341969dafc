"""Text -> the dates, times and amounts that it states, which can be compared with others.

Pure. Dates and times are known as English, German, French, Spanish and Chinese write them.
"8 June 2025" and "June 2025" agree, as far
as both say it; "8 June 2025" and "22 June 2025" do not, though they share a month and a year.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from itertools import chain

from rag.calendar_names import (
    FRENCH_MONTHS,
    GERMAN_MONTHS,
    MONTHS,
    SHORT_MONTHS,
    SPANISH_MONTHS,
    WEEKDAYS,
)
from rag.currencies import CURRENCY_SIGNS
from rag.terms import NUMBER_WORDS, SCALES, STOP_WORDS, normal_form, normal_number

_MONTHS = {name: number for number, name in enumerate(SHORT_MONTHS, start=1)}
_MONTH = (
    rf"(?:(?:{'|'.join(map(str.capitalize, MONTHS))})\b"
    r"|(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\b\.?)"
)
_OTHER_NAMES = (tuple(map(str.capitalize, GERMAN_MONTHS)), FRENCH_MONTHS, SPANISH_MONTHS)
_OTHER_MONTHS = {
    name.casefold(): number for names in _OTHER_NAMES for number, name in enumerate(names, start=1)
}
_OTHER_MONTH = rf"(?:(?:{'|'.join(name for names in _OTHER_NAMES for name in names)})\b)"
_DAY = r"(?:[12]\d|3[01]|0?[1-9])(?:st|nd|rd|th)?\b\.?"
_OTHER_DAY = r"(?:[12]\d|3[01]|0?[1-9])(?:\.|er)?"
_YEAR = r"(?:1[0-9]|20)\d\d"
_WEEKDAY = (
    rf"(?:(?:{'|'.join(map(str.capitalize, WEEKDAYS))}),? (?:the )?"
    rf"|(?:{'|'.join(day[:3].capitalize() for day in WEEKDAYS)})\.?,? )?"
)
_DATE = re.compile(
    rf"\b{_WEEKDAY}(?P<day>{_DAY})(?: of)? (?P<month>{_MONTH})(?:,? (?P<year>{_YEAR})\b)?"
    rf"|\b{_WEEKDAY}(?P<month2>{_MONTH}) (?P<day2>{_DAY})(?![:\d])(?:,? (?P<year2>{_YEAR})\b)?"
    rf"|\b(?P<month3>{_MONTH}),? (?P<year3>{_YEAR})\b"
    rf"|\b(?P<year4>{_YEAR})-(?P<month4>[01]\d)-(?P<day4>[0-3]\d)\b"
    rf"|\b(?P<day5>[0-3]?\d)\.(?P<month5>[01]?\d)\.(?P<year5>{_YEAR})\b"
    rf"|\b(?P<day6>{_OTHER_DAY}) (?:de )?(?P<month6>{_OTHER_MONTH})"
    rf"(?: (?:de )?(?P<year6>{_YEAR})\b)?"
    rf"|\b(?P<month7>{_OTHER_MONTH}) (?:de )?(?P<year7>{_YEAR})\b"
    rf"|(?<!\d)(?P<year8>{_YEAR})年(?P<month8>[01]?\d)月(?:(?P<day8>[0-3]?\d)[日号])?"
)
# "May" and "March" are words as well, so a month by itself is one after such a word only.
_MONTH_ALONE = re.compile(
    r"\b(?:in|from|to|until|till|since|by|of|during|every|each|and|or|early|late|mid)[ -]"
    rf"(?P<month>{_MONTH})(?! \d)"
)
_LONE_YEAR = re.compile(
    rf"(?<![\d.,/{CURRENCY_SIGNS}-])\b(?P<year>{_YEAR})\b(?![\d%/]|[.,:]\d|-\d|['’]?s\b)"
    r"(?! ?(?:pounds|euros|Euro(?! area| zone)|dollars|people|km|kg|g|m|ml|litres|metres|miles"
    r"|hours)\b)"
)
_TIME = re.compile(
    r"(?<![\d.,:])(?:(?P<hour>1[0-2]|0?[1-9])(?:[:.](?P<minute>[0-5]\d))? ?(?P<half>[ap])\.?m\b\.?"
    r"|(?P<hour2>[01]?\d|2[0-3]):(?P<minute2>[0-5]\d)(?![:\d])|(?P<word>noon|midnight)\b"
    r"|(?P<hour3>[01]?\d|2[0-3])(?:\.(?P<minute3>[0-5]\d))? Uhr\b)",
    re.IGNORECASE,
)
_CURRENCY = rf"[{CURRENCY_SIGNS}]|US\$|(?:GBP|USD|EUR|CHF|SEK|NOK|DKK)\b"
_AMOUNT = re.compile(
    rf"(?<![\w.,{CURRENCY_SIGNS}-])(?<!\d )(?P<currency>(?:{_CURRENCY})\s?)?"
    r"(?P<number>\d+(?:[.,'’]\d+)*"
    rf"|(?:{'|'.join(word for word in NUMBER_WORDS if word not in ('zero', 'one'))})\b)"
    r"(?P<scale>[ -](?:thousand|million|billion|trillion)\b|(?<=\d)(?:bn|m|k)\b(?! ?\d))?"
    rf"(?P<after>\s?(?:{_CURRENCY}))?(?P<unit>\s?(?:%|per cent|°[CF]|[^\W\d_]+)|-[^\W\d_]+)?"
    r"(?!\s?\d)(?(unit)|(?!\w))",
    re.IGNORECASE,
)
_RATE = re.compile(
    r"\s?(?:per|an?|each|every|/)\s?(?P<rate>hour|day|night|week|month|quarter|year|person|head)\b",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"(?:schedules?|tables?|fig(?:ure)?s?|pages?|chapters?|sections?|clauses?|parts?|units?|nos?"
    r"|numbers?|versions?|editions?|articles?|rooms?|plots?|flats?|phone|tel)\.?:? $",
    re.IGNORECASE,
)
_ROUGHLY = re.compile(
    r"\b(?:about|around|some|approximately|approx\.?|circa|c\.|nearly|almost|roughly|over|more than"
    r"|less than|under|at least|up to) $",
    re.IGNORECASE,
)
# Of euros, which have hundredths only; other numbers are read the English way.
_POINTED_THOUSANDS = re.compile(r"[1-9]\d{0,2}\.\d{3}")
# One name for each unit, and how many of it one is.
_UNITS: dict[str, tuple[str, float]] = {
    normal_form(name): (unit, factor)
    for names, unit, factor in (
        ("pound gbp", "£", 1), ("dollar usd", "$", 1), ("euro eur", "€", 1), ("pence", "£", 0.01),
        ("percent", "%", 1), ("metre meter m", "metre", 1),
        ("kilometre kilometer km", "metre", 1e3),
        ("centimetre centimeter cm", "metre", 0.01), ("millimetre millimeter mm", "metre", 0.001),
        ("gram g", "gram", 1), ("kilogram kilo kg", "gram", 1e3), ("litre liter l", "litre", 1),
        ("millilitre milliliter ml", "litre", 0.001), ("second sec", "hour", 1 / 3600),
        ("minute min", "hour", 1 / 60), ("hour hr h", "hour", 1), ("day", "day", 1),
        ("week", "day", 7), ("month", "month", 1), ("year", "month", 12),
        ("foot feet ft", "foot", 1), ("mile", "mile", 1),
    )
    for name in names.split()
}  # fmt: skip
_SIGNS = {"£": "£", "$": "$", "us$": "$", "€": "€", "gbp": "£", "usd": "$", "eur": "€"}


class ValueKind(Enum):
    """What sort of thing a value is."""

    DATE = "date"
    TIME = "time"
    AMOUNT = "amount"


@dataclass(frozen=True, slots=True)
class Value:
    """A value that a text states.

    start, end: offsets in the text. year, month, day: of a date, None where it is not said.
    number: of an amount in its unit; of a time, the minutes since midnight.
    unit: "" where none is said. rate: "month" of "£85 a month". is_rough: it may be rounded.
    digits: how many significant ones an amount has.
    """

    kind: ValueKind
    start: int
    end: int
    number: float = 0.0
    unit: str = ""
    rate: str = ""
    is_rough: bool = False
    digits: int = 0
    year: int | None = None
    month: int | None = None
    day: int | None = None

    def is_comparable(self, other: Value) -> bool:
        """Whether the two could be said of the same thing: of one kind, in one unit."""
        if self.kind is not other.kind:
            return False
        if self.kind is ValueKind.DATE:
            return bool(self._shared_parts(other))
        same_rate = self.rate == other.rate or not (self.rate and other.rate)
        return self.unit == other.unit and same_rate

    def agrees(self, other: Value) -> bool:
        """Whether one can be true with the other, as far as both are stated."""
        if not self.is_comparable(other):
            return False
        if self.kind is ValueKind.DATE:
            return all(mine == theirs for mine, theirs in self._shared_parts(other))
        return (
            _is_near(self.number, other.number)
            or (self.is_rough and _is_rounded(other.number, self))
            or (other.is_rough and _is_rounded(self.number, other))
        )

    def _shared_parts(self, other: Value) -> list[tuple[int, int]]:
        pairs = (
            (self.year, other.year),
            (self.month, other.month),
            (self.day, other.day),
        )
        return [(mine, theirs) for mine, theirs in pairs if mine is not None and theirs is not None]


@lru_cache(maxsize=8192)
def stated_values(text: str) -> tuple[Value, ...]:
    """The dates, times and amounts of a text, in order; those of other scripts are not known."""
    found: list[Value] = []
    for value in chain(_dates(text), _times(text), _amounts(text)):
        if not any(_overlap(value, known) for known in found):
            found.append(value)
    return tuple(sorted(found, key=lambda value: value.start))


def agreeing(value: Value, others: Iterable[Value]) -> bool:
    """Whether a value agrees with any of the others."""
    return any(value.agrees(other) for other in others)


def _overlap(one: Value, other: Value) -> bool:
    return one.start < other.end and other.start < one.end


def _is_near(one: float, other: float) -> bool:
    return abs(one - other) <= 1e-9 * max(abs(one), abs(other), 1.0)


def _is_rounded(number: float, rough: Value) -> bool:
    return _is_near(float(f"{number:.{max(rough.digits, 1) - 1}e}"), rough.number)


def _dates(text: str) -> Iterator[Value]:
    for pattern in (_DATE, _MONTH_ALONE, _LONE_YEAR):
        for match in pattern.finditer(text):
            parts = {
                name.rstrip("2345678"): part for name, part in match.groupdict().items() if part
            }
            start = match.start("month") if pattern is _MONTH_ALONE else match.start()
            yield Value(
                ValueKind.DATE,
                start,
                match.end(),
                year=int(parts["year"]) if "year" in parts else None,
                month=_month(parts["month"]) if "month" in parts else None,
                day=int(re.sub(r"\D", "", parts["day"])) if "day" in parts else None,
            )


def _month(text: str) -> int:
    if text.isdigit():
        return int(text)
    return _OTHER_MONTHS.get(text.casefold()) or _MONTHS[text[:3].lower()]


def _times(text: str) -> Iterator[Value]:
    for match in _TIME.finditer(text):
        if word := match["word"]:
            minutes = 12 * 60 if word.lower() == "noon" else 0
        elif match["half"]:
            afternoon = 12 if match["half"].lower() == "p" else 0
            minutes = 60 * (int(match["hour"]) % 12 + afternoon) + int(match["minute"] or 0)
        else:
            hour, minute = match["hour2"] or match["hour3"], match["minute2"] or match["minute3"]
            minutes = 60 * int(hour) + int(minute or 0)
        yield Value(ValueKind.TIME, match.start(), match.end(), number=minutes)


def _amounts(text: str) -> Iterator[Value]:
    for match in _AMOUNT.finditer(text):
        before = text[max(0, match.start() - 16) : match.start()]
        written = match["number"].lower()
        plain = NUMBER_WORDS.get(written) or normal_number(match["number"])
        sign = (match["currency"] or match["after"] or "").strip().lower()
        is_decade = (match["unit"] or "").lower() == "s"
        if plain.count(".") > 1 or is_decade or (not sign and _LABEL.search(before)):
            continue
        end = match.end("number")
        number = float(plain)
        scale = (match["scale"] or "").strip(" -").lower()
        unit = _SIGNS.get(sign, sign)
        if scale == "m" and not sign:  # metres
            scale, unit = "", "metre"
        if scale:
            number *= SCALES[scale]
        if match["scale"]:
            end = match.end("scale")
        word = (match["unit"] or "").strip(" -\n\t").replace("per cent", "%")
        if sign:
            end = max(end, match.end("after")) if match["after"] else end
        elif unit == "" and word and word.lower() not in STOP_WORDS:
            unit, factor = _UNITS.get(normal_form(word), (normal_form(word), 1.0))
            unit, number, end = unit or word, number * factor, match.end("unit")
        if unit == "€" and _POINTED_THOUSANDS.fullmatch(match["number"]):
            number *= 1000.0
        rate = _RATE.match(text, end)
        digits = len(plain.replace(".", "").strip("0"))
        yield Value(
            ValueKind.AMOUNT,
            match.start(),
            rate.end() if rate else end,
            number=number,
            unit=unit,
            rate=rate["rate"].lower() if rate else "",
            is_rough=bool(scale or _ROUGHLY.search(before)),
            digits=digits,
        )
