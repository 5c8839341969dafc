"""Headings of a PDF, by how they are set: lines larger than the text around them, or bold. Pure.

A PDF says nothing of its sections. What is set larger than most of the document, or as large and
bold, in a line or two of its own, is taken for a heading; the larger, the higher. Not what is
repeated on page after page (a running head), what ends like a sentence, or is mostly figures (the
head of a table).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import median

from ingest.documents import Heading
from ingest.heading_lines import is_in_capitals, reads_as_heading
from ingest.loaders.pdf_superscripts import marks_apart
from ingest.page_layout import LINE, PageLayout

_LARGER = 1.15  # than the text
_AS_LARGE = 0.97  # what is bold may be smaller by so little
_MOST_BOLD = 0.3  # of a document's characters: where more are bold, bold means nothing
# But where nearly all that is bold reads as headings do: questions, each above a short answer.
_MOST_BOLD_HEADINGS = 0.6
_READS_AS_HEADINGS = 0.9
_FEWEST_CAPITALS, _MOST_CAPITALS = 3, 0.1  # lines in capitals; their share of the characters
_MOST_LINES = 3
_DEEPEST = 16  # every passage carries the path of its headings
_RUNNING_PAGES = 3
_RUNNING_SHARE = 0.2
_HALF_POINTS = 2
_FIGURES = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class SetLine:
    """A line of a page as it is set. size: of its characters' boxes, in half points."""

    text: str
    size: int
    is_bold: bool


@dataclass(frozen=True, slots=True)
class SetHeading:
    """A heading, line by line. level: 1 is the highest."""

    lines: tuple[str, ...]
    level: int


def set_lines(layout: PageLayout) -> list[SetLine]:
    """The lines of a page that have any text, in PDFium's order."""
    found = []
    heights = (layout.boxes[:, 3] - layout.boxes[:, 1]).tolist()
    for match in LINE.finditer(layout.text):
        drawn = [height for height in heights[match.start() : match.end()] if height > 0.0]
        text = marks_apart(" ".join(match.group().split()))
        if text and drawn:
            size = round(median(drawn) * _HALF_POINTS)
            found.append(SetLine(text, size, match.start() in layout.bold_lines))
    return found


def find_headings(pages: Sequence[Sequence[SetLine]]) -> list[list[SetHeading]]:
    """The headings of each page of a document, in the order of its lines."""
    lines = [line for page in pages for line in page]
    characters: Counter[int] = Counter()
    for line in lines:
        characters[line.size] += len(line.text)
    if not characters:
        return [[] for _ in pages]
    usual, _ = max(characters.items(), key=lambda each: (each[1], each[0]))
    bold_tells = _bold_tells(pages, characters.total())
    capitals_tell = _capitals_tell(lines, characters.total())
    running = _running_heads(pages)

    def stands_out(line: SetLine) -> bool:
        if line.size >= _LARGER * usual:
            return True
        tells = (bold_tells and line.is_bold) or (capitals_tell and is_in_capitals(line.text))
        return tells and line.size >= _AS_LARGE * usual

    found = [
        [
            (_style(group[0]), tuple(line.text for line in group))
            for group in _groups(page, stands_out_of=[stands_out(line) for line in page])
            if _is_heading_like(group)
            and not any(_without_figures(line.text) in running for line in group)
        ]
        for page in pages
    ]
    styles = sorted({style for page in found for style, _ in page}, reverse=True)
    levels = {style: min(level, _DEEPEST) for level, style in enumerate(styles, start=1)}
    return [[SetHeading(texts, levels[style]) for style, texts in page] for page in found]


def placed(headings: Iterable[SetHeading], text: str) -> tuple[Heading, ...]:
    """Where headings stand in the text of their page as it is stored.

    They are looked for in their order, as whole lines; what a table has taken in is not there.
    """
    lines = [match for match in LINE.finditer(text) if not match.group().isspace()]
    texts = [" ".join(match.group().split()) for match in lines]
    places: dict[str, list[int]] = defaultdict(list)
    for index, line in enumerate(texts):
        places[line].append(index)
    found = []
    first = 0
    for heading in headings:
        begins = places.get(heading.lines[0], [])
        for index in islice(begins, bisect_left(begins, first), None):
            last = index + len(heading.lines) - 1
            if tuple(texts[index : last + 1]) == heading.lines:
                start = lines[index].end() - len(lines[index].group().lstrip())
                end = lines[last].start() + len(lines[last].group().rstrip())
                found.append(Heading(start, end, heading.level))
                first = last + 1
                break
    return tuple(found)


def _bold_tells(pages: Sequence[Sequence[SetLine]], characters: int) -> bool:
    """Whether what is bold may be a heading for that. characters: of the document."""
    bold = sum(len(line.text) for page in pages for line in page if line.is_bold)
    if not _MOST_BOLD * characters < bold <= _MOST_BOLD_HEADINGS * characters:
        return bold <= _MOST_BOLD * characters
    groups = [
        group
        for page in pages
        for group in _groups(page, stands_out_of=[line.is_bold for line in page])
    ]
    heading_like = sum(
        len(line.text) for group in groups if _is_heading_like(group) for line in group
    )
    return heading_like >= _READS_AS_HEADINGS * bold


def _capitals_tell(lines: Sequence[SetLine], characters: int) -> bool:
    """Whether a line in capitals may be a heading for that. characters: of the document."""
    capitals = [line for line in lines if is_in_capitals(line.text)]
    share = sum(len(line.text) for line in capitals) / characters
    return len(capitals) >= _FEWEST_CAPITALS and share <= _MOST_CAPITALS


def _is_heading_like(group: Sequence[SetLine]) -> bool:
    """Whether lines that stand out alike are few, and read as a heading does."""
    return len(group) <= _MOST_LINES and reads_as_heading(" ".join(line.text for line in group))


def _style(line: SetLine) -> tuple[int, bool]:
    return line.size, line.is_bold


def _groups(page: Sequence[SetLine], *, stands_out_of: Sequence[bool]) -> Iterable[list[SetLine]]:
    """Runs of lines that stand out alike."""
    group: list[SetLine] = []
    for line, stands_out in zip(page, stands_out_of, strict=True):
        if group and not (stands_out and _style(line) == _style(group[-1])):
            yield group
            group = []
        if stands_out:
            group.append(line)
    if group:
        yield group


def _running_heads(pages: Sequence[Sequence[SetLine]]) -> set[str]:
    """Lines, less their figures, that many pages have."""
    counts: Counter[str] = Counter()
    for page in pages:
        counts.update({_without_figures(line.text) for line in page})
    least = max(_RUNNING_PAGES, _RUNNING_SHARE * len(pages))
    return {text for text, count in counts.items() if count >= least}


def _without_figures(text: str) -> str:
    return _FIGURES.sub("", text).strip()
