"""When "the documents do not say" is the answer, and how it is said.

Pure. Three signals: no passage is near the question, the model says that it does not know, or
nothing the model said can be found (that one is decided in rag/answer.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rag.currencies import CURRENCY_SIGNS
from rag.messages import ENGLISH, messages_for
from rag.results import Hit
from rag.terms import content_terms, other_codes, words

REFUSAL = ENGLISH.refusal
_NEAREST_NAMED = 3
_MOST_SHOWN = 400  # characters of a sentence; a whole table may be one
_YEAR = re.compile(r"(?:1\d|20)\d\d")
_COUNTED = re.compile(
    rf"\s+[^\W\d_]{{3,}}s\b|\s?(?:[%°{CURRENCY_SIGNS}]|(?:k?g|k?m|cm|mm|ml|l|h|am|pm)\b)"
)
_COUNTS = re.compile(r"within|order(?:ed)?|least|exact|approxim|near|near(?:ly)?|around|past|per")

_SUBJECT = (
    r"(?:the |these |this |your |any of the |none of the )?"
    r"(?:provided |given |available |numbered )?"
    r"(?:documents?|passages?|texts?|contexts?|excerpts?|sources?|information)"
    r"(?: (?:provided|given|above))?"
)
_NOT_SAID = (
    r"(?:do|does|did)(?: not|n['’]t) (?:\w+ )?"
    r"(?:say|mention|contain|provide|specify|state|include|answer|give|indicate|address|discuss)"
)
_DOES_NOT_KNOW = re.compile(
    rf"^\W*(?:{_SUBJECT},? {_NOT_SAID}"
    rf"|(?:none of|neither of|no) {_SUBJECT} (?:\w+ )?"
    r"(?:says?|mentions?|states?|contains?|answers?)"
    r"|(?:i(?:['’]m| am) )?(?:sorry|afraid)\b.*\b(?:not|n['’]t|no|unable)\b"
    r"|i (?:do not|don['’]t) (?:know|have)"
    r"|i (?:cannot|can['’]t|am unable to) (?:answer|find|determine)"
    r"|there is no (?:information|mention|answer|evidence) (?:in|about|on|of|regarding|provided)"
    r"|(?:it|this|that|the answer|the question) (?:is not|isn['’]t|cannot be|can['’]t be) "
    r"(?:\w+ )?(?:mentioned|stated|specified|provided|answered|determined|given|found|possible))"
    rf"|\b(?:is|are|was|were) not (?:\w+ )?(?:mentioned|stated|specified|provided|given) (?:in|by) "
    rf"{_SUBJECT}"
    rf"|^\W*(?:not (?:mentioned|stated|specified|answerable)|no answer|unknown)\W*$",
    re.IGNORECASE,
)
# The same in the languages that a model is likely to answer in when it is asked in them.
_DOES_NOT_KNOW_ELSEWHERE = re.compile(
    r"^\W*(?:(?:die|in den) (?:\w+ )?(?:dokumente|unterlagen|textstellen|passagen|texte|auszüge)n? "
    r"(?:sagen|enthalten|nennen|erwähnen|geben|machen|beantworten|steht|findet sich)\b"
    r".{0,60}\b(?:nicht|nichts|keine\w?)\b"
    r"|(?:ich weiß (?:es |das )?nicht|das weiß ich nicht)\b"
    r"|(?:dazu|hierzu|darüber) (?:gibt es|liegen) (?:\w+ )?keine (?:angaben?|informationen)\b"
    r"|les (?:documents|passages|textes|extraits) (?:\w+ )?ne (?:le |l['’])?"
    r"(?:disent|mentionnent|précisent|contiennent|indiquent|fournissent|répondent|donnent)\b"
    r"|je ne sais pas\b"
    r"|los (?:documentos|pasajes|textos|fragmentos) (?:\w+ )?no (?:lo )?"
    r"(?:dicen|mencionan|especifican|contienen|indican|proporcionan|responden|dan)\b"
    r"|no lo sé\b"
    r"|(?:这些|所给|提供的)?(?:文档|文件|资料|段落|文中|原文)[中里]?(?:并?没有|未)"
    r"(?:说明|提到|提及|提供|包含|给出|指出)|我不知道)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class RelevanceThresholds:
    """What a passage must reach to be worth asking the model about.

    A passage counts when its dense similarity (cosine) reaches `dense`, or when it reaches
    `dense_with_keywords` and has `coverage` of the question's weighted content words, or when it
    has `coverage_alone` of them and the dense side has not seen it or does not know the language.
    `coverage_of_pairs` stands for that in scripts without spaces, where pairs of characters are
    compared and many of a question's belong to no word: RGB's Chinese questions pass in .82 of the
    cases where they can be answered and in .15 where not; .20 and .00 at .6. `dense` is low, for
    a passage of many things is far from a question about one of them; rag.confidence has the
    last word.
    """

    dense: float = 0.2
    dense_with_keywords: float = 0.15
    coverage: float = 0.5
    coverage_alone: float = 0.6
    coverage_of_pairs: float = 0.25


def is_relevant(
    hit: Hit,
    coverage: float,
    thresholds: RelevanceThresholds,
    *,
    dense_is_reliable: bool = True,
    unspaced: bool = False,
) -> bool:
    """Whether a passage may hold the answer.

    coverage: of the question's words, in [0, 1]. unspaced: its script has no spaces.
    """
    if hit.dense_similarity is None or not dense_is_reliable:
        least = thresholds.coverage_of_pairs if unspaced else thresholds.coverage_alone
        return coverage >= least
    if hit.dense_similarity >= thresholds.dense:
        return True
    return (
        hit.dense_similarity >= thresholds.dense_with_keywords and coverage >= thresholds.coverage
    )


def asks_for_another(question: str, texts: Iterable[str]) -> bool:
    """Whether a question names a numbered thing that the texts know by other numbers only.

    "Unit 8" where the texts have Unit 7: what they say of it is of something else. So "E5", where
    they have E7.
    """
    texts = list(texts)
    codes = frozenset[str]().union(*map(content_terms, texts))
    if other_codes(content_terms(question), codes):
        return True
    asked = _numbered(question)
    known = [_numbered(text) for text in texts]
    beside = [_numbered(text, or_counted=True) for text in texts]  # "Year 6 goes to the coast"
    return any(
        not any(number in numbered.get(word, ()) for numbered in beside)
        and any(numbered.get(word) for numbered in known)
        for word, numbers in asked.items()
        for number in numbers
    )


def _numbered(text: str, *, or_counted: bool = False) -> dict[str, set[str]]:
    """The words of a text that have a number right after them, with those numbers.

    No years, and nothing that is counted: "within 14 days", "ordered 300 leaflets". or_counted:
    these too.
    """
    found: dict[str, set[str]] = {}
    for word, number in pairwise(words(text)):
        if word.is_stop_word or word.is_number or not number.is_number:
            continue
        is_counting = _COUNTED.match(text, number.end) or _COUNTS.fullmatch(word.term)
        if (
            text[word.end : number.start] == " "
            and not _YEAR.fullmatch(number.term)
            and (or_counted or not is_counting)
        ):
            found.setdefault(word.term, set()).add(number.term)
    return found


def says_it_does_not_know(answer: str) -> bool:
    """Whether the model's answer is that it has none. Looks at the opening words only.

    "The warranty does not cover water damage" is an answer: the subject must be the documents,
    the passages, or the model itself.
    """
    opening = answer.strip()[:200]
    return bool(_DOES_NOT_KNOW.search(opening) or _DOES_NOT_KNOW_ELSEWHERE.search(opening))


def refusal_text(nearest: Sequence[Hit], *, question: str = "", filtered: bool = False) -> str:
    """The refusal, with the places a reader may want to look at, in the question's language.

    filtered: not all of the library was looked at, so that nothing near may mean nothing at all.
    """
    messages = messages_for(question)
    named = (messages.place(hit.document_name, hit.page) for hit in nearest)
    places = list(dict.fromkeys(named))[:_NEAREST_NAMED]
    if places:
        more = messages.nearest(places)
    else:
        more = messages.filter_leaves_nothing if filtered else messages.nothing_near
    return f"{messages.refusal}{messages.gap}{more}"


def uncertain_text(hit: Hit, sentence: str, *, question: str) -> str:
    """The refusal that shows the sentence of a passage that comes nearest, as it stands there."""
    messages = messages_for(question)
    shown = " ".join(sentence.split())
    if len(shown) > _MOST_SHOWN:
        shown = f"{shown[:_MOST_SHOWN].rstrip()} …"
    return messages.uncertain.format(messages.place(hit.document_name, hit.page), shown)
