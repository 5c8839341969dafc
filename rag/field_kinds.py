"""What sort of value a field of a form wants, and the values of that sort that a text has. Pure.

By its schema first (type, format), then by the words of its name and its description: a rent is
money and no number of months, "warranty years" a number that counts years. English names; dates
are read in German too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import Enum

from rag.extraction_schema import SchemaField
from rag.stated_values import ValueKind, stated_values
from rag.table_cells import MONEY
from rag.terms import NUMBER_WORDS
from rag.value_support import number_of

_MONEY_LIST = """
    rent price total subtotal amount cost costs fee deposit balance discount premium salary tip tax
    fare wage pay payment charge budget revenue profit income turnover net gross sum
"""
_MONEY_WORDS = frozenset(_MONEY_LIST.split())
_COUNT_WORDS = frozenset({"count", "quantity", "qty", "many", "number"})
_PERCENT_WORDS = frozenset({"percent", "percentage", "rate", "share", "margin"})
_IDENTIFIER_WORDS = frozenset({"number", "no", "nr", "id", "code", "reference", "ref"})
_PHONE_WORDS = frozenset({"phone", "telephone", "tel", "mobile", "fax"})
_DURATION_WORDS = frozenset({"period", "duration", "length"})
_UNITS = {
    name: unit
    for unit, names in {
        "second": "s sec secs seconds",
        "minute": "min mins minutes minuten",
        "hour": "h hr hrs hours stunden",
        "day": "days tage tagen",
        "week": "weeks wochen",
        "month": "months monate monaten",
        "year": "years jahre jahren",
        "kilogram": "kg kilogram kilograms kilos",
        "gram": "g gram grams",
        "metre": "m metre metres meter meters",
        "kilometre": "km kilometre kilometres kilometer kilometers",
        "centimetre": "cm centimetre centimetres centimeter centimeters",
        "millimetre": "mm millimetre millimetres millimeter millimeters",
        "litre": "l litre litres liter liters",
        "kilowatt hour": "kwh",
        "watt": "w watt watts",
        "kilowatt": "kw kilowatt kilowatts",
        "volt": "v volt volts",
        "ampere": "a amp amps ampere amperes",
        "hertz": "hz hertz",
        "decibel": "db decibel decibels",
        "bar": "bar",
        "degree": "°c celsius",
        "percent": "% percent pct",
    }.items()
    for name in names.split()
}
# Names end in these units, but they are words as well: "section_a".
_UNITS_OF_NAMES = frozenset(_UNITS) - {"a", "s", "h", "l", "g", "%", "°c"}

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_URL = re.compile(r"\b(?:https?://|www\.)[^\s<>()\"']+[^\s<>()\"'.,;:]")
_PHONE = re.compile(r"(?<![\w.])\+?\(?\d[\d ()/.-]{5,18}\d(?![\w])")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z\d]{4}){2,7}(?: ?[A-Z\d]{1,3})?\b")
_RANGE = re.compile(
    r"\b\d{1,2}\.?\s?(?:and|to|or|bis|und|[-–])\s?$"
)  # "between 8 and 10 June 2026"
_COUNTS = re.compile(r"\b(?:no|nr|number|id|code)\b[^\w\n]{0,4}$", re.IGNORECASE)
_CALLS = re.compile(r"(?:phone|telephone|tel|mobile|fax|call)\b[^\n]{0,12}$", re.IGNORECASE)
_DURATION = re.compile(
    rf"\b(?:\d+(?:[.,]\d+)?|{'|'.join(NUMBER_WORDS)})(?: |-)"
    r"(?:calendar |working |business )?(?:minutes?|hours?|days?|weeks?|months?|years?)\b",
    re.IGNORECASE,
)
_IDENTIFIER = re.compile(r"(?<![\w#])#?(?=[\w./-]*\d)[A-Za-z\d]+(?:[./-][A-Za-z\d]+)*(?![\w@])")
_NUMBER = re.compile(
    r"(?<![\w.,/-])(?P<minus>[-−–](?=[$€£¥\d]))?(?P<sign>[$€£¥₹]\s?|\b(?:EUR|USD|GBP|CHF|JPY)\s)?"
    rf"(?P<number>\d+(?:[.,'’]\d+)*|(?:{'|'.join(NUMBER_WORDS)})\b)"
    r"(?P<scale>\s(?:thousand|million|billion|trillion)\b|(?:bn|[kK])\b)?"
    r"(?P<after>\s?(?:[€$£¥%]|°C|[^\W\d_]+))?(?![\d])"
)
_SCALES = {
    "thousand": 1e3, "k": 1e3, "million": 1e6, "billion": 1e9, "bn": 1e9, "trillion": 1e12,
}  # fmt: skip
_YEAR = re.compile(r"(?:1\d|20)\d\d")
_SLASHED = re.compile(r"(?<![\d/])(\d{1,2})/(\d{1,2})/((?:19|20)\d\d)(?![\d/])")


class FieldKind(Enum):
    """What sort of value a field wants."""

    DATE = "date"
    MONEY = "money"
    MEASURE = "measure"  # a number that counts a unit
    PERCENT = "percent"
    YEAR = "year"
    NUMBER = "number"
    EMAIL = "e-mail address"
    URL = "address of a page"
    PHONE = "telephone number"
    IBAN = "IBAN"
    IDENTIFIER = "identifier"
    DURATION = "duration"
    CHOICE = "choice"
    TRUTH = "yes or no"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Typed:
    """A value of a text, text[start:end], as a form has it."""

    value: str | int | float
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class WantedKind:
    """The sort of a field's value. unit: that a measure counts."""

    kind: FieldKind
    unit: str = ""


