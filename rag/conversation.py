"""A follow-up question -> a question that can be searched for on its own.

Pure, and simple on purpose: the words of the earlier question are put before a follow-up that
leans on it. It does not resolve which noun a pronoun stands for; retrieval does not need that.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.results import Turn
from rag.terms import content_terms

_ANAPHORA = re.compile(
    r"\b(?:it|its|they|them|their|theirs|he|him|his|she|her|hers|this|that|these|those|there|"
    r"former|latter|ones?|same|such|else)\b",
    re.IGNORECASE,
)
_CONTINUES = re.compile(
    r"^\W*(?:and|but|or|so|then|also|what about|how about|why|how so|which of|since when|"
    r"und|et|y|e)\b",
    re.IGNORECASE,
)
_FEW_TERMS = 2
_TURNS_BACK = 3


def standalone_question(question: str, history: Sequence[Turn]) -> str:
    """The question, with the earlier questions it leans on before it (oldest first).

    It leans on them when it has a pronoun, begins like a continuation, or is nearly empty.
    """
    parts = [question]
    for turn in reversed(history[-_TURNS_BACK:]):
        if not leans_on_earlier(parts[0]):
            break
        parts.insert(0, turn.question)
    return " ".join(parts)


def leans_on_earlier(question: str) -> bool:
    """Whether a question is likely not to be understood without the one before."""
    return (
        bool(_ANAPHORA.search(question))
        or bool(_CONTINUES.search(question))
        or len(content_terms(question)) < _FEW_TERMS
    )
