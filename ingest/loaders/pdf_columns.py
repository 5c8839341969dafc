"""Columns of prose side by side whose lines a PDF has across: left, right, left, right. Pure.

PDFium keeps the order in which a page was drawn. Some programs draw a page of two columns line by
line over both, and its sentences were read with those of the other column between them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from ingest.loaders.pdf_words import Line, Piece, around

_LEAST_GUTTER = 1.0  # line heights
_FAR_BELOW = 2.5  # line heights without text end a run of lines
_LEAST_LINES = 3  # that both columns have
_PROSE_WORDS = 4  # of a line, at the median
_FULL, _FULL_SHARE = 0.7, 0.6  # of the widest line; of the lines: labels of rows differ in length
_GOES_ON_SHARE = 0.4  # of the lines but the first: they begin with a small letter
_ALIGNED = 3.0  # points
_ALIGNED_SHARE = 0.6  # the others are indented
_ACROSS_SHARE = 0.8
_MOST_TORN = 0.2
_ROW_GAP = 1.25  # of the distance between lines
_ROW_LINES = 5  # of a row of a table, on average


@dataclass(frozen=True, slots=True)
class Columns:
    """Parts of a page from the top down, each with the lines of its left and its right column."""

    parts: tuple[tuple[Line, Line], ...]

    def spans(self) -> Iterator[tuple[int, int]]:
        """[start, end) in the page's text of every word."""
        return (span for line in self.lines() for span in line.spans)

    def lines(self) -> Iterator[Piece]:
        """Every line in reading order."""
        for left, right in self.parts:
            yield from left
            yield from right


@dataclass(slots=True)
class _Run:
    """Lines that one gutter parts; a line that only one column has is None in the other.

    torn: how many have other gaps too; those of a table do, or of three columns.
    """

    gutter: tuple[float, float]
    lines: list[tuple[Piece | None, Piece | None]]
    bottom: float
    torn: int = 0


def read_across(lines: Sequence[Line], text: str) -> Iterator[Columns]:
    """Columns of prose among lines of pieces, top down, that the text has line by line across."""
    for run in _runs(lines):
        both = [(one, other) for one, other in run.lines if one and other]
        if len(both) < _LEAST_LINES or run.torn > _MOST_TORN * len(run.lines):
            continue
        if not _is_across(both):
            continue
        sides = [one for one, _ in run.lines if one], [other for _, other in run.lines if other]
        if all(_is_prose(side, text) for side in sides):
            yield Columns(tuple(_parts(run, text)))


def _runs(lines: Sequence[Line]) -> Iterator[_Run]:
    run: _Run | None = None
    for line in lines:
        if run is not None:
            if _gone_on(run, line):
                continue
            yield run
            run = None
        gutter = _gutter(line, None)
        if gutter is not None:
            run = _Run(gutter, [_parted(line, gutter)], line[0].box.bottom)
    if run is not None:
        yield run


def _gone_on(run: _Run, line: Line) -> bool:
    """Whether a line is the next of a run; then it is added."""
    box = line[0].box
    if run.bottom - box.top > _FAR_BELOW * box.height:
        return False
    gutter = _gutter(line, run.gutter)
    if gutter is None:
        return False
    sides = _parted(line, gutter)
    run.lines.append(sides)
    run.torn += len(line) > sum(side is not None for side in sides)
    run.gutter, run.bottom = gutter, box.bottom
    return True


def _gutter(line: Line, of_others: tuple[float, float] | None) -> tuple[float, float] | None:
    """Where no piece of a line stands, from x to x: its one gap, or what of others' it leaves."""
    if of_others is None:
        if len(line) != 2:
            return None
        low, high = line[0].box.right, line[1].box.left
    else:
        low, high = of_others
        middle = (low + high) / 2
        for piece in line:
            left, _, right, _ = piece.box
            if (left + right) / 2 < middle:
                low = max(low, right)
            else:
                high = min(high, left)
    return (low, high) if high - low >= _LEAST_GUTTER * line[0].box.height else None


def _parted(line: Line, gutter: tuple[float, float]) -> tuple[Piece | None, Piece | None]:
    left = [p for p in line if p.box.right <= gutter[0]]
    right = [p for p in line if p.box.left >= gutter[1]]
    return _joined(left), _joined(right)


def _joined(pieces: Sequence[Piece]) -> Piece | None:
    if not pieces:
        return None
    spans = tuple(span for piece in pieces for span in piece.spans)
    return Piece(spans, around(p.box for p in pieces), " ".join([p.text for p in pieces]))


def _is_across(both: Sequence[tuple[Piece, Piece]]) -> bool:
    """Whether the text goes from the left to the right column and back, line for line."""
    turns = [
        left.spans[-1][0] < right.spans[0][0] < below.spans[0][0]
        for (left, right), (below, _) in pairwise(both)
    ]
    return sum(turns) >= _ACROSS_SHARE * len(turns)


def _is_prose(side: Sequence[Piece], text: str) -> bool:
    """Whether the lines of a column go on in one another, and are no cells below one another."""
    widths = [p.box.right - p.box.left for p in side]
    full = sum(width >= _FULL * max(widths) for width in widths)
    left = median(p.box.left for p in side)
    aligned = sum(abs(p.box.left - left) <= _ALIGNED for p in side)
    going_on = sum(not _begins_anew(p, text) for p in side[1:])
    return (
        median(len(p.spans) for p in side) >= _PROSE_WORDS
        and full >= _FULL_SHARE * len(side)
        and aligned >= _ALIGNED_SHARE * len(side)
        and going_on >= _GOES_ON_SHARE * (len(side) - 1)
    )


def _begins_anew(line: Piece, text: str) -> bool:
    return not text[line.spans[0][0]].islower()


def _parts(run: _Run, text: str) -> Iterator[tuple[Line, Line]]:
    """A run, cut where rows begin, if it is a table whose cells have several lines."""
    cuts = [0, *_rows_begin(run, text), len(run.lines)]
    for start, end in pairwise(cuts):
        part = run.lines[start:end]
        yield [one for one, _ in part if one], [other for _, other in part if other]


def _rows_begin(run: _Run, text: str) -> list[int]:
    """The lines with which rows begin, but the first one; none where it is prose.

    Both columns begin anew there: always on the same lines, or below gaps.
    """
    left, right = (
        {n for n, line in enumerate(run.lines) if n and (p := line[side]) and _begins_anew(p, text)}
        for side in (0, 1)
    )
    if left == right and len(left) > 1:
        return sorted(left)
    boxes = [around(p.box for p in line if p) for line in run.lines]
    steps = [one.bottom - other.bottom for one, other in pairwise(boxes)]
    usual = median(steps)
    below = {number for number, step in enumerate(steps, 1) if step > _ROW_GAP * usual}
    is_rows = below <= left & right and len(run.lines) <= _ROW_LINES * (len(below) + 1)
    return sorted(below) if is_rows else []
