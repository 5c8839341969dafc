"""What stands where on a page, as plain data: the text, a box around each character, ruled lines.

Lengths are PDF points (1/72 inch); x grows to the right and y upwards, as the page is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

LINE = re.compile(r"[^\r\n]+")  # of a page's text
IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


class Rule(NamedTuple):
    """A straight line that is drawn along an axis, or one side of a drawn box.

    place: its y if it is horizontal, else its x. start, end: from where to where it runs.
    """

    horizontal: bool
    place: float
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class PageLayout:
    """The text of a page and where it stands.

    text: as PDFium orders it. boxes: (len(text), 4) left, bottom, right, top of each character;
    without height where a character is not drawn. rules: in no order. indices: (len(text),) of
    each character in PDFium's own count, by which it is asked about them; -1: in none.
    bold_lines: where in the text a line begins whose first and last character are bold.
    """

    text: str
    boxes: FloatArray
    rules: Sequence[Rule]
    indices: IntArray
    bold_lines: frozenset[int] = frozenset()

    def turned(self, quarters: int) -> PageLayout:
        """The layout turned clockwise by so many quarters, as a page says that it is shown."""
        layout = self
        for _ in range(quarters % 4):
            left, bottom, right, top = layout.boxes.T
            boxes = np.stack((bottom, -right, top, -left), axis=1)  # (x, y) -> (y, -x)
            rules = [
                Rule(False, rule.place, -rule.end, -rule.start)
                if rule.horizontal
                else Rule(True, -rule.place, rule.start, rule.end)
                for rule in layout.rules
            ]
            layout = replace(layout, boxes=boxes, rules=rules)
        return layout
