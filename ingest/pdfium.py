"""The only user of PDFium: opens PDFs, reads the text of a page, finds and draws it.

PDFium keeps global state and must not be entered by two threads at once, so every call is made
under one lock, which is held for a page at a time: a page can be shown while another document is
read. It knows nothing of documents, chunks or cleaning.
"""

from __future__ import annotations

import ctypes
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ingest.errors import CorruptFile, PasswordNeeded
from ingest.page_layout import LINE, FloatArray, IntArray, PageLayout, Rule

# PDFium is one C library per process: the lock belongs to it, not to any object of ours.
_PDFIUM_LOCK = threading.RLock()
_PASSWORD_ERRORS = frozenset({4, 5})  # FPDF_ERR_PASSWORD, FPDF_ERR_SECURITY
_MOST_OBJECTS = 3000  # paths looked at for ruled lines; a map or a drawing has more
_MOST_SEGMENTS = 3000
_STRAIGHT = 1.0  # points
# FPDFText_GetLooseCharBox by the address of the box: half the time of a structure each.
_READ_BOX = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
# So for what is drawn, by the addresses of objects: a page of statements has hundreds of them.
_PART_OF = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
_KIND_OF = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
_READ_MATRIX = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
_READ_POINT = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
_MAX_PIXELS = 40_000_000  # of a rendered page; a page may claim to be kilometres wide

_MAX_FONT_NAME = 128  # bytes; of a longer one PDFium writes nothing
_BOLD = re.compile(rb"bold|black|heavy|demi", re.IGNORECASE)

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A box on a page, in PDF points from its lower left corner."""

    left: float
    bottom: float
    right: float
    top: float


@dataclass(frozen=True, slots=True)
class PixelBox:
    """A box in a picture, in pixels from its upper left corner; ends are not part of it."""

    left: int
    top: int
    right: int
    bottom: int


@contextmanager
def _pdfium() -> Iterator[Any]:
    with _PDFIUM_LOCK:
        import pypdfium2

        yield pypdfium2


class PdfFile:
    """An open PDF. Thread-safe; closing it frees PDFium's memory. Use it in a `with`.

    source: a path, or the bytes of a file.
    Raises PasswordNeeded if this one does not open it, CorruptFile if PDFium cannot.
    """

    def __init__(self, source: Path | bytes, *, password: str = "") -> None:
        with _pdfium() as pdfium:
            try:
                self._document = pdfium.PdfDocument(
                    str(source) if isinstance(source, Path) else source,
                    password=password or None,
                )
            except pdfium.PdfiumError as error:
                if error.err_code in _PASSWORD_ERRORS:
                    raise PasswordNeeded(encrypted_reason(password)) from error
                raise CorruptFile(
                    "is damaged and cannot be opened as a PDF; get a fresh copy, or print it to a"
                    " new PDF."
                ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free it. Harmless when repeated."""
        with _PDFIUM_LOCK:
            self._document.close()

    def __len__(self) -> int:
        """The number of pages."""
        with _PDFIUM_LOCK:
            return len(self._document)

    def title(self) -> str:
        """The title that the metadata state, as they state it, or ""."""
        with _PDFIUM_LOCK:
            return str(self._document.get_metadata_value("Title") or "")

    def page_text(self, index: int) -> str:
        """The text of a page as PDFium orders it, unclean; "" if the page is broken."""
        with _pdfium() as pdfium:
            try:
                page = self._document[index]
                try:
                    return str(page.get_textpage().get_text_range())
                finally:
                    page.close()
            except pdfium.PdfiumError:
                return ""

    def page_layout(self, index: int) -> PageLayout:
        """The text of a page and where it stands; nothing if the page is broken."""
        with _pdfium() as pdfium:
            try:
                page = self._document[index]
                try:
                    textpage = page.get_textpage()
                    text = str(textpage.get_text_range())
                    indices = _indices(pdfium.raw, textpage, text)
                    boxes = _character_boxes(pdfium.raw, textpage, indices)
                    bold = frozenset(_bold_lines(pdfium.raw, textpage, text, indices))
                    rules = tuple(_rules(pdfium.raw, page.raw))
                    turns = page.get_rotation() // 90
                finally:
                    page.close()
            except pdfium.PdfiumError:
                return PageLayout("", np.empty((0, 4)), (), np.empty(0, dtype=np.int64))
        return PageLayout(text, boxes, rules, indices, bold).turned(turns)

    def boxes(self, index: int, first: int, count: int) -> list[Rectangle]:
        """Rectangles, one a line, around PDFium's characters first..first+count of a page.

        Counted as in PageLayout.indices.
        """
        with _pdfium():
            page = self._document[index]
            try:
                textpage = page.get_textpage()
                number = textpage.count_rects(first, count)
                return [Rectangle(*textpage.get_rect(i)) for i in range(number)]
            finally:
                page.close()

    def render(
        self, index: int, *, scale: float, boxes: Sequence[Rectangle] = ()
    ) -> tuple[Pixels, list[PixelBox]]:
        """Draw a page: RGB pixels (height, width, 3) uint8, and where the boxes are in them.

        scale: pixels a point (1/72 inch); lowered where the picture would be over 40 million
        pixels.
        """
        with _pdfium():
            page = self._document[index]
            try:
                width, height = page.get_size()
                scale = min(scale, (_MAX_PIXELS / max(1.0, width * height)) ** 0.5)
                bitmap = page.render(scale=scale, rev_byteorder=True, prefer_bgrx=False)
                positions = bitmap.get_posconv(page)
                placed = [
                    _pixel_box(
                        *positions.to_bitmap(box.left, box.top),
                        *positions.to_bitmap(box.right, box.bottom),
                    )
                    for box in boxes
                ]
                pixels: Pixels = bitmap.to_numpy()[:, :, :3].copy()
            finally:
                page.close()
        return pixels, placed


