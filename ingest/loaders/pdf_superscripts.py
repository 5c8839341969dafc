"""Superscripts of a PDF page: told by where they stand, and those that are marks put apart. Pure.

A footnote mark was glued to what it follows: the cell "890" with mark 1 read "8901", and what sums
its column was wrong. What is raised is written with Unicode's superscripts, which no reader of
numbers takes for digits: "890 ¹", "10⁻⁶", "m²". A mark gets a space before it, as search takes
"Revenue²" for one word; a power keeps its place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile

import numpy as np

from ingest.page_layout import FloatArray, PageLayout

# Against the character before it: on 20 documents marks are .49 to .70 as high and stand .35 to .51
# of its height higher. A small digit on the same base line stands .1 higher, an index lower.
_HEIGHT = (0.45, 0.8)
_LEAST_RISE = 0.3
_NEAR = (-0.3, 0.35)  # from the end of the one before it, in its heights
_ALIKE = 0.15  # of its height: by so much characters of one superscript differ
_MOST_CHARACTERS = 8
_MOST_BETWEEN = 3  # "\r\n" and a space
_WHITE_SPACE = re.compile(rf"[ \r\n]{{1,{_MOST_BETWEEN}}}")
_NARROWEST_SPACE, _WIDEST_SPACE = 0.1, 1.0  # heights
_RAISED = str.maketrans("0123456789+-\u2212\u2013()", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁻⁽⁾")
LEVEL = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_FIRST = frozenset("0123456789-\u2212\u2013(")
_CLOSING = frozenset(".,;:!?)]}%’”'\"*†‡®™")
_SUPERSCRIPT = re.compile(
    r"(?:[-\u2212\u2013]?\d{1,4}(?:, ?\d{1,2})*[-\u2212\u2013+)]?|(?:\(\d{1,2}\))+)(?=,?\s*$)"
)
_BEHIND_FIGURE = re.compile(r"\d[)%]{0,2} ?$")

_DIGITS = "⁰¹²³⁴⁵⁶⁷⁸⁹"
_MARK = re.compile(rf"(?<=[^\s(\[{_DIGITS}⁺⁻⁽⁾])[{_DIGITS}⁺⁻⁽⁾]+(?![^\W\d_])")
# What is over a line of a fraction, not behind a word: "m²/2" is none.
_OVER = re.compile(rf"(?<![^\W\d])[{_DIGITS}]+(?=[/⁄][\d₀₁₂₃₄₅₆₇₈₉])")
_LOOKED_BACK = 24  # characters, to what a superscript stands behind
_TEN = re.compile(r"(?<![\d.,])10$")
_NUMBER_ENDS = re.compile(r"\d[)%]{0,2}$")
_SENTENCE_ENDS = re.compile(r"[.!?…][\"'”’)\]]{0,2}$")
_LAST_WORD = re.compile(rf"[^\W\d_{_DIGITS}]+$")
_RAISED_TO_POWERS = frozenset(["sqm", "chi", "sin", "cos", "tan", "log"])  # and "km", "mc"


def with_superscripts(layout: PageLayout) -> PageLayout:
    """The layout, its raised figures as superscripts.

    PDFium begins a line with many of them, and another behind them: that line goes on instead. No
    other character is lost.
    """
    text = layout.text
    written: list[str] = []
    breaks: list[int] = []
    done = 0
    for base, place in _raised(text, layout.boxes):
        superscript = _superscript(text, base, place, layout.boxes) if place >= done else ""
        if not superscript:
            continue
        written += [text[done:place], superscript]
        breaks += [at for at in range(base + 1, place) if text[at] in "\r\n"]
        done = place + len(superscript)
        end, is_apart = _line_goes_on(layout, base, done)
        ended = [at for at in range(done, end) if text[at] in "\r\n"]
        if ended and is_apart:
            written += [text[done : ended[0]], " "]
            done = ended.pop(0) + 1
        breaks += ended
    if not written:
        return layout
    layout = replace(layout, text="".join([*written, text[done:]]))
    return _without(layout, breaks) if breaks else layout


def _line_goes_on(layout: PageLayout, base: int, end: int) -> tuple[int, bool]:
    """Up to where there is only white space behind a superscript, if its line goes on there.

    Also whether that has no space but needs one, as what follows stands off. base: what the
    superscript stands behind. end: of it.
    """
    following = _WHITE_SPACE.match(layout.text, end)
    if following is None or following.end() == len(layout.text):
        return end, False
    place = following.end()
    _, low, _, high = layout.boxes[base].tolist()
    left, bottom, _, top = layout.boxes[place].tolist()
    height = high - low
    gap = left - float(layout.boxes[end - 1, 2])
    on_line = top > bottom and abs(bottom - low) < _ALIKE * height
    if not on_line or not _NEAR[0] * height < gap < _WIDEST_SPACE * height:
        return end, False
    return place, " " not in following.group() and gap > _NARROWEST_SPACE * height


def _without(layout: PageLayout, places: Sequence[int]) -> PageLayout:
    is_kept = np.ones(len(layout.text), dtype=bool)
    is_kept[list(places)] = False
    kept = np.flatnonzero(is_kept).tolist()
    text = "".join([layout.text[place] for place in kept])
    begun = [number for number, place in enumerate(kept) if place in layout.bold_lines]
    return replace(
        layout,
        text=text,
        boxes=layout.boxes[is_kept],
        indices=layout.indices[is_kept],
        bold_lines=frozenset(at for at in begun if at == 0 or text[at - 1] in "\r\n"),
    )


def _raised(text: str, boxes: FloatArray) -> list[tuple[int, int]]:
    """(base, place) of characters that may begin a superscript, and what each stands behind.

    All of a page at once: most pages have none, and thousands of digits.
    """
    found: list[tuple[int, int]] = []
    drawn = np.flatnonzero(boxes[:, 3] > boxes[:, 1])
    left, bottom, right, top = boxes[drawn].T
    height = top - bottom
    for back in (1, 2):  # with a drawn space between them, or none
        rises = bottom[back:] - bottom[:-back] > _LEAST_RISE * height[:-back]
        rises &= height[back:] < _HEIGHT[1] * height[:-back]
        for one in np.flatnonzero(rises).tolist():
            other = one + back
            base, place = int(drawn[one]), int(drawn[other])
            between = text[base + 1 : place]
            if text[place] not in _FIRST or len(between) > _MOST_BETWEEN or between.strip():
                continue
            gap = (left[other] - right[one]) / height[one]
            over = (top[other] - top[one]) / height[one]
            is_beside = _NEAR[0] < gap < _NEAR[1] and bottom[other] < top[one]
            if is_beside and over > -_ALIKE and height[other] > _HEIGHT[0] * height[one]:
                found.append((base, place))
    return sorted(found, key=lambda pair: pair[1])


def _superscript(text: str, base: int, place: int, boxes: FloatArray) -> str:
    """What begins at a raised character, as a superscript; "" if it is none of a known form."""
    if not text[base].isalnum() and text[base] not in _CLOSING and text[base] != "(":
        return ""
    ahead = boxes[place : place + _MOST_CHARACTERS + 2]
    _, low, _, high = ahead[0].tolist()
    slack = _ALIKE * (high - low)
    alike = (abs(ahead[:, 1] - low) < slack) & (abs(ahead[:, 3] - high) < slack)
    length = sum(takewhile(bool, alike.tolist()))
    if length > _MOST_CHARACTERS:
        return ""
    found = _SUPERSCRIPT.match(text[place : place + length])
    if found is None or (found.group()[0] == "(" and not _ends(_BEHIND_FIGURE, text, base + 1)):
        return ""  # brackets part a mark from a word already, and rows are known without "(1)"
    return found.group().translate(_RAISED)


def marks_apart(text: str) -> str:
    """A space before superscripts that are marks, none before powers; "5¹/2" as "5 1/2"."""
    if text.isascii() or not any(digit in text for digit in _DIGITS):
        return text

    def level(found: re.Match[str]) -> str:
        is_mixed = found.string[found.start() - 1 : found.start()].isdecimal()
        return " " * is_mixed + found.group().translate(LEVEL)

    def apart(found: re.Match[str]) -> str:
        mark = found.group()
        return mark if _is_power(found.string, found.start(), mark) else " " + mark

    return _MARK.sub(apart, _OVER.sub(level, text))


def _is_power(text: str, start: int, mark: str) -> bool:
    """Whether a superscript belongs to what it stands behind, or is harmless there."""
    if "⁺" in mark or "⁻" in mark:
        return True
    if _ends(_NUMBER_ENDS, text, start):
        return mark != "¹" and _ends(_TEN, text, start)
    found = _LAST_WORD.search(text[max(0, start - _LOOKED_BACK) : start])
    if found is None:
        return not _ends(_SENTENCE_ENDS, text, start)
    word = found.group()
    if len(word) > 1 and mark not in ("²", "³"):
        return False
    return len(word) == 1 or (len(word) == 2 and word.islower()) or word in _RAISED_TO_POWERS


def _ends(pattern: re.Pattern[str], text: str, end: int) -> bool:
    return pattern.search(text[max(0, end - _LOOKED_BACK) : end]) is not None
