"""What a question asks of a company's accounts. Pure; English only.

Precise before it is helpful: a question with a word that is neither a measure, a year, the company
nor phrasing ("of the consumer segment", "organic", "adjusted") asks for something else than the
line of a statement, and is not understood here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from rag.accounts.measures import (
    ACTIVITIES,
    ASSETS,
    LIABILITIES,
    MEASURES,
    Measure,
)
from rag.accounts.statements import Item, Section
from rag.question_kind import QuestionKind, amount_terms, question_kind
from rag.terms import SCALES, content_terms, name_terms

# What a question about accounts says besides measure, company and year.
_PHRASING = content_terms("""
    among much many amount total year years end ended ending fiscal financial fy annual company
    companies firm business usd us dollars million millions billion billions thousand thousands
    percent percentage points unit units round rounded decimal place places historical historically
    profile ratio rate growth grow grew grown growing change changed changes average mean increase
    increased increasing decrease decreased decreasing decline declined declining drop dropped
    fall fell rise rose improve improved improving improvement compared versus vs yoy reported
    report figure value number level net consistent consistently stable fluctuate fluctuating
    roughly cagr compound statement statements income balance sheet sheets cash flow flows pl
    profit loss shown using based data details calculate approximately filing since last pay paid
    spend spent generate generated make made earn earned two three one 2 3 10k 10q operating
    unadjusted useful metric largest biggest highest smallest lowest most least greatest bring
    brought lose lost activity activities source
""")
# Words that make a line of a statement into another figure.
_OF_ANOTHER_FIGURE = re.compile(
    r"\b(?:adjusted|non[- ]?gaap|organic\w*|segments?|divisions?|pro[- ]forma|domestic|foreign"
    r"|international|comparable|constant|guid\w+|expect\w*|forecast\w*|project\w+|plan\w*|quarters?"
    r"|q[1-4]|months?|half|per (?!cent)\w+)\b"
)
_NO_FIGURE = (QuestionKind.DATE, QuestionKind.NAME, QuestionKind.CAUSE)
_OPENING = re.compile(
    r"(?:^|[,;:]\s+)((?:what|which|how|is|are|was|were|did|does|do|has|have|had)\b)", re.IGNORECASE
)
_DEFINITION = re.compile(
    r"\b(?:is |are )?defined? (?:as|by|to be)\b|\bdefine\b|\bcalculated? as\b", re.IGNORECASE
)
_ACRONYM = re.compile(r"\([A-Z&]{2,6}\)")
_SENTENCE = re.compile(r"(?<=[?.!])\s+(?=[A-Z])")
_YEAR = re.compile(
    r"\b(?:fy|fiscal(?: year)?) ?['’]?((?:19|20)?\d\d)\b|\b((?:19|20)\d\d)\b", re.IGNORECASE
)
_CHANGES = re.compile(
    r"\b(?:gr[eo]w\w*|chang\w+|increas\w+|decreas\w+|declin\w+|drop\w*|f[ae]ll\w*|r[io]sen?|improv\w+)"
    r"\b"
)
_CONSISTENT = re.compile(r"\b(?:consistent\w*|stable|fluctuat\w+)\b")
_SCALE = re.compile(r"\bin (?:usd |us dollars |dollars |\$ ?)?(thousand|million|billion)s?\b")
_DECIMALS = re.compile(r"\bround\w* (?:\w+ ){0,5}?(one|two|three|[0-4]) decimal")
# Which of several lines is the largest: how they are named, and which they are.
_SEVERAL: tuple[tuple[str, Section | tuple[Item, ...]], ...] = (
    (r"\bliabilit(?:y|ies)\b", LIABILITIES),
    (r"\bassets?\b", ASSETS),
    (
        r"\boperat\w+(?: activities)?, invest\w+(?: activities)?,? (?:and|or) financ\w+"
        r"(?: activities)?",
        ACTIVITIES,
    ),
)
_MOST = re.compile(r"\b(?:largest|biggest|highest|greatest|most|smallest|lowest|least)\b")
_LEAST = ("smallest", "lowest", "least")
_NUMBERS = {"one": 1, "two": 2, "three": 3}


class Kind(Enum):
    """What is made of a measure's values."""

    VALUE = "value"
    AVERAGE = "average"
    CHANGE = "change"
    GROWTH_A_YEAR = "growth a year"
    CONSISTENCY = "consistency"


@dataclass(frozen=True, slots=True)
class About:
    """Whose accounts a question is about, of when, and how the answer is wanted.

    years: ascending; () for the latest. names: capitalised words, and words: others, that must be
    of the company. clause: what asks, in lower case. scale: what money is to be counted in.
    decimals: how many are asked for.
    """

    years: tuple[int, ...]
    names: frozenset[str]
    words: frozenset[str]
    clause: str
    scale: float | None = None
    decimals: int | None = None


