"""What sort of thing a question asks for, and whether a sentence has one. Pure.

In English and in the languages of `rag.question_words`; in others no kind is recognised, and
nothing is preferred.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache

from rag.asked_units import ASKED_UNITS
from rag.calendar_names import MONTHS, SHORT_MONTHS, WEEKDAYS
from rag.currencies import CURRENCY_SIGNS
from rag.function_words import function_terms, language_of
from rag.question_words import QUESTION_WORDS, QuestionWords
from rag.sentences import is_row, without_enumerator
from rag.terms import content_terms, figure_terms, is_unspaced, name_terms, number_terms

_AMOUNT = re.compile(
    r"\b(?:how (?:many|much|long|old|far|high|tall|wide|deep|large|big|heavy|fast|hot|cold|warm"
    r"|thick|loud|expensive|soon|quickly)"
    r"|what (?:percent|percentage|number|amount|share|proportion))\b"
    # "What's the deposit for the flat", "what is her salary", "what does it cost"
    r"|\bwhat(?:['’]?s| is| are| was| were| will be) (?:the|my|our|your|their|his|her|its|a) "
    r"(?:[\w-]+ ){0,2}?(?:prices?|costs?|fees?|rent|deposit|salary|wages?|excess|premium|fine"
    r"|penalty|charges?|height|weight|length|width|depth|size|age|population|temperature|speed"
    r"|distance|capacity|duration|rate|percentage|limit|maximum|max|minimum|balance|total|amount"
    r"|dose)(?= (?:of|for|to|in|on|at|per|if|when|by|with|after|before|from|this|next|now)\b|\W*$)"
    r"|\bwhat (?:do|does|did|will|would) .{1,60}? (?:cost|pay|charge|weigh|earn)\b"
)
_DATE = re.compile(r"\b(?:when(?:['’]?s)?|(?:what|which) (?:year|date|day|month|time))\b")
_DAY_ASKED = re.compile(r"\b(?:what|which) (?:day|date)\b")
_PAST = re.compile(r"\b(?:was|were|did|had|what year|which year)\b")
_NAME = re.compile(r"\b(?:who(?:['’]?s)?|whom|whose|where(?:['’]?s)?)\b")
_PLACE = re.compile(r"\bwhere(?:['’]?s)?\b")
_PLACED = re.compile(
    r"\b(?:in|at|on|under|behind|beside|next to|near|opposite|above|below|from|outside|inside) "
    r"(?:the|a|an|our|my|your|his|her|its|their|every|each)\b"
)
_CAUSE = re.compile(
    r"\b(?:why|what (?:\w+ )?(?:caused?|causes|led to|drove|driv(?:es?|ing)|prompted|triggered"
    r"|explain(?:s|ed))|(?:causes?|reasons?|grounds?) (?:of|for|behind))\b"
)
_CAUSE_GIVEN = re.compile(
    r"\b(?:because|caused?|causes|due to|reasons?|owing to|resulted from|as a result|led to|since"
    r"|so that|in order to|thanks to|driven by|attributable to|stem(?:s|med) from)\b"
)
# "Could you explain how it works?" wants more than a yes.
_YES_OR_NO = re.compile(
    r"\s*(?:(?:and|but|so) )?(?!(?:can|could|will|would) you\b)(?:is|are|am|was|were|do|does|did"
    r"|has|have|had|can|could|may(?! \d)|might|must|shall|should|will|would)\b"
)
# "Can my mum stay?" is answered by what may be, must be and is left out.
_PERMISSION = re.compile(
    r"\s*(?:can|may|must|should|could|am|are|is|do|does|will)\b(?:.*\b(?:allowed|permitted|ok|okay"
    r"|have to|need to|included?|covers?|covered|get)\b|(?<=can)|(?<=may)|(?<=must))"
)
_PERMITTED = re.compile(
    r"\b(?:may|must|can|cannot|should|allowed?|allows|permit\w*|forbid\w*|forbidden|prohibited|no"
    r"|not|never|only|unless|except\w*|need\w*|require[sd]?|fine|free|optional|exclu\w+|includ\w+"
    r"|covered|covers?|possible|welcome|authori[sz]ed|have to|has to)\b|n['’]t\b"
)
_SUMMARY = re.compile(
    r"\W*(?:(?:please|can you|could you|would you)\s+)*(?:summari[sz]e\b"
    r"|(?:(?:give|write|make)(?: me| us)? |i (?:want|need) )?(?:a|the) (?:\w+ )?summary of\b)",
    re.IGNORECASE,
)
_FREQUENCY = re.compile(r"\bhow (?:often|frequently|regularly)\b")
_OFTEN = re.compile(
    r"\b(?:every|each|once|twice|daily|weekly|monthly|quarterly|yearly|annually|hourly|times|never"
    r"|always|per (?:day|week|month|year)|a (?:day|week|month|year))\b"
)
_CALENDAR = "|".join(name for name in (*MONTHS, *WEEKDAYS) if name != "may")
_CALENDAR_WORD = re.compile(rf"\b(?:(?:{_CALENDAR})s?|may \d|\d may)\b")
CALENDAR_TERMS = content_terms(" ".join((*MONTHS, *WEEKDAYS))) | {"may"}  # may: a stop word, too
_MONTHS = "|".join(SHORT_MONTHS)
_DAY = re.compile(
    rf"\b(?:\d{{1,2}}\.? (?=(?:{_MONTHS})[a-z]*)|(?:{_MONTHS})[a-z]* \d{{1,2}}\b)", re.I
)
_LABEL = re.compile(
    r"\b(?:schedules?|tables?|fig(?:ure)?s?|pages?|chapters?|sections?|clauses?|parts?|units?|no"
    r"|numbers?|versions?|editions?|article)\.? \d+(?:\.\d+)*(?: of \d+)?\b",
    re.IGNORECASE,
)
_YEAR = re.compile(r"(?:1[0-9]|20)\d\d")
# Four figures are a year, but with a currency or a unit: "EUR 1200", "1500 kg".
_WRITTEN_YEAR = re.compile(
    rf"(?<![{CURRENCY_SIGNS}\d.,])(?<![{CURRENCY_SIGNS}] )"
    r"(?<!\bEUR )(?<!\bGBP )(?<!\bUSD )(?<!\bCHF )\b(?:1[0-9]|20)\d\d\b"
    rf"(?![.,]\d| ?(?:[{CURRENCY_SIGNS}%]"
    r"|(?:EUR|GBP|USD|CHF|euros?|dollars?|pounds|k?g|k?m|[cm]m|m?l|k?Wh?|kcal|units|copies|people|miles|litres)\b))"
)
_CURRENCY = re.compile(rf"[{CURRENCY_SIGNS}]|\b(?:EUR|GBP|USD|CHF)\b")
# "How much is it?" is no question of time, but "how much time", "how much longer".
_HOW_MUCH = re.compile(
    r"\bhow much\b(?! (?:time|longer|earlier|later|notice|sooner)\b)", re.IGNORECASE
)
_TIME_SPAN = re.compile(
    r"\b(?:\d+|an?|one|two|three|four|five|six|seven|eight|nine|ten|twelve)[ -]"
    r"(?:seconds?|minutes?|hours?|days?|weeks?|months?|years?)\b",
    re.IGNORECASE,
)
_CLOCK = re.compile(r"\b\d{1,2}(?::\d\d| ?[ap]\.?m\b)|\b(?:noon|midday|midnight)\b")
# "How high is the tower?" asks nothing of a tower that is called high.
_MEASURE_WORD = re.compile(r"\b(how) (?:\w+)\b", re.IGNORECASE)


class QuestionKind(Enum):
    """What a question asks for."""

    AMOUNT = "amount"
    DATE = "date"
    NAME = "name"
    CAUSE = "cause"
    FREQUENCY = "frequency"
    YES_OR_NO = "yes or no"
    OTHER = "other"


@lru_cache(maxsize=1024)
def question_kind(question: str) -> QuestionKind:
    """The kind of a question; OTHER where its words do not tell."""
    asked = question.casefold()
    if (words := _words_of(question)) is not None:
        return _kind_by(words, asked)
    if _CAUSE.search(asked):
        return QuestionKind.CAUSE
    if _FREQUENCY.search(asked):
        return QuestionKind.FREQUENCY
    if _AMOUNT.search(asked):
        return QuestionKind.AMOUNT
    if _DATE.search(asked):
        return QuestionKind.DATE
    if _NAME.search(asked):
        return QuestionKind.NAME
    if _YES_OR_NO.match(asked):
        return QuestionKind.YES_OR_NO
    return QuestionKind.OTHER


@lru_cache(maxsize=1024)  # asked for with every sentence
def _words_of(question: str) -> QuestionWords | None:
    """What the question's language asks with; None in English and where it is not known."""
    return QUESTION_WORDS.get(language_of(question))