def _indices(raw: Any, textpage: Any, text: str) -> IntArray:
    """PDFium's index of each character of a page's text; -1 where it has none."""
    count = textpage.count_chars()
    if len(text) == count:
        return np.arange(count)
    # There are characters beyond the BMP, or some that PDFium leaves out of its text.
    found, unit = [], 0
    for character in text:
        index = raw.FPDFText_GetCharIndexFromTextIndex(textpage.raw, unit)
        found.append(index if 0 <= index < count else -1)
        unit += 2 if ord(character) > 0xFFFF else 1
    return np.array(found, dtype=np.int64)


def _character_boxes(raw: Any, textpage: Any, indices: IntArray) -> FloatArray:
    """(len(indices), 4) left, bottom, right, top; zeros for a character that is not drawn."""
    rectangles = np.zeros((len(indices), 4), dtype=np.float32)  # FS_RECTF: left top right bottom
    read = ctypes.cast(raw.FPDFText_GetLooseCharBox, _READ_BOX)
    handle = ctypes.cast(textpage.raw, ctypes.c_void_p)
    first, size = rectangles.ctypes.data, rectangles.itemsize * 4
    for place, index in enumerate(indices.tolist()):
        if index >= 0:
            read(handle, index, first + place * size)
    return rectangles[:, [0, 3, 2, 1]].astype(np.float64)


def _bold_lines(raw: Any, textpage: Any, text: str, indices: IntArray) -> Iterator[int]:
    """Where a line begins whose first and last characters are bold, by the name of their font.

    The weight that PDFium tells is of no use: 0 for the standard fonts, else of any scale.
    """
    name, flags = ctypes.create_string_buffer(_MAX_FONT_NAME), ctypes.c_int()

    def is_bold(index: int) -> bool:
        if index < 0:
            return False
        size = raw.FPDFText_GetFontInfo(textpage.raw, index, name, _MAX_FONT_NAME, flags)
        return 0 < size <= _MAX_FONT_NAME and _BOLD.search(name.value) is not None

    for line in LINE.finditer(text):
        first = line.end() - len(line.group().lstrip())
        last = line.start() + len(line.group().rstrip()) - 1
        if first <= last and is_bold(int(indices[first])) and is_bold(int(indices[last])):
            yield line.start()


def _rules(raw: Any, page: Any) -> Iterator[Rule]:
    """The lines along an axis that are drawn on a page, up to a number."""
    left = _MOST_OBJECTS
    handle = ctypes.cast(page, ctypes.c_void_p)
    object_at = ctypes.cast(raw.FPDFPage_GetObject, _PART_OF)
    type_of = ctypes.cast(raw.FPDFPageObj_GetType, _KIND_OF)
    segments = _Segments(raw)
    for number in range(raw.FPDFPage_CountObjects(page)):
        item = object_at(handle, number)
        if type_of(item) != raw.FPDF_PAGEOBJ_PATH:
            continue
        left -= 1
        if left < 0:
            return
        yield from segments.rules_of(item)


class _Segments:
    """Reads the segments of paths, whose addresses it takes."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self._matrix_of = ctypes.cast(raw.FPDFPageObj_GetMatrix, _READ_MATRIX)
        self._count = ctypes.cast(raw.FPDFPath_CountSegments, _KIND_OF)
        self._segment_at = ctypes.cast(raw.FPDFPath_GetPathSegment, _PART_OF)
        self._point_of = ctypes.cast(raw.FPDFPathSegment_GetPoint, _READ_POINT)
        self._kind_of = ctypes.cast(raw.FPDFPathSegment_GetType, _KIND_OF)
        self._closes = ctypes.cast(raw.FPDFPathSegment_GetClose, _KIND_OF)

    def rules_of(self, path: int) -> Iterator[Rule]:
        """The lines along an axis in one path, up to a number of segments."""
        move, line = self._raw.FPDF_SEGMENT_MOVETO, self._raw.FPDF_SEGMENT_LINETO
        matrix, x, y = self._raw.FS_MATRIX(), ctypes.c_float(), ctypes.c_float()
        self._matrix_of(path, ctypes.addressof(matrix))
        a, b, c, d, e, f = matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f
        at_x, at_y = ctypes.addressof(x), ctypes.addressof(y)
        points: list[tuple[float, float]] = []
        for number in range(min(self._count(path), _MOST_SEGMENTS)):
            segment = self._segment_at(path, number)
            self._point_of(segment, at_x, at_y)
            point = (a * x.value + c * y.value + e, b * x.value + d * y.value + f)
            kind = self._kind_of(segment)
            if kind == move:
                points = [point]
                continue
            if kind == line and points:
                yield from _rule_between(points[-1], point)
            points.append(point)
            if self._closes(segment):
                yield from _rule_between(point, points[0])


def _rule_between(one: tuple[float, float], other: tuple[float, float]) -> Iterator[Rule]:
    (x1, y1), (x2, y2) = one, other
    if abs(y1 - y2) <= _STRAIGHT < abs(x1 - x2):
        yield Rule(True, (y1 + y2) / 2, min(x1, x2), max(x1, x2))
    elif abs(x1 - x2) <= _STRAIGHT < abs(y1 - y2):
        yield Rule(False, (x1 + x2) / 2, min(y1, y2), max(y1, y2))


def encrypted_reason(password: str) -> str:
    """Why an encrypted file is left out, without the password that was tried."""
    if password:
        return "is encrypted, and the password that was given does not open it; try another."
    return (
        "is encrypted and needs a password; give it, or save a copy without a password and add"
        " that."
    )


def _pixel_box(x1: int, y1: int, x2: int, y2: int) -> PixelBox:
    return PixelBox(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))
