"""PPTX -> one page a slide, by python-pptx: title, text, tables, figures of charts, notes.

Shapes are read from top to bottom and from left to right, as people do.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from lxml import etree

from ingest.documents import Document, Page
from ingest.errors import CorruptFile, EmptyFile
from ingest.loaders.characters import clean_text, one_line
from ingest.loaders.limits import Reading
from ingest.loaders.merged_cells import Merge, spread
from ingest.loaders.sniffing import FileKind
from ingest.loaders.text import headed
from ingest.loaders.zipped import check_unpacked_size

_MAX_DEPTH = 20  # of groups in groups
_CHART = {"c": "http://schemas.openxmlformats.org/drawingml/2006/chart"}
_PLOTS = etree.XPath("c:chart/c:plotArea/*[c:ser]", namespaces=_CHART)
_SERIES = etree.XPath("c:ser", namespaces=_CHART)
_NAME = etree.XPath("c:tx//c:v/text()", namespaces=_CHART)
_CATEGORIES = etree.XPath("(c:cat | c:xVal)//c:pt", namespaces=_CHART)
_VALUES = etree.XPath("(c:val | c:yVal)//c:pt", namespaces=_CHART)
_POINT = etree.XPath("c:v/text()", namespaces=_CHART)


def load_pptx(path: Path, reading: Reading) -> Document:
    """Read a presentation. Raises CorruptFile, EmptyFile, FileTooLarge."""
    import pptx

    budget = reading.budget()
    pages = []
    try:
        with zipfile.ZipFile(path) as archive:
            check_unpacked_size(archive, reading.limits)
        presentation = pptx.Presentation(str(path))
        for number, slide in enumerate(presentation.slides, start=1):
            page = _page(slide, number)
            budget.spend(page.text)
            pages.append(page)
        title = one_line(presentation.core_properties.title or "")
    except (zipfile.BadZipFile, KeyError, SyntaxError, ValueError, AttributeError) as error:
        raise CorruptFile(
            "is damaged: its slides cannot be read; open it in PowerPoint, save it again and add"
            " that."
        ) from error
    if not any(page.text for page in pages):
        raise EmptyFile("has no text in it.")
    return Document(
        title="" if title == "PowerPoint Presentation" else title,
        media_type=FileKind.PPTX.value,
        pages=tuple(pages),
    )


def _page(slide: Any, number: int) -> Page:
    page = Page(number, clean_text("\n\n".join(filter(None, _below_title(slide)))).strip())
    shape = slide.shapes.title
    title = one_line(clean_text(shape.text_frame.text)) if shape is not None else ""
    return headed(page, title) if title else page


def _below_title(slide: Any) -> Iterator[str]:
    title = slide.shapes.title
    skipped = None if title is None else title.shape_id
    yield from _shapes((s for s in slide.shapes if s.shape_id != skipped), 0)
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        notes = slide.notes_slide.notes_text_frame.text.strip()
        if notes:
            yield f"Notes: {notes}"


def _shapes(shapes: Iterable[Any], depth: int) -> Iterator[str]:
    for shape in sorted(shapes, key=lambda s: (s.top or 0, s.left or 0)):
        if hasattr(shape, "shapes"):
            if depth < _MAX_DEPTH:
                yield from _shapes(shape.shapes, depth + 1)
        elif shape.has_text_frame:
            yield "\n".join(_paragraphs(shape.text_frame))
        elif getattr(shape, "has_table", False):
            yield "\n".join(" | ".join(row) for row in _table(shape.table) if row)
        elif getattr(shape, "has_chart", False):
            yield "\n".join(_chart(shape.chart))


def _table(table: Any) -> list[list[str]]:
    rows: list[list[str]] = []
    merges: list[Merge] = []
    for top, row in enumerate(table.rows):
        rows.append([one_line(cell.text, max_characters=5_000) for cell in row.cells])
        for left, cell in enumerate(row.cells):
            if cell.is_merge_origin:
                bottom, right = top + cell.span_height - 1, left + cell.span_width - 1
                merges.append(Merge(top, left, bottom, right))
    spread(rows, merges)
    return rows


def _paragraphs(frame: Any) -> Iterator[str]:
    for paragraph in frame.paragraphs:
        text = paragraph.text.strip()
        if text:
            yield f"{'  ' * (paragraph.level - 1)}- {text}" if paragraph.level else text


def _chart(chart: Any) -> Iterator[str]:
    """A chart's figures as a table: a row a category, a column a series."""
    if chart.has_title and chart.chart_title.has_text_frame:
        yield chart.chart_title.text_frame.text
    # python-pptx knows the flat kinds of plots only; their series are written alike in all kinds.
    for plot in _PLOTS(chart._chartSpace):
        series = [_Series(one) for one in _SERIES(plot)]
        yield " | ".join(["", *(one.name for one in series)])
        categories = next((one.categories for one in series if one.categories), {})
        for index in sorted({i for one in series for i in one.values} | set(categories)):
            values = (one.values.get(index, "") for one in series)
            yield " | ".join([categories.get(index, ""), *values])


class _Series:
    """The name, categories and values of one series of a chart, those by their number."""

    def __init__(self, element: Any) -> None:
        self.name = one_line(" ".join(_NAME(element)))
        self.categories = _points(_CATEGORIES(element))
        self.values = {index: _figure(text) for index, text in _points(_VALUES(element)).items()}


def _points(points: Iterable[Any]) -> dict[int, str]:
    # Categories in several levels have a point each; the innermost, which comes first, is kept.
    found: dict[int, str] = {}
    for point in points:
        found.setdefault(int(point.get("idx")), one_line(" ".join(_POINT(point))))
    return found


def _figure(text: str) -> str:
    try:
        return f"{float(text):.15g}"
    except ValueError:
        return text
