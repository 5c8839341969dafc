"""The boxes of a form that are ticked or not -> text of their page: [x] and [ ].

PDFium draws a tick as a path, which is no text, or as a character that follows in a heap behind all
that the page says. Where no box of a page is ticked, none is told of: the form is not filled in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ingest.page_layout import PageLayout

TICKED, NOT_TICKED = "[x]", "[ ]"
_MOST_ANNOTATIONS = 2000  # of a page that are looked at


@dataclass(frozen=True, slots=True)
class TickBox:
    """A check box or a radio button: where it is, in points from the page's lower left corner."""

    left: float
    bottom: float
    right: float
    top: float
    is_ticked: bool


def boxes_of(raw: Any, form: Any, page: Any) -> list[TickBox]:
    """The boxes that a page shows, if any of them is ticked.

    raw: PDFium's functions. form, page: handles of the form and of one of its pages.
    """
    count = min(raw.FPDFPage_GetAnnotCount(page), _MOST_ANNOTATIONS)
    found = [_box(raw, form, page, number) for number in range(count)]
    boxes = [box for box in found if box is not None]
    return boxes if any(box.is_ticked for box in boxes) else []


def _box(raw: Any, form: Any, page: Any, number: int) -> TickBox | None:
    annotation = raw.FPDFPage_GetAnnot(page, number)
    if not annotation:
        return None
    try:
        is_box = raw.FPDFAnnot_GetSubtype(annotation) == raw.FPDF_ANNOT_WIDGET and (
            raw.FPDFAnnot_GetFormFieldType(form, annotation)
            in (raw.FPDF_FORMFIELD_CHECKBOX, raw.FPDF_FORMFIELD_RADIOBUTTON)
        )
        unseen = raw.FPDF_ANNOT_FLAG_HIDDEN | raw.FPDF_ANNOT_FLAG_NOVIEW
        where = raw.FS_RECTF()
        if (
            not is_box
            or raw.FPDFAnnot_GetFlags(annotation) & unseen
            or not raw.FPDFAnnot_GetRect(annotation, where)
        ):
            return None
        is_ticked = bool(raw.FPDFAnnot_IsChecked(form, annotation))
        return TickBox(where.left, where.bottom, where.right, where.top, is_ticked)
    finally:
        raw.FPDFPage_CloseAnnot(annotation)


def with_marks(
    layout: PageLayout, first: int, boxes: Sequence[TickBox]
) -> tuple[PageLayout, list[tuple[int, int]]]:
    """The layout with a mark for each box at its end, and from where to where those are.

    first: where what was filled in begins; the characters of ticks are taken out of that.
    """
    if not boxes:
        return layout, []
    is_kept = np.ones(len(layout.text), dtype=np.bool_)
    left, bottom, right, top = layout.boxes[first:].T
    across, up = (left + right) / 2, (bottom + top) / 2
    for box in boxes:
        inside = (box.left <= across) & (across <= box.right) & (top > bottom)
        is_kept[first:] &= ~(inside & (box.bottom <= up) & (up <= box.top))
    kept = np.flatnonzero(is_kept)
    text = "".join(layout.text[place] for place in kept.tolist())

    marks: list[tuple[int, int]] = []
    places: list[list[tuple[float, float, float, float]]] = []
    for box in boxes:
        mark = TICKED if box.is_ticked else NOT_TICKED
        marks.append((len(text), len(text) + len(mark)))
        text += mark
        edges = np.linspace(box.left, box.right, len(mark) + 1).tolist()
        places.append([(edges[i], box.bottom, edges[i + 1], box.top) for i in range(len(mark))])
    added = np.array(places, dtype=np.float64).reshape(-1, 4)
    bold = np.searchsorted(kept, [line for line in layout.bold_lines if is_kept[line]])
    return replace(
        layout,
        text=text,
        boxes=np.concatenate((layout.boxes[kept], added)),
        indices=np.concatenate((layout.indices[kept], np.full(len(added), -1))),
        bold_lines=frozenset(bold.tolist()),
    ), marks
