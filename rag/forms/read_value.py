"""What stands after a label or in a cell -> the value as its field wants it. Pure."""

from __future__ import annotations

import re
from typing import Any

from rag.forms.asked_field import AskedField
from rag.forms.field_kinds import FieldKind, WantedKind, units_of
from rag.forms.typed_values import Typed, has_currency, typed_values
from rag.value_support import states_text

# Characters of a sentence or after a label; more in a row state no one value, and what looks for
# dates would take long.
LONGEST_STATEMENT = 1000
_LONGEST_TEXT = 200
_LONGEST_IDENTIFIER = 40
_ADDRESS_OF_MAIL = re.compile(r"(?<!\s)\s*<[^<>\s@]+@[^<>\s@]+>$")
_POSTAL = re.compile(r",\s[^,]*\d")
_ENDS_IN_FIGURE = re.compile(r"\s\d+\w?$")
_YES = re.compile(r"\W*(?:yes|true|ja|oui|sí|✓|✔|x$|☒|☑)(?!\w)", re.IGNORECASE)
_NO = re.compile(r"\W*(?:no|false|nein|non|none|✗|☐)(?!\w)", re.IGNORECASE)
_CURRENCIES = {
    "EUR": re.compile(r"€|\bEUR\b|\beuros?\b"),
    "GBP": re.compile(r"£|\bGBP\b"),
    "USD": re.compile(r"(?<![A-Z])\$|\bUSD\b|\bdollars?\b"),
    "CHF": re.compile(r"\bCHF\b|\bSFr\."),
    "JPY": re.compile(r"¥|\bJPY\b"),
}


def read_value(asked: AskedField, value: str, label: str = "") -> Any:
    """The value as the field wants it; None where there is none of its kind, or several."""
    kind = asked.wanted.kind
    if len(value) > LONGEST_STATEMENT:
        return None
    if kind is FieldKind.TRUTH:
        return True if _YES.match(value) else False if _NO.match(value) else None
    if kind is FieldKind.CHOICE:
        return choice_in(asked, value)
    if kind is FieldKind.TEXT:
        return _text(asked, value)
    values = _typed(asked, value, label)
    if kind is FieldKind.IDENTIFIER:
        return value.rstrip(" .") if values and len(value) <= _LONGEST_IDENTIFIER else None
    return the_only(values)


def the_only(values: list[Typed]) -> Any:
    """The value of all of them; None where they differ."""
    distinct = {each.value for each in values}
    return distinct.pop() if len(distinct) == 1 else None


def _text(asked: AskedField, value: str) -> str | None:
    """The words of a value; of a name without the address that follows it."""
    value = _ADDRESS_OF_MAIL.sub("", value)
    if asked.is_name:
        postal = _POSTAL.search(value)
        value = value[: postal.start()] if postal else value
        if ends_in_figure(value):
            return None
    value = value if value.count(".") > 1 else value.rstrip(" .")
    return value if len(value) <= _LONGEST_TEXT else None


def ends_in_figure(value: str) -> bool:
    """Whether words end as an address does: "Kingsway 88" is no one's name."""
    return _ENDS_IN_FIGURE.search(value) is not None


def _typed(asked: AskedField, value: str, label: str) -> list[Typed]:
    """The values of the kind; a label may have the unit that the value lacks, "Weight (kg)"."""
    wanted = asked.wanted
    if wanted.kind is FieldKind.PERCENT:
        return typed_values(f"{label} {value}", wanted)
    values = typed_values(value, wanted)
    if wanted.kind is FieldKind.MEASURE and not values and wanted.unit in units_of(label):
        return typed_values(value, WantedKind(FieldKind.NUMBER))
    if wanted.kind is FieldKind.NUMBER and not values:  # no word of the name says that it is money
        return typed_values(value, WantedKind(FieldKind.MONEY))
    if wanted.kind is FieldKind.MONEY and len(values) > 1:
        return [each for each in values if has_currency(value, each)]
    return values


def choice_in(asked: AskedField, text: str) -> Any:
    """The one choice that a text has."""
    schema = asked.field.schema
    choices = schema["enum"] if "enum" in schema else [schema["const"]]
    found = [each for each in choices if isinstance(each, str) and each and _has_choice(text, each)]
    # "unpaid" has "paid" as no word; "part paid" has it.
    longest = [each for each in found if not any(each != o and states_text(o, each) for o in found)]
    return longest[0] if len(longest) == 1 else None


def is_currency(asked: AskedField) -> bool:
    """Whether a field is a choice of currencies, which are told by their signs."""
    choices = asked.field.schema.get("enum", ())
    return bool(choices) and all(str(each).upper() in _CURRENCIES for each in choices)


def _has_choice(text: str, choice: str) -> bool:
    sign = _CURRENCIES.get(choice.upper())
    if sign is not None:
        return sign.search(text) is not None
    return states_text(text, choice.replace("_", " "))
