"""Which heading each sentence of a passage stands under. Pure.

A passage may hold several short sections, of which its own heading is the first only: "Serves 6."
is of the recipe whose name stands last above it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ingest.chunking import ATX_HEADING, FENCE
from rag.results import Hit
from rag.sentences import Span

PATH_SEPARATOR = " > "
_HEADING = re.compile(f"^{ATX_HEADING}", re.MULTILINE)
_HEADING_LINE = re.compile(r"#{1,6}[ \t]+\S[^\n]*")
_FENCE = re.compile(f"^{FENCE}", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Section:
    """From start, an offset in a passage's text. path: its headings, outermost first."""

    start: int
    path: tuple[str, ...]

    @property
    def heading(self) -> str:
        """The innermost; "" where there is none."""
        return self.path[-1] if self.path else ""

    def is_beside(self, other: Section) -> bool:
        """Whether both are sections of the same one, or of the document."""
        return self.path != other.path and self.path[:-1] == other.path[:-1] and bool(self.path)


class Sections:
    """The sections of a passage in order."""

    def __init__(self, passage: Hit) -> None:
        parts = passage.sections or ((passage.start, passage.heading),)
        starts = [max(0, start - passage.start) for start, _ in parts]
        self.all = [
            replace(section, start=section.start + start)
            for (_, heading), start, end in zip(parts, starts, [*starts[1:], None], strict=True)
            for section in _sections(
                passage.text[start:end], tuple(heading.split(PATH_SEPARATOR)) if heading else ()
            )
        ]
        self._starts = [section.start for section in self.all]

    def at(self, offset: int) -> Section:
        """The section that has this offset of the passage's text."""
        return self.all[bisect_right(self._starts, offset) - 1]


def is_heading_line(line: str) -> bool:
    """Whether a line is marked as a heading."""
    return _HEADING_LINE.fullmatch(line) is not None


def _sections(text: str, path: tuple[str, ...]) -> Iterator[Section]:
    yield Section(0, path)
    # Of what the passage stands under the levels are not known, but where it begins with its
    # headings. 0: not known, taken to end where the next heading begins.
    levels = [0] * len(path)
    is_leading, end = True, 0  # whether nothing but headings was there yet
    code = [Span(one.start(), other.start()) for one, other in _pairs(_FENCE.finditer(text))]
    for match in _HEADING.finditer(text):
        if any(span.start < match.start() < span.end for span in code):
            continue
        level, title = len(match.group(1)), " ".join(match.group(2).split())
        is_leading = is_leading and not text[end : match.start()].strip()
        end = match.end()
        if is_leading and title in path:
            levels[path.index(title)] = level
            continue
        kept = len(path)
        if levels and levels[-1] == 0:
            kept -= 1
        while kept and levels[kept - 1] >= level:
            kept -= 1
        path, levels = (*path[:kept], title), [*levels[:kept], level]
        yield Section(match.start(), path)


def _pairs(fences: Iterator[re.Match[str]]) -> Iterator[tuple[re.Match[str], re.Match[str]]]:
    return zip(fences, fences, strict=False)