def _kind_by(words: QuestionWords, asked: str) -> QuestionKind:
    for kind, pattern in (
        (QuestionKind.CAUSE, words.cause),
        (QuestionKind.FREQUENCY, words.frequency),
        (QuestionKind.AMOUNT, words.amount),
        (QuestionKind.DATE, words.date),
        (QuestionKind.NAME, words.name),
    ):
        if pattern.search(asked):
            return kind
    return QuestionKind.YES_OR_NO if words.yes_or_no.match(asked) else QuestionKind.OTHER


def asks_more_than_a_fact(question: str) -> bool:
    """Whether several sentences may be the answer: "what is ...", "how does ...", "why ...".

    One is enough to say yes or no.
    """
    return question_kind(question) in (QuestionKind.OTHER, QuestionKind.CAUSE)


def asks_for_summary(question: str) -> bool:
    """Whether a summary of something is asked for, and nothing else."""
    return _SUMMARY.match(question) is not None


def asked_terms(question: str) -> frozenset[str]:
    """The content terms of a question without the measure that it asks for ("how high").

    Function words of other languages than English are left out as well.
    """
    if question_kind(question) in (QuestionKind.AMOUNT, QuestionKind.FREQUENCY):
        question = _MEASURE_WORD.sub(r"\1", question)
    return content_terms(question) - function_terms(question)


