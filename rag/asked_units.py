"""What an English question names that its answer is counted in, or looks like. Pure data.

"How heavy is it?" has no answer in metres, nor "What is the email?" one without an "@". Of other
languages `rag.question_words` knows the like.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rag.currencies import CURRENCY_SIGNS
from rag.terms import NUMBER_WORDS


@dataclass(frozen=True, slots=True)
class AskedUnit:
    """asks: of case-folded questions. given: what an answer has, of case-folded sentences."""

    asks: re.Pattern[str]
    given: re.Pattern[str]


_MONEY = AskedUnit(
    re.compile(
        r"\bhow much (?:is|are|was|were|does|do|did|will|would|can|could|must|should|have|has|for"
        r"|to)\b(?!.*\b(?:weigh\w*|time|longer|earlier|notice|bigger|larger|faster|taller)\b)"
        r"|\bhow much (?:money|rent|interest|tax)\b|\bhow expensive\b"
        r"|\b(?:price|costs?|fees?|rent|salary|wages?|fine|charged?|pay|paid|earns?|owed?|spen[dt])\b"
    ),
    re.compile(
        rf"[{CURRENCY_SIGNS}]|\b(?:eur|usd|gbp|chf|euros?|pounds?|dollars?|cents?|pence|francs?|free|nothing"
        r"|waived)\b|\bno (?:charge|fee|cost)\b"
    ),
)
_PHONE = AskedUnit(
    re.compile(
        r"\b(?:(?:tele)?phone|mobile|fax)(?: number)?\b|\bnumber\b.*\b(?:ring|call|dial|phone)\b"
    ),
    re.compile(r"(?:\+|\b0)\d[\d ()/-]{5,}\d\b|\b(?:911|999|112|11\d)\b"),
)
_NUMBER = "|".join((*NUMBER_WORDS, "an?", "half", "hundred", "thousand", "few", "several"))
_SPAN = (
    r"(?:seconds?|secs?|minutes?|mins?|hours?|hrs?|nights?|days?|weeks?|fortnights?|months?"
    r"|quarters?|terms?|years?|decades?|centur(?:y|ies)|h|s)"
)
_LENGTH = (
    r"(?:mm|cm|m|km|metres?|meters?|kilomet\w+|millimet\w+|centimet\w+|inch(?:es)?|feet|foot|ft"
    r"|yards?|miles?|floors?|storeys?|degrees|pages|words|characters|letters)"
)
# Alternatives of a pattern: what stands behind the number of an amount.
UNITS = (
    rf"{_SPAN}|{_LENGTH}|per cent|percent|kg|g|mg|t|kilos?|grams?|tonnes?|tons?|lbs?|litres?"
    r"|liters?|ml|cl|l|°C?|euros?|pounds?|dollars?|cents?|pence|kWh|kW|MB|GB|dB"
)
ASKED_UNITS = (
    AskedUnit(re.compile(r"\b(?:e-?mails?|mail) address|\bemail\b"), re.compile(r"\S@\S")),
    AskedUnit(re.compile(r"\b(?:web ?site|web address|url)\b"), re.compile(r"https?:|www\.|\w/\w")),
    _PHONE,
    AskedUnit(
        re.compile(r"\b(?:at |by )?what time\b"),
        re.compile(
            r"\b\d{1,2}[:.]\d\d\b|\b\d{1,2} ?[ap]\.?m\b|\bnoon\b|\bmidday\b|\bmidnight\b"
            r"|o['’]clock|\b(?:at|from|until|till|before|after|by|between) "
            r"(?:\d{1,2}\b(?! ?%)|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
        ),
    ),
    AskedUnit(
        re.compile(r"\bhow (?:heavy|much .*\bweighs?)\b|\bweight\b"),
        re.compile(r"\d ?(?:kg|g|mg|t|lbs?|oz|kilos?|kilograms?|grams?|pounds?|tons?|tonnes?)\b"),
    ),
    AskedUnit(re.compile(r"\bhow (?:hot|cold|warm)\b|\btemperature\b"), re.compile(r"°|degrees")),
    AskedUnit(
        re.compile(r"\bhow (?:long|soon|quickly|far)\b"),
        re.compile(
            rf"(?:\d|\b(?:{_NUMBER})\b)[ -]?(?:[a-z]+ )?(?:{_SPAN}|{_LENGTH})\b"
            r"|\b(?:for life|unlimited)\b"
        ),
    ),
    _MONEY,
)
