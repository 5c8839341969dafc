"""What a sentence denies, as if it were so: "the clinic may not open" -> "the clinic may open".

Pure; in English, German, French, Spanish and Chinese. The result need not be true, nor good
grammar. It is never shown: by it a model sees what a sentence is about (rag.judge).
"""

from __future__ import annotations

import re

from rag.function_words import CHINESE, language_of
from rag.sentences import is_row, sentence_spans

# Forbidden is what "may" be done otherwise; without a subject, it is the reader's to do.
_REPLACED = tuple(
    (re.compile(pattern, re.IGNORECASE), said)
    for pattern, said in (
        (r"^([\W\d]*)(?:please )?(?:do not|don['’]t|never)(?= )", r"\1You may"),
        (r"\b(?:must|shall) not\b|\b(?:mustn|shan)['’]t\b", "may"),
        (r"\bcannot\b|\bcan['’]t\b", "can"),
        (r"\bwon['’]t\b", "will"),
        (r"n['’]t\b", ""),
        (r"\bneither\b", "either"),
        (r"\bnor\b", "or"),
        (r"\bno longer ", ""),
        (r"\b(?:nobody|no[ -]one)\b", "everybody"),
        (r"\bnothing\b", "something"),
        (r"\bnone\b", "some"),
        (r"\bbut no\b", "and some"),
        (r"\b(?:not(?! only\b)|never)\b ?", ""),
        (r"\bno (?!\d)", "some "),  # "no 5" is a number
        (r"\b(?:except(?: for)?|with the exception of)\b", "and"),
        (r"\bwithout\b", "with"),
    )
)
_REPLACED_ELSEWHERE = {
    language: tuple((re.compile(pattern, re.IGNORECASE), said) for pattern, said in pairs)
    for language, pairs in (
        (
            "German",
            (
                (r"^nicht (?!nur\b)| nicht(?: mehr)?\b(?! nur\b)", ""),
                (r"\bkein(e[mnrs]?)?\b", r"ein\1"),
                (r"\bniemand(e[mn])?\b", r"jemand\1"),
                (r"\bnichts\b", "etwas"),
                (r"\bnie(?:mals)?\b ?", ""),
                (r"\bohne\b", "mit"),
            ),
        ),
        (
            "French",
            (
                # Of two words the second may be elsewhere: "n'a pas été", "ne sont plus admis".
                (r"\b(?:ne |n['’])((?:\S+ ){1,4}?)(?:pas|plus|jamais)\b ?", r"\1"),
                (r"\b(?:ne |n['’])(?=(?:\S+ ){1,3}?(?:aucune?|personne|rien)\b)", ""),
                (r"\baucun(e?)\b", r"un\1"),
                (r"\brien\b", "quelque chose"),
                (r"\bsans\b", "avec"),
            ),
        ),
        (
            "Spanish",
            (
                (r"\b(?:no(?! s[oó]lo\b)|nunca|jamás) ", ""),
                (r"\bnadie\b", "alguien"),
                (r"\bnada\b", "algo"),
                (r"\bning[uú]n(os?|as?)?\b", r"algún\1"),
                (r"\bsin\b", "con"),
            ),
        ),
        (
            CHINESE,
            (
                ("不得|不可以?|不能|不准|不允许|请勿|禁止", "可以"),
                ("没有", "有"),
                ("不会", "会"),
                ("不需要|不必|无需", "需要"),
            ),
        ),
    )
}


def affirmed(text: str) -> str | None:
    """The same without what negates; None where nothing does.

    None as well for a row, where "no" is a value, and for more than one sentence: in a passage
    there is nearly always something that negates, mostly beside the point.
    """
    if is_row(text) or len(sentence_spans(text)) > 1:
        return None
    said = text
    for pattern, replacement in _REPLACED_ELSEWHERE.get(language_of(text), _REPLACED):
        said = pattern.sub(replacement, said)
    return said[:1].upper() + said[1:] if said != text else None
