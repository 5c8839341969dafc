"""Which heading each sentence of a passage stands under. Pure.

A passage may hold several short sections, of which its own heading is the first only: "Serves 6."
is of the recipe whose name stands last above it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from ingest.marked_headings import heading_title, marked_headings
from rag.results import Hit

PATH_SEPARATOR = " > "


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

    def is_headed_by(self, line: str) -> bool:
        """Whether a line of it is one of its headings, with marks or without."""
        return line in self.path or heading_title(line) in self.path


class Sections:
    """The sections of a passage in order.

    headings: where in its text those begin that have a heading there.
    """

    def __init__(self, passage: Hit) -> None:
        self.all = [
            Section(max(0, start - passage.start), _path(heading))
            for start, heading in sections_of(passage)
            if start < passage.end or start == passage.start
        ]
        self._starts = [section.start for section in self.all]
        self.headings = frozenset(
            section.start
            for section in self.all
            if section.is_headed_by(passage.text[section.start :].partition("\n")[0].strip())
        )

    def at(self, offset: int) -> Section:
        """The section that has this offset of the passage's text."""
        return self.all[bisect_right(self._starts, offset) - 1]


def sections_of(passage: Hit) -> tuple[tuple[int, str], ...]:
    """Where in the page's text each section of a passage begins, and what it stands under.

    Of documents that an older version read that was not kept: it is told by the marks of Markdown.
    """
    return passage.sections or tuple(
        (passage.start + section.start, PATH_SEPARATOR.join(section.path))
        for section in _marked_sections(passage.text, _path(passage.heading))
    )


def _path(heading: str) -> tuple[str, ...]:
    return tuple(heading.split(PATH_SEPARATOR)) if heading else ()


def _marked_sections(text: str, path: tuple[str, ...]) -> Iterator[Section]:
    yield Section(0, path)
    # Of what the passage stands under the levels are not known, but where it begins with its
    # headings. 0: not known, taken to end where the next heading begins.
    levels = [0] * len(path)
    is_leading, end = True, 0  # whether nothing but headings was there yet
    for heading in marked_headings(text):
        level, title = heading.level, heading_title(text[heading.start : heading.end])
        is_leading = is_leading and not text[end : heading.start].strip()
        end = heading.end
        if is_leading and title in path:
            levels[path.index(title)] = level
            continue
        kept = len(path)
        if levels and levels[-1] == 0:
            kept -= 1
        while kept and levels[kept - 1] >= level:
            kept -= 1
        path, levels = (*path[:kept], title), [*levels[:kept], level]
        yield Section(heading.start, path)
