"""Hyphens that lines of a PDF end in: of a compound, or of a word that was parted there. Pure.

The document's own words tell: "exam-/ple" is joined, because its halves are no words of it, and
"forward-/looking" keeps its hyphen.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from enum import Enum, auto
from itertools import pairwise

from ingest.loaders.pdf_tables import LINE_END_HYPHEN

_LONGEST_WORD = 64
_LAST_LETTERS = re.compile(r"[^\W\d_]+$")
_FIRST_LETTERS = re.compile(r"[^\W\d_]+")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_COMPOUNDING_LIST = "well self twenty thirty forty fifty sixty seventy eighty ninety"
_COMPOUNDING = frozenset(_COMPOUNDING_LIST.split())


class _Hyphen(Enum):
    """What a hyphen at the end of a line is."""

    CERTAIN = auto()  # whatever the document's words are: "10-/20", "Non-/GAAP", "well-/known"
    OF_COMPOUND = auto()
    PARTING = auto()
    UNKNOWN = auto()


def join_hyphens(texts: Sequence[str]) -> list[str]:
    """The pages of a document with a hyphen, or nothing, where a line ended in a hyphen."""
    if not any(LINE_END_HYPHEN in text for text in texts):
        return list(texts)
    words = {word.lower() for text in texts for word in _whole_words(text)}
    pages = [text.split(LINE_END_HYPHEN) for text in texts]
    found = [[_hyphen(*both, words=words) for both in pairwise(pieces)] for pieces in pages]
    # Where most are of compounds the document parts no words, and what is not known is one too.
    count = Counter(hyphen for page in found for hyphen in page)
    dropped = {_Hyphen.PARTING}
    if count[_Hyphen.OF_COMPOUND] <= count[_Hyphen.PARTING] + count[_Hyphen.UNKNOWN]:
        dropped.add(_Hyphen.UNKNOWN)
    return [
        pieces[0]
        + "".join(
            ("" if hyphen in dropped else "-") + piece.lstrip()
            for hyphen, piece in zip(page, pieces[1:], strict=True)
        )
        for pieces, page in zip(pages, found, strict=True)
    ]


def _whole_words(text: str) -> Iterator[str]:
    """The words of a text, and the parts of compounds; but what stands at a line's hyphen.

    That is half of a word, perhaps: "im-/portant" is not in a document that has "im".
    """
    pieces = text.split(LINE_END_HYPHEN)
    for index, piece in enumerate(pieces):
        words = _WORD.findall(piece)
        if words and index and piece.lstrip().startswith(words[0]):
            del words[0]
        if words and index < len(pieces) - 1 and piece.endswith(words[-1]):
            del words[-1]
        yield from words
        yield from (part for word in words if "-" in word for part in word.split("-"))


def _hyphen(before: str, after: str, *, words: set[str]) -> _Hyphen:
    left = _LAST_LETTERS.search(before[-_LONGEST_WORD:])
    right = _FIRST_LETTERS.match(after.lstrip()[:_LONGEST_WORD])
    if left is None or right is None or not right.group()[0].islower():
        return _Hyphen.CERTAIN
    first, second = left.group().lower(), right.group().lower()
    if f"{first}-{second}" in words:
        return _Hyphen.OF_COMPOUND
    if first + second in words:
        return _Hyphen.PARTING
    # "state-of-/the-art": what has one hyphen has another.
    goes_on = left.string[: left.start()].endswith("-") or right.string[right.end() :][:1] == "-"
    if goes_on or first in _COMPOUNDING:
        return _Hyphen.CERTAIN
    if {first, second} <= words:
        return _Hyphen.OF_COMPOUND
    return _Hyphen.UNKNOWN
