"""A misspelt word of a question, read as the word of the passages that it is nearest to. Pure.

A word is taken for misspelt where the embedder's vocabulary does not have it and no passage does;
so a word that there is ("house") is never read as another ("horse").
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable

_WORD = re.compile(r"[^\W\d_]+")
_SHORTEST = 4
_LONG = 8  # letters; in so long a word two may be wrong


def as_spelled(question: str, texts: Iterable[str], *, is_word: Callable[[str], bool]) -> str:
    """The question, with words that nobody knows spelled as the texts spell the nearest one.

    is_word: whether a word, in lower case, is one. A word with two as near is left as it is.
    """
    known: Counter[str] = Counter()
    for text in texts:
        known.update(_WORD.findall(text.casefold()))

    def spelled(match: re.Match[str]) -> str:
        word = match.group().casefold()
        if len(word) < _SHORTEST or word in known or is_word(word):
            return match.group()
        most = 2 if len(word) >= _LONG else 1
        near: dict[int, list[str]] = {}
        for other in known:
            if len(other) >= _SHORTEST and abs(len(other) - len(word)) <= most:
                distance = edit_distance(word, other, most=most)
                near.setdefault(distance, []).append(other)
        best = next((near[d] for d in range(1, most + 1) if d in near), [])
        return best[0] if len(best) == 1 else match.group()

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