def amount_terms(sentence: str, *, head: str = "") -> frozenset[str]:
    """The numbers of a sentence that can be an amount: no years, days or section numbers.

    head: the lines above a row; below "Planned (EUR)" 1725 is no year.
    """
    figures = figure_terms(_LABEL.sub(" ", _DAY.sub(" ", without_enumerator(sentence))))
    if _CURRENCY.search(head):
        return figures
    return figures - frozenset(_WRITTEN_YEAR.findall(sentence))


def has_kind(sentence: str, question: str, *, head: str = "") -> float:
    """1 when the sentence has something of the kind that the question lacks, else 0.

    0.5 when the question does not tell what it asks for. head: the lines above a row.
    """
    kind = question_kind(question)
    if (words := _words_of(question)) is not None:
        return _has_kind_by(words, kind, sentence, question)
    asked, plain = question.casefold(), sentence.casefold()
    unit = next((unit for unit in ASKED_UNITS if unit.asks.search(asked)), None)
    row = is_row(sentence)  # which has its unit in its head
    has_unit = unit is not None and (row or unit.given.search(plain) is not None)
    of_unit = 1.0 if unit is None or has_unit else 0.5
    if kind is QuestionKind.AMOUNT:
        if has_unit and not row:
            return 1.0
        if _HOW_MUCH.search(question):
            sentence = _TIME_SPAN.sub(" ", sentence)
            if not any(map(str.isdigit, sentence)):
                return 0.0  # "two claims"
        return of_unit * bool(amount_terms(sentence, head=head) - content_terms(question))
    if kind is QuestionKind.DATE:
        years = {term for term in number_terms(sentence) if _YEAR.fullmatch(term)}
        dated = bool(years - number_terms(question) or _CALENDAR_WORD.search(plain))
        dated |= "century" in plain
        dated |= bool(_CLOCK.search(plain)) and not _DAY_ASKED.search(asked)
        if not _PAST.search(asked):  # "When can she drive?" "Not for one week."
            dated |= bool(_TIME_SPAN.search(plain))
        return of_unit * dated
    if kind is QuestionKind.FREQUENCY:
        return float(bool(_OFTEN.search(plain) or amount_terms(sentence)))
    if kind is QuestionKind.CAUSE:
        return float(bool(_CAUSE_GIVEN.search(plain)))
    if kind is QuestionKind.NAME:
        if _PLACE.search(asked) and _PLACED.search(plain):
            return 1.0
        return float(bool(name_terms(sentence) - content_terms(question) - CALENDAR_TERMS))
    if kind is QuestionKind.YES_OR_NO:  # "Did wages rise?" asks for no sum
        return float(bool(_PERMITTED.search(plain))) if _PERMISSION.match(asked) else 0.5
    return 0.5 if unit is None else float(has_unit)


def lacks_unit(sentence: str, question: str) -> bool:
    """Whether a price, a time or a weight is asked for, and a sentence has nothing in such units.

    Known of the languages of `rag.question_words`; never so of a row, whose unit is in its head.
    """
    words = _words_of(question)
    if words is None or is_row(sentence) or question_kind(question) is not QuestionKind.AMOUNT:
        return False
    asked, plain = question.casefold(), sentence.casefold()
    return any(asks.search(asked) and not has.search(plain) for asks, has in words.units)


def _has_kind_by(words: QuestionWords, kind: QuestionKind, sentence: str, question: str) -> float:
    plain = sentence.casefold()
    if kind is QuestionKind.AMOUNT:
        figures = amount_terms(words.day.sub(" ", plain)) - content_terms(question)
        has_number = bool(figures or words.number.search(plain))
        return float(has_number and not lacks_unit(sentence, question))
    if kind is QuestionKind.DATE:
        years = {term for term in number_terms(sentence) if _YEAR.fullmatch(term)}
        return float(bool(years - number_terms(question) or words.calendar.search(plain)))
    if kind is QuestionKind.FREQUENCY:
        return float(bool(words.often.search(plain)))
    if kind is QuestionKind.CAUSE:
        return float(bool(words.cause_given.search(plain)))
    if kind is QuestionKind.NAME and not is_unspaced(sentence):
        return float(bool(name_terms(sentence) - content_terms(question)))
    return 0.5
