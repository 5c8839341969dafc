"""The fewest words of a text that answer a question, copied by the model out of that text.

The model goes on from what it was asked when it judged the text (rag.judge), as if it had said
"yes", and decodes under a constraint: what it says stands there word for word. So it can be wrong
about what to copy and cannot invent anything.
"""

from __future__ import annotations

from collections.abc import Sequence

from inference.request import SamplingParams, Verbatim
from rag.terms import content_terms

_MOST_TOKENS = 32
_ARTICLES_AND_PRONOUNS = "the a an it its they them their he him his she her this that these those"
_SAY_NOTHING = frozenset(_ARTICLES_AND_PRONOUNS.split())


def short_answer_sampling(copied: Sequence[str]) -> SamplingParams:
    """How it is decoded. copied: what the words are to be of, the texts or parts of them."""
    return SamplingParams(max_tokens=_MOST_TOKENS, verbatim=Verbatim(tuple(copied)))


def read_short_answer(said: str, question: str) -> str:
    """The words without what is at their ends; "" for such as only repeat the question.

    Those answer nothing: "1945" to how many there were by 1945. Nor does "the" or "they".
    """
    words = said.strip(" ,;:\n")
    if words.casefold() in _SAY_NOTHING:
        return ""
    terms = content_terms(words)
    return "" if terms and terms <= content_terms(question) else words
