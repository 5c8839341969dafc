"""A word of a question that is spelled otherwise than in the passages, read as theirs. Pure.

A long word is taken for misspelt where neither the embedder's vocabulary nor a passage has it; so a
word that there is ("house") is never read as another ("horse").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

_WORD = re.compile(r"[^\W\d_]+")
# "Halal" is no "hall", and two letters away "hedgehogs" were "hedgerows".
_SHORTEST = 6
_MOST_WRONG = 1
_WRITTEN_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})


def as_spelled(question: str, texts: Iterable[str], *, is_word: Callable[[str], bool]) -> str:
    """The question, with words that nobody knows spelled as the texts spell the nearest one.

    is_word: whether a word, in lower case, is one. A word with two as near is left as it is.
    """
    known = {word for text in texts for word in _WORD.findall(text.casefold())}

    def spelled(match: re.Match[str]) -> str:
        word = match.group().casefold()
        if len(word) < _SHORTEST or word in known or is_word(word):
            return match.group()
        near = [
            other
            for other in known
            if abs(len(other) - len(word)) <= _MOST_WRONG
            and edit_distance(word, other, most=_MOST_WRONG) <= _MOST_WRONG
        ]
        return near[0] if len(near) == 1 else match.group()

    return _WORD.sub(spelled, question)


def with_their_umlauts(question: str, texts: Iterable[str]) -> str:
    """A German question, with "ü" or "ue" in a word where the texts have only the other.

    A mill street is "Mühlenstraße", and where keyboards have no umlauts "Muehlenstrasse".
    """
    known = {word for text in texts for word in _WORD.findall(text.casefold())}
    written_out = {word.translate(_WRITTEN_OUT): word for word in known}

    def spelled(match: re.Match[str]) -> str:
        word = match.group().casefold()
        theirs = written_out.get(word.translate(_WRITTEN_OUT))
        return match.group() if word in known or theirs is None else theirs

    return _WORD.sub(spelled, question)


def edit_distance(one: str, other: str, *, most: int) -> int:
    """Letters to insert, leave out, change, or swap with the next; most + 1 if it is more.

    Optimal string alignment. Source: Damerau 1964; Wagner and Fischer 1974.
    """
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        above, row, before = row, [i], row if i == 1 else before
        for j, there in enumerate(other, start=1):
            cost = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (letter != there))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == there:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
        before = above
    return min(row[-1], most + 1)
