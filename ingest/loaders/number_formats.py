"""Number formats of spreadsheets -> functions that write a value as its cell shows it. Pure.

Of 0.125 in a cell of the format "0.0%" a reader sees 12.5%: that is what is asked for and quoted.
Formats of kinds that are rare (fractions, exponents, conditions, telephone numbers) are left alone,
and dates stay as ISO writes them unless their format names the month, or leaves out the day.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

# Writes a value of the kind that it is for as text, and gives any other one back as it is.
Writer = Callable[[object], object]

# What Excel does not write down. 5 to 8, 41 to 44: the currency is the reader's own, unknown here.
BUILT_IN = {
    1: "0",
    2: "0.00",
    3: "#,##0",
    4: "#,##0.00",
    **dict.fromkeys((5, 6, 37, 38, 41, 42), "#,##0;(#,##0)"),
    **dict.fromkeys((7, 8, 39, 40, 43, 44), "#,##0.00;(#,##0.00)"),
    9: "0%",
    10: "0.00%",
    15: "d-mmm-yy",
    17: "mmm-yy",
}
_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|(?P<space>_.)|(?P<fill>\*.)|\[(?P<bracket>[^\]]*)\]'
    r"|(?P<digits>[#0?.,]+)|(?P<general>General)|(?P<date>[ymd]+)|(?P<other>.)",
    re.IGNORECASE | re.DOTALL,
)
_PATTERN = re.compile(r"(?P<whole>[#0?,]*?)(?P<scale>,*)(?:\.(?P<decimals>[#0?]*)(?P<more>,*))?")
_CURRENCY = re.compile(r"\$([^-]*)(?:-([0-9A-F]+))?", re.IGNORECASE)
_COLOUR = re.compile(r"black|blue|cyan|green|magenta|red|white|yellow|colou?r\s?\d+", re.IGNORECASE)
_LITERAL = re.compile(r"[^\w/@]|[%€$£¥]")
_LANGUAGE, _ENGLISH = 0x3FF, 0x09  # of a locale's number
_LONGEST_CODE = 255  # Excel's own
_MOST_DIGITS = 30  # Excel shows no more decimals
_LARGEST_FACTOR = 1e12
_LARGEST = 1e15  # from there on a float has no digits left to round
# 1.005 is a little less than that as a float: this makes it round as it is written, upwards.
_UP = 1 + 4e-16
_MONTH_LIST = """
January February March April May June July August September October November December
"""
_MONTHS = _MONTH_LIST.split()
_DAY_LIST = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"
_DAYS = _DAY_LIST.split()


def writer_of(code: str) -> Writer | None:
    """How cells of this format show their values; None where it is General or is not known."""
    if len(code) > _LONGEST_CODE:
        return None
    sections = _sections(code)
    return _dates(sections[0]) or _figures(sections)


def time_text(value: datetime.timedelta | datetime.time) -> str:
    """A time of day without seconds where it has none, 08:30; a duration with them: 26:30:00."""
    if isinstance(value, datetime.time):
        exact = value.second or value.microsecond
        return value.isoformat("seconds" if exact else "minutes")
    seconds = round(value.total_seconds())
    minutes, seconds_left = divmod(abs(seconds), 60)
    hours, minutes_left = divmod(minutes, 60)
    return f"{'-' if seconds < 0 else ''}{hours}:{minutes_left:02}:{seconds_left:02}"


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


def _sections(code: str) -> list[list[_Token]]:
    """The tokens of the parts of a format: of positive values, of negative ones, of zero, texts."""
    sections: list[list[_Token]] = [[]]
    for match in _TOKEN.finditer(code):
        kind = match.lastgroup or ""
        text = match[kind]
        if kind == "other" and text == ";":
            sections.append([])
            continue
        is_plain = kind == "other" and text != "%" and _LITERAL.fullmatch(text)
        if is_plain or kind in ("quoted", "escaped"):
            kind = "literal"
        sections[-1].append(_Token(kind, text))
    return sections


# --- figures ------------------------------------------------------------------------------------


def _figures(sections: Sequence[Sequence[_Token]]) -> Writer | None:
    above = _figure(sections[0])
    if above is None or (len(sections) == 1 and _is_general(sections[0])):
        return None
    below = _figure(sections[1]) if len(sections) > 1 else None
    zero = (_figure(sections[2]) if len(sections) > 2 and _has_zero(sections[2]) else None) or above

    def write(value: object) -> object:
        if type(value) is not float or not -_LARGEST < value < _LARGEST:
            return value
        if value > 0:
            return above(value)
        if value == 0:
            return zero(0.0)
        return below(-value) if below is not None else f"-{above(-value)}"

    return write


def _has_zero(tokens: Sequence[_Token]) -> bool:
    """Whether a zero is shown as one: where it is a dash, or nothing, it is no less a figure."""
    return any(token.kind == "general" or "0" in token.text for token in tokens)


def _is_general(tokens: Sequence[_Token]) -> bool:
    return [token.kind for token in tokens] == ["general"]


def _figure(tokens: Sequence[_Token]) -> Callable[[float], str] | None:
    """Writes what is not negative by one part of a format; None where it shows no figure."""
    around = ["", ""]  # what stands before the figure and behind it
    pattern: str | None = None
    factor = 1.0
    for token in tokens:
        text = ""
        if token.kind in ("digits", "general"):
            if pattern is not None:
                return None
            pattern = token.text
        elif token.kind == "literal":
            text = token.text
        elif token.kind == "space":
            text = " "
        elif token.kind == "bracket":
            currency = _CURRENCY.fullmatch(token.text)
            if currency is None and not _COLOUR.fullmatch(token.text):
                return None
            text = currency[1] if currency else ""
        elif token.text == "%":
            text, factor = "%", factor * 100
        elif token.kind != "fill":
            return None
        around[pattern is not None] += text
    if pattern is None:
        return None
    before, after = " ".join(around[0].split()), " ".join(around[1].split())
    if around[0].endswith(" ") and before and before[-1].isalnum():
        before += " "
    if around[1].startswith((" ", "\xa0")) and after and after != ")":
        after = f" {after}"
    if pattern.casefold() == "general":
        return lambda value: f"{before}{value * factor:.15g}{after}"
    parts = _PATTERN.fullmatch(pattern)
    if parts is None or not 0 < sum(map(pattern.count, "#0?")) <= _MOST_DIGITS:
        return None
    scale = len(parts["scale"]) + len(parts["more"] or "")
    factor /= 1000.0 ** min(scale, 9)
    if not 1 / _LARGEST_FACTOR <= factor <= _LARGEST_FACTOR:
        return None
    factor *= _UP
    whole, decimals = parts["whole"], parts["decimals"] or ""
    spec = f"{',' if ',' in whole else ''}.{len(decimals)}f"
    whole = whole.replace(",", "")
    least = len(whole) - whole.find("0") if "0" in whole else 0
    needed = decimals.rfind("0") + 1

    def plain(value: float) -> str:
        return before + format(value * factor, spec) + after

    def padded(value: float) -> str:
        digits, point, fraction = f"{value * factor:{spec}}".partition(".")
        fraction = fraction[:needed] + fraction[needed:].rstrip("0")
        return f"{before}{digits.zfill(least)}{point if fraction else ''}{fraction}{after}"

    return plain if least <= 1 and needed == len(decimals) else padded


# --- dates --------------------------------------------------------------------------------------


def _dates(tokens: Sequence[_Token]) -> Writer | None:
    """Writes dates by formats that name the month, and by those without a day."""
    fields: list[str] = []
    for token in tokens:
        if token.kind == "date":
            fields += [run.group().casefold() for run in re.finditer(r"(?i)(.)\1*", token.text)]
        elif token.kind == "bracket":
            locale = _CURRENCY.fullmatch(token.text)
            if locale is None or locale[1] or not _is_english(locale[2] or ""):
                return None
        elif token.kind not in ("literal", "space") and token.text not in (",", ".", "/", "@"):
            return None
    months = [field for field in fields if field[0] == "m"]
    has_year = any(field[0] == "y" for field in fields)
    has_day = "d" in fields or "dd" in fields
    if len(months) > 1 or "mmmmm" in months or not (has_year or months):
        return None
    if months and len(months[0]) > 2:
        if not has_day and not has_year:
            return _date_writer(lambda date: f"{_of(months[0], date)} {date.year}")
        return _date_writer(lambda date: _written(tokens, date)) if has_year else None
    if has_day or not has_year:
        return None
    return _date_writer(lambda date: f"{date.year}-{date.month:02}" if months else str(date.year))


def _is_english(locale: str) -> bool:
    return not locale or int(locale, 16) & _LANGUAGE == _ENGLISH


def _date_writer(write: Callable[[datetime.date], str]) -> Writer:
    return lambda value: write(value) if isinstance(value, datetime.date) else value


def _written(tokens: Sequence[_Token], date: datetime.date) -> str:
    parts: list[str] = []
    for token in tokens:
        if token.kind == "date":
            parts += (_of(run.group(), date) for run in re.finditer(r"(.)\1*", token.text))
        elif token.kind != "bracket" and token.text != "@":
            parts.append(" " if token.kind == "space" else token.text)
    return " ".join("".join(parts).split())


def _of(field: str, date: datetime.date) -> str:
    """A part of a date. A year has four digits: of "Mar-24" nobody can tell what it is."""
    field = field.casefold()
    if field[0] == "y":
        return str(date.year)
    number, name = (
        (date.month, _MONTHS[date.month - 1])
        if field[0] == "m"
        else (date.day, _DAYS[date.weekday()])
    )
    if len(field) <= 2:
        return f"{number:0{len(field)}}"
    return name[:3] if len(field) == 3 else name
