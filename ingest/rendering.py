"""A page of an original as a picture, with a span of its text marked as by a highlighter.

Only PDFs have pages to draw. The span is given in the text that the library stored, which was
cleaned when the file was read; it is found on the page by its letters and digits alone, so the
cleaning (line ends, hyphens, control characters) does not matter.
"""

from __future__ import annotations

import struct
import zlib
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ingest.loaders.pdf_superscripts import LEVEL, with_superscripts
from ingest.loaders.pdf_tables import text_with_tables
from ingest.page_layout import PageLayout
from ingest.pdfium import PdfFile, PixelBox, Pixels, Rectangle

_HIGHLIGHT_RGB = (255, 226, 89)
_MARGIN_PIXELS = 1
_MAX_SCALE = 8.0
_COMPRESSION = 3  # a page of text: 4 times faster than level 9 and a tenth larger


def render_page(
    path: Path,
    page_number: int,
    *,
    scale: float = 1.5,
    text: str = "",
    highlight: tuple[int, int] | None = None,
) -> bytes:
    """A page of a PDF as PNG.

    page_number: 1-based. scale: pixels a point (1/72 inch), up to 8.
    text: the page's text as the library stored it; highlight: [start, end) in it. A span that
    cannot be found on the page is not marked.
    Raises IndexError if there is no such page; UnreadableFile if the PDF cannot be opened.
    """
    with PdfFile(path) as pdf:
        if not 1 <= page_number <= len(pdf):
            raise IndexError(f"page_number must be 1 to {len(pdf)}, got {page_number}")
        index = page_number - 1
        boxes: list[Rectangle] = []
        if highlight is not None:
            for first, count in _runs(with_superscripts(pdf.page_layout(index)), text, *highlight):
                boxes += pdf.boxes(index, first, count)
        pixels, placed = pdf.render(index, scale=min(max(scale, 0.1), _MAX_SCALE), boxes=boxes)
    mark(pixels, placed)
    return encode_png(pixels)


def _runs(layout: PageLayout, text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Runs of PDFium's characters, (first, count), that the span text[start:end] was made from.

    Looked for in the order in which the page is stored now, then in PDFium's own, in which
    libraries of before tables were read have it.
    """
    for origins in (text_with_tables(layout).origins, range(len(layout.text))):
        characters = [layout.text[place] if place >= 0 else " " for place in origins]
        found = locate(characters, text, start, end)
        if found is not None:
            low, count = found
            places = [place for place in origins[low : low + count] if place >= 0]
            return _consecutive([i for i in layout.indices[places].tolist() if i >= 0])
    return []


def _consecutive(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Numbers as (first, count) of runs that go up by one."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and number == sum(runs[-1]):
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((number, 1))
    return runs


def locate(characters: Sequence[str], text: str, start: int, end: int) -> tuple[int, int] | None:
    """Where text[start:end] stands among a page's characters: (first index, count), or None.

    characters: the page's characters in the order in which `text` was made from them. Both are
    compared by their letters and digits in order; superscripts count as digits, which they were in
    libraries of before they were told. Where those occur several times, the occurrence
    is taken that has as many letters and digits before it as the span has in `text`.
    """
    positions = [i for i, character in enumerate(characters) if character.isalnum()]
    page = "".join(characters[i] for i in positions).translate(LEVEL)
    sought = "".join(c for c in text[start:end] if c.isalnum()).translate(LEVEL)
    if not sought:
        return None
    expected = sum(c.isalnum() for c in text[:start])
    first = _nearest(page, sought, expected)
    if first is None:
        return None
    low, high = positions[first], positions[first + len(sought) - 1]
    return low, high - low + 1


def _nearest(page: str, sought: str, expected: int) -> int | None:
    if page.startswith(sought, expected):
        return expected
    found = []
    position = page.find(sought)
    while position != -1:
        found.append(position)
        position = page.find(sought, position + len(sought))
    if not found:
        return None
    after = bisect_left(found, expected)
    return min(found[max(0, after - 1) : after + 1], key=lambda place: abs(place - expected))


def mark(pixels: Pixels, boxes: Sequence[PixelBox]) -> None:
    """Tint boxes of a picture in place, darkest where it was dark: text stays readable."""
    tint = np.array(_HIGHLIGHT_RGB, dtype=np.uint16)
    marked = np.zeros(pixels.shape[:2], dtype=bool)  # once only, where boxes overlap
    for box in boxes:
        rows = slice(max(0, box.top - _MARGIN_PIXELS), max(0, box.bottom + _MARGIN_PIXELS))
        columns = slice(max(0, box.left - _MARGIN_PIXELS), max(0, box.right + _MARGIN_PIXELS))
        marked[rows, columns] = True
    pixels[marked] = (pixels[marked].astype(np.uint16) * tint // 255).astype(np.uint8)


def encode_png(pixels: Pixels) -> bytes:
    """RGB pixels (height, width, 3) uint8 as a PNG file. Source: w3.org/TR/png, chunks 11.2."""
    height, width, _ = pixels.shape
    # Each row begins with the number of its filter; 0 is none.
    rows = np.zeros((height, 1 + width * 3), dtype=np.uint8)
    rows[:, 1:] = pixels.reshape(height, width * 3)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits, RGB
    body = zlib.compress(rows.tobytes(), _COMPRESSION)
    chunks = [(b"IHDR", header), (b"IDAT", body), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(kind, data) for kind, data in chunks)


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)