@dataclass(frozen=True, slots=True)
class MeasureQuestion:
    """Asks for a measure, or for what is made of it."""

    about: About
    measure: Measure
    kind: Kind


@dataclass(frozen=True, slots=True)
class LargestQuestion:
    """Asks which of several lines is the largest, or the smallest."""

    about: About
    of: Section | tuple[Item, ...]
    smallest: bool


AccountsQuestion = MeasureQuestion | LargestQuestion


def parse_question(question: str) -> AccountsQuestion | None:
    """What a question asks of the accounts; None where it asks for anything else."""
    sentence = _asking_sentence(question)
    plain = sentence.lower()
    for pattern, of in _SEVERAL:
        if (match := re.search(pattern, plain)) and (most := _MOST.search(plain)):
            if not _asks_for_a_line(plain):
                return None
            about = _about(question, sentence, *match.span())
            return LargestQuestion(about, of, smallest=most.group() in _LEAST)
    openings = list(_OPENING.finditer(sentence))
    clause = sentence[openings[-1].start(1) :] if openings else sentence
    plain = clause.lower()
    found = _find_measure(plain) if _asks_for_a_line(plain) else None
    if found is None:
        return None
    measure, start, end = found
    kind = _kind(plain)
    spanned = kind in (Kind.AVERAGE, Kind.CONSISTENCY)
    return MeasureQuestion(_about(question, clause, start, end, spanned=spanned), measure, kind)


def _about(question: str, clause: str, start: int, end: int, *, spanned: bool = False) -> About:
    """start, end: of what is asked for, in the clause; the rest says of whom and when."""
    rest = _YEAR.sub(" ", _ACRONYM.sub(" ", f"{clause[:start]} , {clause[end:]}"))
    strange = frozenset(t for t in content_terms(rest) - _PHRASING if not t.isdigit())
    named = strange & name_terms(rest)
    asked = question.lower()
    scale, decimals = _SCALE.search(asked), _DECIMALS.search(asked)
    return About(
        years=_years(clause.lower(), spanned=spanned),
        names=named,
        words=strange - named,
        clause=clause.lower(),
        scale=SCALES[scale.group(1)] if scale else None,
        decimals=_decimals(decimals.group(1)) if decimals else None,
    )


def mentions_measure(question: str) -> bool:
    """Whether a question asks for a measure of accounts, or why it is so; understood or not."""
    of_date_or_name = question_kind(question) in (QuestionKind.DATE, QuestionKind.NAME)
    return not of_date_or_name and _find_measure(question.lower()) is not None


def tells_another_figure(question: str, sentence: str) -> bool:
    """Whether a sentence has a figure of a measure, and what the question wants of it besides.

    That is what no line of a statement has: that it is adjusted, expected, of a segment or quarter.
    """
    wanted = content_terms(" ".join(_OF_ANOTHER_FIGURE.findall(question.lower())))
    has_figure = bool(amount_terms(sentence) - content_terms(question))
    has_measure = _find_measure(sentence.lower()) is not None
    return bool(wanted) and wanted <= content_terms(sentence) and has_figure and has_measure


def _asks_for_a_line(clause: str) -> bool:
    """Whether it may ask for a line of a statement: no date, name or reason, no other figure."""
    return question_kind(clause) not in _NO_FIGURE and not _OF_ANOTHER_FIGURE.search(clause)


def _find_measure(clause: str) -> tuple[Measure, int, int] | None:
    for measure in MEASURES:
        match = re.search(rf"(?<![\w&])(?:{measure.asked})(?![\w&])", clause)
        if match is not None:
            return measure, match.start(), match.end()
    return None


def _asking_sentence(question: str) -> str:
    """The sentence that asks, without definitions and conditions."""
    sentences = [part.strip() for part in _SENTENCE.split(question.strip())]
    asking = [each for each in sentences if each.endswith("?") and not each.startswith("If ")]
    return _DEFINITION.split(asking[0] if asking else next(iter(sentences), ""))[0]


def _years(clause: str, *, spanned: bool) -> tuple[int, ...]:
    """The years of a clause, ascending. spanned: two of them mean those between as well."""
    found = {int(match.group(1) or match.group(2)) for match in _YEAR.finditer(clause)}
    years = sorted({year if year > 99 else 2000 + year for year in found})
    if spanned and len(years) == 2 and years[1] - years[0] < 20:
        return tuple(range(years[0], years[1] + 1))
    return tuple(years)


def _kind(clause: str) -> Kind:
    if re.search(r"\bcagr\b|\bcompound annual\b", clause):
        return Kind.GROWTH_A_YEAR
    if _CONSISTENT.search(clause):
        return Kind.CONSISTENCY
    if re.search(r"\baverage\b", clause):
        return Kind.AVERAGE
    return Kind.CHANGE if _CHANGES.search(clause) else Kind.VALUE


def _decimals(word: str) -> int:
    return _NUMBERS.get(word) or int(word)
