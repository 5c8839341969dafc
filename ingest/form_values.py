"""The values of a filled-in form -> into the text of their page, where its reader sees them.

PDFium draws the values behind all that the page says: a contract would be read with its blanks
empty, and what was filled in would follow in a heap, apart from its labels. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ingest.page_layout import LINE, FloatArray, PageLayout

_WORD = re.compile(r"\S+")
_SAME_LINE = 0.5  # of the lower height: so much two boxes overlap that stand on one line
_WIDEST_GAP = 1.0  # between the words of one value, as a share of their height
_FAR = 6.0  # heights from what stands before a value: then what is right above it is its label
_RIGHT_ABOVE = 1.0  # heights
_NEXT_LINE = 1.0  # heights, of a value of several lines

Span = tuple[int, int]


def values_in_place(layout: PageLayout, first: int) -> PageLayout:
    """The layout with each value of text[first:] behind what stands before it or right above it.

    What stands near nothing stays at the end.
    """
    own = layout.boxes[:first]
    behind: dict[int, list[Span]] = {}
    last: tuple[int, FloatArray] | None = None
    for span in _values(layout, first):
        box = _around(layout.boxes, span)
        place = _label(layout.text, own, box)
        if place < 0 and last is not None and _goes_on(last[1], box):
            place = last[0]
        behind.setdefault(place, []).append(span)
        last = (place, box)
    left_over = behind.pop(-1, [])
    parts: list[tuple[str, Sequence[int]]] = []  # of the new text, with where each stood

    def keep(start: int, end: int) -> None:
        parts.append((layout.text[start:end], range(start, end)))

    def add(text: str) -> None:
        parts.append((text, [-1] * len(text)))

    done = 0
    for place in sorted(behind):
        keep(done, place + 1)
        for span in sorted(behind[place], key=lambda s: _reading_order(layout.boxes, s)):
            add(" ")
            keep(*span)
        done = place + 1
        if not layout.text[done : done + 1].isspace():
            add(" ")
    keep(done, first)
    end = first
    for span in left_over:
        between = layout.text[end : span[0]]
        add(between if between.isspace() else "\r\n")
        keep(*span)
        end = span[1]
    return _reordered(layout, parts)


def _values(layout: PageLayout, first: int) -> Iterator[Span]:
    """Words that were filled in, those together that stand next to one another on a line."""
    start = end = -1
    for word in _WORD.finditer(layout.text, first):
        if start >= 0:
            left, right = layout.boxes[end - 1], layout.boxes[word.start()]
            height = left[3] - left[1]
            gap = right[0] - left[2]
            if _on_one_line(left, right) and -height < gap < _WIDEST_GAP * height:
                end = word.end()
                continue
            yield start, end
        start, end = word.span()
    if start >= 0:
        yield start, end


def _around(boxes: FloatArray, span: Span) -> FloatArray:
    left, bottom, right, top = boxes[slice(*span)].T
    return np.array((left.min(), bottom.min(), right.max(), top.max()))


def _on_one_line(one: FloatArray, other: FloatArray) -> bool:
    return bool(_on_line_of(one[np.newaxis], other)[0])


def _on_line_of(boxes: FloatArray, box: FloatArray) -> npt.NDArray[np.bool_]:
    heights = boxes[:, 3] - boxes[:, 1]
    overlap = np.minimum(boxes[:, 3], box[3]) - np.maximum(boxes[:, 1], box[1])
    needed = _SAME_LINE * np.minimum(heights, box[3] - box[1])
    return np.asarray((heights > 0) & (overlap > needed), dtype=np.bool_)


def _label(text: str, own: FloatArray, box: FloatArray) -> int:
    """The character of the page behind which a value belongs; -1: none."""
    left, bottom, right, top = own.T
    height = box[3] - box[1]
    before = np.flatnonzero(_on_line_of(own, box) & ((left + right) / 2 <= box[0]))
    place = int(before[np.argmax(right[before])]) if before.size else -1
    if place >= 0 and box[0] - right[place] <= _FAR * height:
        return place
    above = (top > bottom) & (right > box[0]) & (left < box[2]) & (bottom + top > box[1] + box[3])
    near = np.flatnonzero(above & (np.abs(bottom - box[3]) <= _RIGHT_ABOVE * height))
    if not near.size:
        return place
    line = LINE.match(text, int(near[np.argmax(right[near])]), len(own))
    return line.end() - 1 if line else place


def _goes_on(before: FloatArray, box: FloatArray) -> bool:
    """Whether a value is the next line of the one before it."""
    height = box[3] - box[1]
    return bool(abs(before[1] - box[3]) <= _NEXT_LINE * height and box[0] < before[2])


def _reading_order(boxes: FloatArray, span: Span) -> tuple[float, float]:
    return -float(boxes[span[0], 1].round()), float(boxes[span[0], 0])


def _reordered(layout: PageLayout, parts: Sequence[tuple[str, Sequence[int]]]) -> PageLayout:
    origins = np.array([place for _, places in parts for place in places], dtype=np.int64)
    added = origins < 0
    boxes, indices = layout.boxes[origins], layout.indices[origins]
    boxes[added], indices[added] = 0.0, -1
    lines = {i for i, place in enumerate(origins.tolist()) if place in layout.bold_lines}
    text = "".join(text for text, _ in parts)
    return replace(layout, text=text, boxes=boxes, indices=indices, bold_lines=frozenset(lines))
