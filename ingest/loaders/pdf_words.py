"""Characters of a PDF page -> words, pieces and lines by where they stand. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

import numpy as np

from ingest.page_layout import FloatArray, PageLayout

# A gap between words that is wider than this share of the line's height parts two cells. A space
# is a quarter of the font's size, seldom half in justified text.
CELL_GAP = 0.75
_SAME_LINE = 0.5  # of the lower height: so much two words overlap that stand on one line
WIDEST_SPACE = 1.6  # as a share of the line's height, where spaces are wide: justified typescript
_SIGN_GAP = 8.0  # to the figure that a currency's sign or a closing bracket belongs to
_CURRENCY = re.compile(r"[$€£¥]|US\$|C\$|A\$|HK\$|R\$")
_CLOSING = re.compile(r"[)%]+|\*+|\(\w\)")
_FIGURE = re.compile(
    r"[($€£¥<>~±+-]* ?\(?\d[\d.,:/ ]*[)%*]* ?[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾]*|[—–-]+|n/?a|\.{2,}", re.IGNORECASE
)


# A page has thousands of both: as tuples they are made in a third of a data class's time.
class Box(NamedTuple):
    """Left, bottom, right, top, in points; up is more."""

    left: float
    bottom: float
    right: float
    top: float

    @property
    def height(self) -> float:
        return self.top - self.bottom


class Piece(NamedTuple):
    """Words that stand next to one another on a line: spans of the page's text, and where."""

    spans: tuple[tuple[int, int], ...]
    box: Box
    text: str


Line = list[Piece]


def words_of(layout: PageLayout) -> list[Piece]:
    """Runs of characters without white space or a jump between them."""
    text = layout.text
    left, bottom, right, top = layout.boxes.T
    spaces = np.fromiter(map(str.isspace, text), dtype=bool, count=len(text))
    drawn = (top > bottom) & ~spaces
    edges = np.flatnonzero(np.diff(drawn, prepend=False, append=False))
    starts, ends = edges[::2], edges[1::2]
    if not starts.size:
        return []
    # Most runs are a word each, of characters as high as each other, one behind the other. Those
    # are found for all of the page at once; the others are looked at character by character.
    height, gap = top[:-1] - bottom[:-1], left[1:] - right[:-1]
    follows = (bottom[1:] == bottom[:-1]) & (top[1:] == top[:-1]) & (right[1:] >= right[:-1])
    follows &= (-height < gap) & (gap < CELL_GAP * height)
    jumps = np.zeros(len(text), dtype=bool)
    jumps[1:] = drawn[1:] & drawn[:-1] & ~follows
    lefts = np.minimum.reduceat(np.where(drawn, left, np.inf), starts)
    columns = (starts, ends, lefts, bottom[starts], right[ends - 1], top[starts])
    words: list[Piece] = []
    for start, end, x1, y1, x2, y2, has_jump in zip(
        *(column.tolist() for column in columns),
        np.logical_or.reduceat(jumps, starts).tolist(),
        strict=True,
    ):
        if has_jump:
            words += _words_in(text, start, end, layout.boxes)
        else:
            words.append(Piece(((start, end),), Box(x1, y1, x2, y2), text[start:end]))
    return words


def _words_in(text: str, start: int, end: int, boxes: FloatArray) -> Iterator[Piece]:
    """The words of a run of drawn characters [start, end): it is cut where one does not go on."""
    (left, bottom, right, top), *others = boxes[start:end].tolist()
    for place, (x1, y1, x2, y2) in enumerate(others, start + 1):
        height = top - bottom
        overlap = min(top, y2) - max(bottom, y1)
        near = -height < x1 - right < CELL_GAP * height
        if near and overlap > _SAME_LINE * min(height, y2 - y1):
            left, bottom = min(left, x1), min(bottom, y1)
            right, top = max(right, x2), max(top, y2)
            continue
        yield Piece(((start, place),), Box(left, bottom, right, top), text[start:place])
        start, left, bottom, right, top = place, x1, y1, x2, y2
    yield Piece(((start, end),), Box(left, bottom, right, top), text[start:end])


def lines_of(words: Iterable[Piece]) -> list[Line]:
    """Words by the line they stand on, top down, each line from the left."""
    lines: list[Line] = []
    low = high = 0.0  # of the line's first word
    for word in sorted(words, key=lambda w: -(w.box.bottom + w.box.top)):
        _, bottom, _, top = word.box
        if lines:
            overlap = min(high, top) - max(low, bottom)
            if overlap > _SAME_LINE * min(high - low, top - bottom):
                lines[-1].append(word)
                continue
        low, high = bottom, top
        lines.append([word])
    return [sorted(line, key=lambda w: w.box.left) for line in lines]


def space_width(lines: Sequence[Line]) -> float:
    """How wide a space is, as a share of the line's height: the median where words are near."""
    gaps = [
        (other.box.left - one.box.right) / max(one.box.height, 1.0)
        for line in lines
        for one, other in pairwise(line)
    ]
    near = [gap for gap in gaps if 0.0 < gap < WIDEST_SPACE]
    return median(near) if near else 0.0


def pieces_of(line: Line, cell_gap: float) -> Line:
    """The words of a line, those with less than the gap (in heights) between them joined."""
    pieces: list[Piece] = []
    together: list[Piece] = []  # the words of the piece that is being put together
    right = height = low = high = 0.0  # around them
    for word in line:
        _, bottom, x2, top = word.box
        higher = max(top - bottom, height)
        gap = word.box.left - right
        if together and (
            gap < cell_gap * higher
            or (gap < _SIGN_GAP * higher and _belong_together(together, word))
        ):
            together.append(word)
            right, low, high = max(right, x2), min(low, bottom), max(high, top)
        else:
            if together:
                pieces.append(_joined(together))
            together = [word]
            right, low, high = x2, bottom, top
        height = high - low
    if together:
        pieces.append(_joined(together))
    return pieces


def _belong_together(words: Sequence[Piece], other: Piece) -> bool:
    """Whether the next word is one of them even from afar: a sign and its figure."""
    if len(words) == 1 and _CURRENCY.fullmatch(words[0].text) and is_figure(other):
        return True
    return _CLOSING.fullmatch(other.text) is not None and is_figure(_joined(words))


def _joined(words: Sequence[Piece]) -> Piece:
    if len(words) == 1:
        return words[0]
    spans = tuple(span for word in words for span in word.spans)
    return Piece(spans, around(w.box for w in words), " ".join([w.text for w in words]))


def is_figure(piece: Piece) -> bool:
    """Whether it is a number, or a sign that stands for one."""
    return _FIGURE.fullmatch(piece.text) is not None


def around(boxes: Iterable[Box]) -> Box:
    """The smallest box with all of these in it; there is at least one."""
    left, bottom, right, top = zip(*boxes, strict=True)
    return Box(min(left), min(bottom), max(right), max(top))