def kind_of(field: SchemaField) -> WantedKind:
    """What a scalar field wants."""
    schema = field.schema
    said = field.description.lower().replace("e-mail", "email")
    own = field.path[-1] if field.path else ""
    name = _own_words(own)
    described = re.findall(r"[^\W_]+", said)
    if "enum" in schema or "const" in schema:
        return WantedKind(FieldKind.CHOICE)
    if schema.get("type") == "boolean":
        return WantedKind(FieldKind.TRUTH)
    if schema.get("type") in ("number", "integer"):
        return _kind_of_number(name, described, schema["type"] == "integer")
    return WantedKind(_kind_of_text(name, described, str(schema.get("format", ""))))


def _own_words(name: str) -> list[str]:
    words = SchemaField((name,), {}, "").words.split()
    joined = " ".join(words).replace("e mail", "email")
    return joined.split()


def _kind_of_number(name: list[str], described: list[str], is_whole: bool) -> WantedKind:
    said = [*name, *described]
    units = [
        _UNITS[word]
        for word in [*reversed(name), *described]
        if word in _UNITS_OF_NAMES and (word in name or len(word) > 1)
    ]
    if "percent" in units or _PERCENT_WORDS & set(name) or "%" in " ".join(described):
        return WantedKind(FieldKind.PERCENT)
    if units:
        return WantedKind(FieldKind.MEASURE, units[0])
    if _COUNT_WORDS & set(name):
        return WantedKind(FieldKind.NUMBER)
    if _MONEY_WORDS & set(name) or (not is_whole and _MONEY_WORDS & set(said)):
        return WantedKind(FieldKind.MONEY)
    if is_whole and "year" in said:
        return WantedKind(FieldKind.YEAR)
    return WantedKind(FieldKind.NUMBER)


def _kind_of_text(name: list[str], described: list[str], format: str) -> FieldKind:
    said = {*name, *described}
    if format == "date":
        return FieldKind.DATE
    if format in ("email", "idn-email") or "email" in name:
        return FieldKind.EMAIL
    if format in ("uri", "url") or {"url", "website", "homepage"} & set(name):
        return FieldKind.URL
    if "iban" in said:
        return FieldKind.IBAN
    if _PHONE_WORDS & set(name):
        return FieldKind.PHONE
    if _DURATION_WORDS & set(name):
        return FieldKind.DURATION
    if _IDENTIFIER_WORDS & set(name[-1:]):
        return FieldKind.IDENTIFIER
    return FieldKind.TEXT


