"""Headings of plain text: lines alone that are underlined, in capitals or numbered. Pure.

Text has no marks for them, so only what is surely one is taken: numbers have to go up from 1, with
other text between them, or they are a list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ingest.documents import Heading
from ingest.heading_lines import is_in_capitals, reads_as_heading

_UNDERLINE = re.compile(r"={3,}|-{3,}|~{3,}")
_NUMBERED = re.compile(r"(\d{1,2}(?:\.\d{1,2}){0,3})[.)]?[ \t]+[^\W\d_]")
_OF_CAPITALS, _OF_NUMBERS = 3, 3  # levels; those that are underlined are above
_FEWEST_NUMBERED = 2


@dataclass(frozen=True, slots=True)
class _Found:
    """A heading, and its number where that is why it is one."""

    heading: Heading
    number: tuple[int, ...] = ()


def plain_headings(texts: Sequence[str]) -> list[tuple[Heading, ...]]:
    """Those of each page of a document."""
    pages = [list(_found(text)) for text in texts]
    numbers = [found.number for page in pages for found in page if found.number]
    are_sections = (
        len(numbers) >= _FEWEST_NUMBERED
        and numbers[0] == (1,)
        and sorted(set(numbers)) == numbers
        and [n[0] for n in numbers if len(n) == 1] == list(range(1, numbers[-1][0] + 1))
    )
    return [
        tuple(found.heading for found in page if are_sections or not found.number) for page in pages
    ]


def _found(text: str) -> Iterator[_Found]:
    lines = text.split("\n")
    start = 0
    for above, whole, below in zip(["", *lines], lines, [*lines[1:], ""], strict=False):
        line, first = whole.strip(), start + len(whole) - len(whole.lstrip())
        start += len(whole) + 1
        if above.strip() or not reads_as_heading(line):
            continue
        number = _NUMBERED.match(line)
        end, below_end = first + len(line), start + len(below.rstrip())
        below = below.strip()
        if _UNDERLINE.fullmatch(below):
            level = 1 if below[0] == "=" else 2
            yield _Found(Heading(first, below_end, level))
        elif is_in_capitals(line):
            if not is_in_capitals(below):
                yield _Found(Heading(first, end, _OF_CAPITALS))
        elif number and below and not _NUMBERED.match(below):
            parts = tuple(map(int, number.group(1).split(".")))
            yield _Found(Heading(first, end, _OF_NUMBERS + len(parts)), parts)
