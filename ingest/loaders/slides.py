"""PPTX -> one page a slide, by python-pptx: title, text, tables, figures of charts, notes.

Shapes are read from top to bottom and from left to right, as people do.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ingest.documents import Document, Page
from ingest.errors import CorruptFile, EmptyFile
from ingest.loaders.characters import clean_text, one_line
from ingest.loaders.limits import Reading
from ingest.loaders.sniffing import FileKind
from ingest.loaders.zipped import check_unpacked_size

_MAX_DEPTH = 20  # of groups in groups


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
            text = clean_text("\n\n".join(filter(None, _slide(slide)))).strip()
            budget.spend(text)
            pages.append(Page(number, text))
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


def _slide(slide: Any) -> Iterator[str]:
    title = slide.shapes.title
    if title is not None and title.text_frame.text.strip():
        yield f"# {one_line(title.text_frame.text)}"
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
            yield "\n".join(
                " | ".join(one_line(cell.text, max_characters=5_000) for cell in row.cells)
                for row in shape.table.rows
            )
        elif getattr(shape, "has_chart", False):
            yield "\n".join(_chart(shape.chart))


def _paragraphs(frame: Any) -> Iterator[str]:
    for paragraph in frame.paragraphs:
        text = paragraph.text.strip()
        if text:
            yield f"{'  ' * (paragraph.level - 1)}- {text}" if paragraph.level else text


def _chart(chart: Any) -> Iterator[str]:
    """A chart's figures as a table: a row a category, a column a series."""
    if chart.has_title and chart.chart_title.has_text_frame:
        yield chart.chart_title.text_frame.text
    for plot in chart.plots:
        series = list(plot.series)
        yield " | ".join(["", *(one.name for one in series)])
        for index, category in enumerate(plot.categories):
            values = (one.values[index] if index < len(one.values) else None for one in series)
            yield " | ".join([str(category), *("" if v is None else f"{v:.15g}" for v in values)])
