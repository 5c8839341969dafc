"""A follow-up question -> a question that can be searched for on its own.

Pure, and simple on purpose: the words of the earlier question are put before a follow-up that
leans on it; one that only names another year, or another name, is the earlier question, asked of
that. It does not resolve which noun a pronoun stands for; retrieval does not need that.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.question_kind import asked_terms
from rag.results import Turn
from rag.settings import MOST_QUESTION_CHARS
from rag.terms import number_terms

# "How many are there?" asks of nothing said before.
_ANAPHORA = re.compile(
    r"\b(?:it|its|they|them|their|theirs|he|him|his|she|her|hers|this|that|these|those"
    r"|(?<!is )(?<!are )(?<!was )(?<!were )there(?! (?:is|are|was|were)\b)"
    r"|former|latter|ones?|same|such|else)\b",
    re.IGNORECASE,
)
_CONTINUES = re.compile(
    r"^\W*(?:and|but|or|so|then|also|what about|how about|why|how so|which of|since when|"
    r"und|et|y|e)\b",
    re.IGNORECASE,
)
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_OF_ANOTHER_YEAR = re.compile(
    r"^\W*(?:(?:and|but|or|so|then|what about|how about)\b\W*)?(?:(?:in|for|of)\b\W*)?"
    r"(?:(?P<year>(?:19|20)\d\d)|(?P<earlier>the (?:year before|previous year|preceding year))"
    r"|(?P<later>the (?:year after|next year|following year)))(?: that)?\W*$",
    re.IGNORECASE,
)
_NAME = r"[A-Z][\w&.-]*(?: [A-Z][\w&.-]*)*"
_OF_ANOTHER_NAME = re.compile(
    rf"^\W*(?:[Aa]nd|[Ww]hat about|[Hh]ow about)\W+(?:for |of |at |in )?(?P<name>{_NAME})\W*$"
)
_NAMES = re.compile(rf"(?<=[a-z] ){_NAME}")
_FEW_TERMS = 2
_FEW_WORDS = 4  # with as many, one term is a whole question: "Who is the treasurer?"
_TURNS_BACK = 3


def standalone_question(question: str, history: Sequence[Turn]) -> str:
    """The question, with the earlier questions it leans on before it (oldest first).

    It leans on them when it has a pronoun, begins like a continuation, or is nearly empty.
    """
    if same_question := _of_another_year(question, history) or _of_another_name(question, history):
        return same_question
    parts = [question]
    for turn in reversed(history[-_TURNS_BACK:]):
        if not leans_on_earlier(parts[0]):
            break
        if sum(map(len, parts)) + len(turn.question) > MOST_QUESTION_CHARS:
            break  # one of some pages says enough by itself
        parts.insert(0, turn.question)
    return " ".join(parts)


def _of_another_year(question: str, history: Sequence[Turn]) -> str:
    """The question before, asked of the year that this one names; "" where it does not fit."""
    named = _OF_ANOTHER_YEAR.match(question)
    before, year = _before_with_one(_YEAR, history) if named else ("", "")
    if named is None or not year:
        return ""
    other = named["year"] or str(int(year) + (1 if named["later"] else -1))
    return before.replace(year, other)


def _of_another_name(question: str, history: Sequence[Turn]) -> str:
    """The question before, asked of the name that this one has; "" where it does not fit."""
    named = _OF_ANOTHER_NAME.match(question)
    before, name = _before_with_one(_NAMES, history) if named else ("", "")
    return before.replace(name, named["name"]) if named and name else ""


def _before_with_one(pattern: re.Pattern[str], history: Sequence[Turn]) -> tuple[str, str]:
    """The question before, on its own, and the one text in it that fits; "" twice where none is."""
    if not history:
        return "", ""
    before = standalone_question(history[-1].question, history[:-1])
    found = set(pattern.findall(before))
    return (before, found.pop()) if len(found) == 1 else ("", "")


def leans_on_earlier(question: str) -> bool:
    """Whether a question is likely not to be understood without the one before."""
    about = asked_terms(question) - number_terms(question)
    return (
        bool(_ANAPHORA.search(question))
        or bool(_CONTINUES.search(question))
        or not about
        or (len(about) < _FEW_TERMS and len(question.split()) < _FEW_WORDS)
    )