def typed_values(text: str, wanted: WantedKind) -> list[Typed]:
    """The values of this sort in a text, in order; [] of kinds that any words may be."""
    kind = wanted.kind
    if kind is FieldKind.DATE:
        return sorted(_dates(text), key=lambda each: each.start)
    if kind is FieldKind.EMAIL:
        return _matches(_EMAIL, text)
    if kind is FieldKind.URL:
        return _matches(_URL, text)
    if kind is FieldKind.IBAN:
        return _matches(_IBAN, text)
    if kind is FieldKind.PHONE:
        return [each for each in _matches(_PHONE, text) if _is_phone(text, each)]
    if kind is FieldKind.DURATION:
        return _matches(_DURATION, text)
    if kind is FieldKind.IDENTIFIER:
        return [each for each in _matches(_IDENTIFIER, text) if not _is_date(text, each)]
    if kind in (FieldKind.CHOICE, FieldKind.TRUTH, FieldKind.TEXT):
        return []
    return list(_numbers(text, wanted))


def _matches(pattern: re.Pattern[str], text: str) -> list[Typed]:
    return [Typed(match.group(), *match.span()) for match in pattern.finditer(text)]


def _is_date(text: str, value: Typed) -> bool:
    return any(day.start < value.end and value.start < day.end for day in _dates(text))


def _is_phone(text: str, value: Typed) -> bool:
    """Whether digits are a telephone number: as they begin, or by the word before them."""
    begins = text[value.start : value.end].startswith(("+", "0", "(0", "(+"))
    before = text[: value.start]
    is_called = _CALLS.search(before) is not None
    return not _is_date(text, value) and (is_called or (begins and not _COUNTS.search(before)))


def _dates(text: str) -> Iterator[Typed]:
    for stated in stated_values(text):
        if stated.kind is ValueKind.DATE and not _RANGE.search(text[: stated.start]):
            yield from _day(stated.year, stated.month, stated.day, stated.start, stated.end)
    for match in _SLASHED.finditer(text):
        first, second = int(match[1]), int(match[2])
        # 03/04/2026 is a day in March or in April.
        if first > 12 or first == second:
            yield from _day(int(match[3]), second, first, *match.span())
        elif second > 12:
            yield from _day(int(match[3]), first, second, *match.span())


def _day(
    year: int | None, month: int | None, day: int | None, start: int, end: int
) -> Iterator[Typed]:
    if year is not None and month is not None and day is not None:
        try:
            yield Typed(date(year, month, day).isoformat(), start, end)
        except ValueError:  # 31 June
            return


def _numbers(text: str, wanted: WantedKind) -> Iterator[Typed]:
    days = [
        stated
        for stated in stated_values(text)
        if stated.kind is ValueKind.DATE and wanted.kind is not FieldKind.YEAR
    ]
    for match in _NUMBER.finditer(text):
        start, end = match.span("number")
        if any(day.start <= start < day.end for day in days):
            continue
        value = number_of(NUMBER_WORDS.get(match["number"].lower(), match["number"]))
        if value is None or not _is_wanted(match, text, wanted):
            continue
        value *= _SCALES.get((match["scale"] or "").strip().lower(), 1.0)
        value = -value if match["minus"] else value
        yield Typed(int(value) if value == int(value) else value, match.start(), end)


def _is_wanted(match: re.Match[str], text: str, wanted: WantedKind) -> bool:
    """Whether a figure has the unit, or the lack of one, that is wanted."""
    after = (match["after"] or "").strip().lower()
    unit = _UNITS.get(after) or (after if after in _UNITS.values() else "")
    is_money = bool(match["sign"] or MONEY.fullmatch(after))
    if wanted.kind is FieldKind.MEASURE:
        return unit == wanted.unit
    if wanted.kind is FieldKind.PERCENT:
        return unit == "percent" or text[match.end() :].lstrip().lower().startswith("per cent")
    if wanted.kind is FieldKind.YEAR:
        return _YEAR.fullmatch(match["number"]) is not None and not is_money and not unit
    if wanted.kind is FieldKind.MONEY:
        return is_money or (not unit and bool(re.search(r"\d", match["number"])))
    return not unit and not is_money


def units_of(label: str) -> frozenset[str]:
    """The units that a label has: "Weight (kg)"."""
    return frozenset(
        _UNITS[word] for word in re.findall(r"[^\W\d_]+|%|°c", label.lower()) if word in _UNITS
    )


def has_currency(text: str, value: Typed) -> bool:
    """Whether a number is written with a currency."""
    beside = text[max(0, value.start - 4) : value.end + 9]
    return MONEY.search(beside) is not None
