"""The values of a filled-in form -> into the text of their page, where its reader sees them.

PDFium draws the values behind all that the page says: a contract would be read with its blanks
empty, and what was filled in would follow in a heap, apart from its labels. Marks of boxes that
are ticked or not are put between what stands beside them. Pure.
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


def values_in_place(layout: PageLayout, first: int, marks: Sequence[Span] = ()) -> PageLayout:
    """The layout with each value of text[first:] behind what stands before it or right above it.

    What stands near nothing stays at the end. marks: what ends the text; of these each is put
    before what stands on its line to the right, or else behind what stands to the left.
    """
    own = layout.boxes[:first]
    behind: dict[int, list[Span]] = {}
    last: tuple[int, FloatArray] | None = None
    values_end = marks[0][0] if marks else len(layout.text)
    for span in _values(layout, first, values_end):
        box = _around(layout.boxes, span)
        place = _label(layout.text, own, box)
        if place < 0 and last is not None and _goes_on(last[1], box):
            place = last[0]
        behind.setdefault(place, []).append(span)
        last = (place, box)
    left_over = behind.pop(-1, [])
    before: dict[int, list[Span]] = {}
    for span in marks:
        at = _neighbour(layout.text, own, _around(layout.boxes, span))
        if at is not None:
            before.setdefault(at, []).append(span)
    parts: list[tuple[str, Sequence[int]]] = []  # of the new text, with where each stood

    def keep(start: int, end: int) -> None:
        parts.append((layout.text[start:end], range(start, end)))

    def add(text: str) -> None:
        parts.append((text, [-1] * len(text)))

    done = 0
    for place in sorted({place + 1 for place in behind} | set(before)):
        keep(done, place)
        done = place
        needs_space = done > 0 and not layout.text[done - 1].isspace()
        for span in sorted(
            behind.get(place - 1, ()), key=lambda s: _reading_order(layout.boxes, s)
        ):
            add(" ")
            keep(*span)
            needs_space = True
        for span in sorted(before.get(place, ()), key=lambda s: _reading_order(layout.boxes, s)):
            add(" " if needs_space else "")
            keep(*span)
            needs_space = True
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


def _values(layout: PageLayout, first: int, last: int) -> Iterator[Span]:
    """Words that were filled in, those together that stand next to one another on a line."""
    start = end = -1
    for word in _WORD.finditer(layout.text, first, last):
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


def _neighbour(text: str, own: FloatArray, box: FloatArray) -> int | None:
    """Where a mark belongs: before the character to its right or behind the one to its left.

    The nearer one of the two; None where neither is on its line, and in a word that stands upright.
    """
    left, _, right, _ = own.T
    on_line = _on_line_of(own, box)
    is_behind = (left + right) / 2 > (box[0] + box[2]) / 2
    after, ahead = np.flatnonzero(on_line & is_behind), np.flatnonzero(on_line & ~is_behind)
    following = int(after[np.argmin(left[after])]) if after.size else None
    preceding = int(ahead[np.argmax(right[ahead])]) if ahead.size else None
    if following is not None and (
        preceding is None or left[following] - box[2] <= box[0] - right[preceding]
    ):
        at = following
    elif preceding is not None:
        at = preceding + 1
    else:
        return None
    is_in_word = 0 < at < len(own) and not text[at - 1].isspace() and not text[at].isspace()
    is_between = (
        is_in_word and on_line[at - 1] and on_line[at] and is_behind[at] > is_behind[at - 1]
    )
    return at if is_between or not is_in_word else None


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
