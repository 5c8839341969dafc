"""A value of a form -> the sentence of the passages that states it.

Pure. Text is looked for as it stands, spaces and capitals aside; a number in any usual spelling
("4,200,000", "$4.2 million"); a date of the form 2024-03-05 also with its month spelled in English.
What need not stand anywhere (yes or no, a choice) rests on the sentence that fits the field best.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from datetime import date

from rag.calendar_names import MONTHS
from rag.currencies import CURRENCY_SIGNS
from rag.evidence import SUPPORT_COVERAGE, Evidence, Quote
from rag.extracts import Extract
from rag.terms import SCALES, content_terms, figure_terms, normal_number, number_terms
from rag.windows import Window

_FIGURE = re.compile(
    rf"(?P<minus>(?<![\w.])[-−–(]\s?(?:[{CURRENCY_SIGNS}]\s?)?)?"
    r"(?P<digits>\d+(?:[.,\u00a0\u202f']\d+)*)"
    r"(?:\s?(?P<scale>thousand|million|billion|trillion|bn|mn|[kKmMB])\b)?"
)


def find_support(
    value: object,
    evidence: Evidence,
    extracts: Sequence[Extract],
    *,
    is_inferred: bool,
    least_fit: float,
) -> Quote | None:
    """The sentence that states a scalar value, or None.

    extracts: the sentences of the evidence as answers to what the field asks, best first; of
    several that state the value, the first of them is taken.
    is_inferred: the value may rest on a sentence that fits the field at least as well as
    `least_fit` without standing there.
    """
    fits = {(e.quote.passage, e.quote.start): e.fit for e in extracts}
    stating = [
        (fits.get((quote.passage, quote.start), -1.0), -number, quote)
        for number, (window, quote) in enumerate(
            (window, evidence.quote(window))
            for sentences in evidence.sentences
            for window in sentences
        )
        if _states(window, value)
    ]
    if stating:
        return max(stating, key=lambda each: each[:2])[2]
    if is_inferred:
        return _best_fitting(evidence, extracts, least_fit)
    if isinstance(value, str) and len(content_terms(value)) > 1:
        return next(iter(evidence.support(value)), None)
    return None


def _best_fitting(
    evidence: Evidence, extracts: Sequence[Extract], least_fit: float
) -> Quote | None:
    if extracts and extracts[0].fit >= least_fit:
        return extracts[0].quote
    # A sentence that says no more than the field asks is no extract: "Dogs are allowed."
    asked = content_terms(evidence.question)
    windows = [window for sentences in evidence.sentences for window in sentences]
    best = max(windows, key=lambda w: evidence.coverage(asked, w.terms), default=None)
    if best is None or evidence.coverage(asked, best.terms) < SUPPORT_COVERAGE:
        return None
    return evidence.quote(best)


def _states(window: Window, value: object) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, int | float):
        return states_number(window.text, value)
    if not isinstance(value, str):
        return False
    return states_text(window.text, value) or states_date(window.text, value)


def states_text(text: str, value: str) -> bool:
    """Whether a text has these words in a row, whole; case, spaces and full width do not matter."""
    wanted, within = _plain(value).strip(" .,;:"), _plain(text)
    if not wanted:
        return False
    at = within.find(wanted)
    while at >= 0:
        before, after = within[at - 1 : at] if at else "", within[at + len(wanted) :][:1]
        if not (before.isalnum() and wanted[0].isalnum() and _is_spaced(before)) and not (
            after.isalnum() and wanted[-1].isalnum() and _is_spaced(after)
        ):
            return True
        at = within.find(wanted, at + 1)
    return False


def _is_spaced(character: str) -> bool:
    """Whether words of the character's script stand apart: not so in Han, kana or Thai."""
    name = unicodedata.name(character, "")
    return not name.startswith(("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR"))


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def states_number(text: str, value: float) -> bool:
    """Whether a text has a figure of this value, in one of its usual spellings."""
    spelled = str(value) if isinstance(value, int) and value > 1 else ""
    return any(
        math.isclose(figure, value, rel_tol=1e-9, abs_tol=1e-12) for figure in _figures(text)
    ) or (spelled != "" and spelled in figure_terms(text) - number_terms(text))


def numbers_of(text: str) -> list[float]:
    """Every number of a text once, as a form has it: whole ones without decimals."""
    figures = filter(math.isfinite, _figures(text))  # 400 digits are more than a float holds
    return [int(n) if n == int(n) else n for n in dict.fromkeys(figures)]


def _figures(text: str) -> list[float]:
    found = []
    for match in _FIGURE.finditer(text):
        number = number_of(match["digits"])
        if number is None:
            continue
        scale = SCALES.get((match["scale"] or "").lower(), 1.0)
        found += [number, number * scale]
        if match["minus"]:
            found += [-number, -number * scale]
    return found


def number_of(digits: str) -> float | None:
    """The number that is written so; None of "1.2.3". "1.250,00" has thousands and decimals."""
    try:
        return float(normal_number(digits))
    except ValueError:
        return None


def states_date(text: str, value: str) -> bool:
    """Whether a text has the day, the month and the year of a date of the form 2024-03-05."""
    try:
        day = date.fromisoformat(value[:10])
    except ValueError:
        return False
    numbers = number_terms(text)
    if {str(day.year), str(day.day)} <= numbers:
        month = MONTHS[day.month - 1]
        if re.search(rf"\b(?:{month}|{month[:3]}|{month[:4]})\b", text, re.IGNORECASE):
            return True
    written = (
        rf"0?{day.day}[./-]0?{day.month}[./-](?:{day.year}|{day.year % 100:02})",
        rf"0?{day.month}[./-]0?{day.day}[./-](?:{day.year}|{day.year % 100:02})",
        rf"{day.year}[./-]0?{day.month}[./-]0?{day.day}",
    )
    return any(re.search(rf"(?<!\d){form}(?!\d)", text) for form in written)
