"""Characters of a PDF page -> words, pieces and lines by where they stand. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from ingest.page_layout import PageLayout

# A gap between words that is wider than this share of the line's height parts two cells. A space
# is a quarter of the font's size, seldom half in justified text.
CELL_GAP = 0.75
_SAME_LINE = 0.5  # of the lower height: so much two words overlap that stand on one line
WIDEST_SPACE = 1.6  # as a share of the line's height, where spaces are wide: justified typescript
_SIGN_GAP = 8.0  # to the figure that a currency's sign or a closing bracket belongs to
_CURRENCY = re.compile(r"[$€£¥]|US\$|C\$|A\$|HK\$|R\$")
_CLOSING = re.compile(r"[)%]+|\*+|\(\w\)")
_FIGURE = re.compile(r"[($€£¥<>~±+-]* ?\(?\d[\d.,:/ ]*[)%*]*|[—–-]+|n/?a|\.{2,}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Box:
    """Left, bottom, right, top, in points; up is more."""

    left: float
    bottom: float
    right: float
    top: float

    @property
    def height(self) -> float:
        return self.top - self.bottom


@dataclass(frozen=True, slots=True)
class Piece:
    """Words that stand next to one another on a line: spans of the page's text, and where."""

    spans: tuple[tuple[int, int], ...]
    box: Box
    text: str


Line = list[Piece]


def words_of(layout: PageLayout) -> list[Piece]:
    """Runs of characters without white space or a jump between them."""
    words: list[Piece] = []
    start = end = -1  # of the word that is being read
    # Around it. A page has thousands of characters: without a Box, min and max 3.7 times as fast.
    left = bottom = right = top = 0.0
    boxes = [*layout.boxes.tolist(), (0.0, 0.0, 0.0, 0.0)]  # a space behind the last ends its word
    for place, (character, (x1, y1, x2, y2)) in enumerate(
        zip(f"{layout.text} ", boxes, strict=True)
    ):
        drawn = y2 > y1 and not character.isspace()
        if start >= 0:
            height, lower = top - bottom, y2 - y1
            lower = lower if lower < height else height
            overlap = (top if top < y2 else y2) - (bottom if bottom > y1 else y1)
            near = -height < x1 - right < CELL_GAP * height
            if drawn and near and overlap > _SAME_LINE * lower:  # it stands where the word goes on
                end = place + 1
                left = x1 if x1 < left else left
                bottom = y1 if y1 < bottom else bottom
                right = x2 if x2 > right else right
                top = y2 if y2 > top else top
                continue
            box = Box(left, bottom, right, top)
            words.append(Piece(((start, end),), box, layout.text[start:end]))
            start = -1
        if drawn:
            start, end = place, place + 1
            left, bottom, right, top = x1, y1, x2, y2
    return words


def lines_of(words: Iterable[Piece]) -> list[Line]:
    """Words by the line they stand on, top down, each line from the left."""
    lines: list[tuple[Box, Line]] = []
    for word in sorted(words, key=lambda w: -(w.box.bottom + w.box.top)):
        box = word.box
        if lines:
            band, line = lines[-1]
            overlap = min(band.top, box.top) - max(band.bottom, box.bottom)
            if overlap > _SAME_LINE * min(band.height, box.height):
                line.append(word)
                continue
        lines.append((box, [word]))
    return [sorted(line, key=lambda w: w.box.left) for _, line in lines]


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
    joined: list[Piece] = []
    for word in line:
        if joined and word.box.left - joined[-1].box.right < _joining_gap(
            joined[-1], word, cell_gap
        ) * max(word.box.height, joined[-1].box.height):
            joined[-1] = _joined(joined[-1], word)
        else:
            joined.append(word)
    return joined


def _joining_gap(one: Piece, other: Piece, cell_gap: float) -> float:
    """Below what gap, in heights, two neighbours are one: signs belong to a figure from afar."""
    to_figure = _CURRENCY.fullmatch(one.text) and is_figure(other)
    from_figure = _CLOSING.fullmatch(other.text) and is_figure(one)
    return _SIGN_GAP if to_figure or from_figure else cell_gap


def _joined(one: Piece, other: Piece) -> Piece:
    box = around((one.box, other.box))
    return Piece((*one.spans, *other.spans), box, f"{one.text} {other.text}")


def is_figure(piece: Piece) -> bool:
    """Whether it is a number, or a sign that stands for one."""
    return _FIGURE.fullmatch(piece.text) is not None


def around(boxes: Iterable[Box]) -> Box:
    """The smallest box with all of these in it; there is at least one."""
    boxes = list(boxes)
    return Box(
        min([b.left for b in boxes]),
        min([b.bottom for b in boxes]),
        max([b.right for b in boxes]),
        max([b.top for b in boxes]),
    )
