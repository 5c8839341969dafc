"""Headings that run into their paragraph: "7.2 Termination. Either party may ...". Pure.

Contracts have them, set like the text. Taken only where a document has several, numbered upwards:
a step of a recipe ("2. Stir well. Add the milk.") is none. And only where no clause without a title
follows one that has one, under which it would stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ingest.documents import Heading
from ingest.heading_lines import reads_as_heading, states_something

_RUN_IN = re.compile(
    r"^[ \t]*((?:§ ?)?(\d{1,2}(?:\.\d{1,2}){0,3})[.)]?[ \t]+([^\W\d_][^\n.:;!?|]{1,58})\.)[ \t]+"
    r"(?=[(\"“„]?[^\W\d_a-z])",
    re.MULTILINE,
)
_CLAUSE = re.compile(
    r"^[ \t]*(?:§ ?)?(\d{1,2}(?:\.\d{1,2}){0,3})[.)]?[ \t]+[(\"“„]?[^\W\d_]", re.MULTILINE
)
_FEWEST = 3
_MOST_WORDS = 6
_JOINING = frozenset({"and", "or", "of", "for", "to", "in", "the", "und", "oder", "et", "ou", "de"})
_ABOVE_ALL = 20  # levels that other headings may have


def run_in_headings(texts: Sequence[str]) -> list[tuple[Heading, ...]]:
    """Those of each page of a document."""
    found: list[list[tuple[tuple[int, ...], Heading]]] = [list(_numbered(text)) for text in texts]
    numbers = [number for page in found for number, _ in page]
    if len(numbers) < _FEWEST or sorted(set(numbers)) != numbers or _hides_a_clause(numbers, texts):
        return [() for _ in texts]
    return [tuple(heading for _, heading in page) for page in found]


def in_order(some: Sequence[Heading], others: Sequence[Heading]) -> tuple[Heading, ...]:
    """Headings of one text that were found in two ways, as they stand there."""
    return tuple(sorted((*some, *others), key=lambda heading: heading.start))


def _numbered(text: str) -> Iterator[tuple[tuple[int, ...], Heading]]:
    for match in _RUN_IN.finditer(text):
        number = _parts(match.group(2))
        words = match.group(3).split()
        is_titled = len(number) > 1 or match.group(1).startswith("§") or _is_title(words)
        if not is_titled or len(words) > _MOST_WORDS or states_something(match.group(3)):
            continue
        if reads_as_heading(match.group(3)):
            level = _ABOVE_ALL + len(number)
            yield number, Heading(match.start(1), match.end(1), level)


def _hides_a_clause(titled: Sequence[tuple[int, ...]], texts: Sequence[str]) -> bool:
    """Whether a clause without a title comes after one with, in the same section."""
    firsts: dict[tuple[int, ...], tuple[int, ...]] = {}
    for number in titled:  # upwards
        firsts.setdefault(number[:-1], number)
    clauses = {_parts(match.group(1)) for text in texts for match in _CLAUSE.finditer(text)}
    return any(
        clause[:-1] in firsts and clause > firsts[clause[:-1]]
        for clause in clauses.difference(titled)
    )


def _parts(number: str) -> tuple[int, ...]:
    return tuple(map(int, number.split(".")))


def _is_title(words: Sequence[str]) -> bool:
    """Whether words have capitals as in a title; a sentence of a list has not."""
    return all(word[0].isupper() or word in _JOINING for word in words)
