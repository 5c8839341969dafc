"""What sort of value a field of a form wants. Pure.

By its schema first (type, format), then by the words of its name and its description: a rent is
money and no number of months, "warranty years" a number that counts years. English names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from rag.extraction_schema import SchemaField, words_of

_MONEY_LIST = """
    rent price total subtotal amount cost costs fee deposit balance discount premium salary tip tax
    fare wage pay payment charge budget revenue profit income turnover net gross sum
"""
_MONEY_WORDS = frozenset(_MONEY_LIST.split())
_COUNT_WORDS = frozenset({"count", "quantity", "qty", "many", "number"})
_PERCENT_WORDS = frozenset({"percent", "percentage", "rate", "share", "margin"})
_IDENTIFIER_WORDS = frozenset({"number", "no", "nr", "id", "code", "reference", "ref"})
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
_WORD = re.compile(r"[^\W_]+")
_WORD_OF_LABEL = re.compile(r"[^\W\d_]+|%|°c")


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


_KINDS_OF_FORMATS = {
    "date": FieldKind.DATE,
    "email": FieldKind.EMAIL,
    "idn-email": FieldKind.EMAIL,
    "uri": FieldKind.URL,
    "url": FieldKind.URL,
}
_KINDS_OF_NAMES = (  # the first that fits: a "mobile number" is no identifier
    (FieldKind.EMAIL, {"email"}),
    (FieldKind.URL, {"url", "website", "homepage"}),
    (FieldKind.IBAN, {"iban"}),
    (FieldKind.PHONE, {"phone", "telephone", "tel", "mobile", "fax"}),
    (FieldKind.DURATION, {"period", "duration", "length"}),
)


@dataclass(frozen=True, slots=True)
class WantedKind:
    """The sort of a field's value. unit: that a measure counts."""

    kind: FieldKind
    unit: str = ""


def kind_of(field: SchemaField) -> WantedKind:
    """What a scalar field wants."""
    schema = field.schema
    name = " ".join(words_of(field.path[-1])).replace("e mail", "email").split()
    described = _WORD.findall(field.description.lower().replace("e-mail", "email"))
    if "enum" in schema or "const" in schema:
        return WantedKind(FieldKind.CHOICE)
    if schema.get("type") == "boolean":
        return WantedKind(FieldKind.TRUTH)
    if schema.get("type") in ("number", "integer"):
        return _kind_of_number(name, described, is_whole=schema["type"] == "integer")
    return WantedKind(_kind_of_text(name, described, str(schema.get("format", ""))))


def _kind_of_number(name: list[str], described: list[str], *, is_whole: bool) -> WantedKind:
    said = {*name, *described}
    units = [
        _UNITS[word]
        for word in [*reversed(name), *described]
        if word in _UNITS_OF_NAMES and (word in name or len(word) > 1)
    ]
    if "percent" in units or _PERCENT_WORDS & set(name):
        return WantedKind(FieldKind.PERCENT)
    if units:
        return WantedKind(FieldKind.MEASURE, units[0])
    if _COUNT_WORDS & set(name):
        return WantedKind(FieldKind.NUMBER)
    if _MONEY_WORDS & set(name) or (not is_whole and _MONEY_WORDS & said):
        return WantedKind(FieldKind.MONEY)
    if is_whole and "year" in said:
        return WantedKind(FieldKind.YEAR)
    return WantedKind(FieldKind.NUMBER)


def _kind_of_text(name: list[str], described: list[str], format: str) -> FieldKind:
    """By the format that a schema names, or else the first kind that a word of the name says."""
    if format in _KINDS_OF_FORMATS:
        return _KINDS_OF_FORMATS[format]
    said = {*name, *({"iban"} & set(described))}  # other words may be of what it belongs to
    for kind, words in _KINDS_OF_NAMES:
        if words & said:
            return kind
    return FieldKind.IDENTIFIER if _IDENTIFIER_WORDS & set(name[-1:]) else FieldKind.TEXT


def unit_of(word: str) -> str:
    """The unit that a word or sign stands for, in any case: "kg" is "kilogram"; "" of others."""
    word = word.lower()
    return _UNITS.get(word) or (word if word in _UNITS.values() else "")


def is_unit_of_names(word: str) -> bool:
    """Whether a word of a field's name says what its number counts: "weight_kg"."""
    return word in _UNITS_OF_NAMES and _UNITS[word] != "percent"


def units_of(label: str) -> frozenset[str]:
    """The units that a label has: "Weight (kg)"."""
    words = _WORD_OF_LABEL.findall(label.lower())
    return frozenset(_UNITS[word] for word in words if word in _UNITS)
