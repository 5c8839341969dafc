"""The only user of PDFium: opens PDFs, reads the text of a page, finds and draws it.

PDFium keeps global state and must not be entered by two threads at once, so every call is made
under one lock, which is held for a page at a time: a page can be shown while another document is
read. It knows nothing of documents, chunks or cleaning.
"""

from __future__ import annotations

import ctypes
import logging
import re
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ingest.errors import CorruptFile, PasswordNeeded
from ingest.form_boxes import TickBox, boxes_of, with_marks
from ingest.form_values import values_in_place
from ingest.page_layout import LINE, FloatArray, IntArray, PageLayout, Rule
from ingest.pdf_attachments import AttachedFiles, Attachment

# PDFium is one C library per process: the lock belongs to it, not to any object of ours.
_PDFIUM_LOCK = threading.RLock()
_PASSWORD_ERRORS = frozenset({4, 5})  # FPDF_ERR_PASSWORD, FPDF_ERR_SECURITY
_MOST_PATHS = 3000  # looked at for ruled lines; a map or a drawing has more
_MOST_SEGMENTS = 3000  # of a path
_MOST_SEGMENTS_OF_PAGE = 100_000
_STRAIGHT = 1.0  # points
# FPDFText_GetLooseCharBox by the address of the box: half the time of a structure each. Each call
# takes less than giving Python's lock away and taking it back would, which PYFUNCTYPE leaves out.
_READ_BOX = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
# So for what is drawn, by the addresses of objects: a page of statements has hundreds of them.
_PART_OF = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
_KIND_OF = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
_READ_MATRIX = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
_READ_POINT = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
_MOST_PIXELS = 40_000_000  # of a rendered page; a page may claim to be kilometres wide

_MAX_FONT_NAME = 128  # bytes; of a longer one PDFium writes nothing
_BOLD = re.compile(rb"bold|black|heavy|demi", re.IGNORECASE)

Pixels = npt.NDArray[np.uint8]
BoolArray = npt.NDArray[np.bool_]


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

    source: a path, or the bytes of a file. path: None for bytes.
    Raises PasswordNeeded if this one does not open it, CorruptFile if PDFium cannot.
    """

    def __init__(self, source: Path | bytes, *, password: str = "") -> None:
        self.path = source if isinstance(source, Path) else None
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
            self._is_form = _prepare_form(pdfium, self._document)
        self._filled_in: dict[int, str] = {}  # pages that were, with their text before
        self._tick_boxes: dict[int, list[TickBox]] = {}  # of those pages
        self._attached = AttachedFiles()
        self._attached_to_pages: dict[int, list[Attachment]] = {}  # of the pages loaded so far

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

    def attachments(self) -> Iterator[Attachment]:
        """Name and bytes of each file in the document, and of those on pages that were loaded.

        Only files that may say more than the pages do; b"" for one that is broken.
        """
        with _PDFIUM_LOCK:
            count = self._document.count_attachments()
        for number in range(count):
            with _pdfium() as pdfium:
                found = self._attached.of_document(pdfium.raw, self._document, number)
            yield from found
        for attachments in self._attached_to_pages.values():
            yield from attachments

    def find_attachments(self, index: int) -> bool:
        """Whether files are attached to a place on a page, which `attachments` then gives."""
        with _pdfium() as pdfium:
            if index not in self._attached_to_pages:
                with suppress(pdfium.PdfiumError):  # a broken page
                    self._page(pdfium.raw, index).close()
            return bool(self._attached_to_pages.get(index))

    def page_layout(self, index: int) -> PageLayout:
        """The text of a page and where it stands; nothing if the page is broken."""
        with _pdfium() as pdfium:
            try:
                page = self._page(pdfium.raw, index)
                try:
                    textpage = page.get_textpage()
                    text = str(textpage.get_text_range())
                    indices = _indices(pdfium.raw, textpage, text)
                    boxes = _character_boxes(pdfium.raw, textpage, indices)
                    bold = frozenset(_bold_lines(pdfium.raw, textpage, text, indices))
                    rules = _rules(pdfium.raw, page.raw)
                    turns = page.get_rotation() // 90
                finally:
                    page.close()
            except pdfium.PdfiumError:
                return PageLayout("", np.empty((0, 4)), (), np.empty(0, dtype=np.int64))
        layout = PageLayout(text, boxes, rules, indices, bold)
        own, ticks = self._filled_in.get(index, ""), self._tick_boxes.get(index, ())
        if own and text.startswith(own) and (ticks or len(own) < len(text)):
            layout, marks = with_marks(layout, len(own), ticks)
            return values_in_place(layout.turned(turns), len(own), marks)
        return layout.turned(turns)

    def boxes(self, index: int, first: int, count: int) -> list[Rectangle]:
        """Rectangles, one a line, around PDFium's characters first..first+count of a page.

        Counted as in PageLayout.indices.
        """
        with _pdfium() as pdfium:
            page = self._page(pdfium.raw, index)
            try:
                textpage = page.get_textpage()
                number = textpage.count_rects(first, count)
                return [Rectangle(*textpage.get_rect(i)) for i in range(number)]
            finally:
                page.close()

    def render(
        self,
        index: int,
        *,
        scale: float,
        most_pixels: int = _MOST_PIXELS,
        boxes: Sequence[Rectangle] = (),
    ) -> tuple[Pixels, list[PixelBox]]:
        """Draw a page: RGB pixels (height, width, 3) uint8, and where the boxes are in them.

        scale: pixels a point (1/72 inch); lowered where the picture would have over `most_pixels`.
        """
        with _pdfium() as pdfium:
            page = self._page(pdfium.raw, index)
            try:
                width, height = page.get_size()
                scale = min(scale, (most_pixels / max(1.0, width * height)) ** 0.5)
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

    def _page(self, raw: Any, index: int) -> Any:
        """A page, to be closed. A form's has the values of its fields drawn into it, for good.

        Whatever counts characters must load pages here: they count the values too.
        """
        page = self._document[index]
        if index not in self._attached_to_pages:  # drawing a form's values takes them off
            self._attached_to_pages[index] = self._attached.of_page(raw, page)
        if not self._is_form or index in self._filled_in:
            return page
        own = str(page.get_textpage().get_text_range())
        self._filled_in[index] = own
        # A page without text of its own is a scan: OCR reads the labels with the values, where
        # the values alone would pass for the whole text.
        if own.strip():
            self._tick_boxes[index] = boxes_of(raw, self._document.formenv, page)
            with suppress(RuntimeError):  # PDFium's errors are RuntimeErrors: values stay unread
                page.flatten()
        page.close()
        return self._document[index]


def _prepare_form(pdfium: Any, document: Any) -> bool:
    """Whether a document is a form; makes what its fields lack to be drawn, before any page is.

    The values of fields are no part of a page's text until they are drawn into it.
    """
    raw = pdfium.raw
    if raw.FPDF_GetFormType(document) == raw.FORMTYPE_NONE:
        return False
    # It warns of each XFA form, which is read by the plain fields that it has as well.
    logging.getLogger("pypdfium2").setLevel(logging.ERROR)
    try:
        document.init_forms()
    except pdfium.PdfiumError:
        return False
    return True


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
    places = np.flatnonzero(indices >= 0)
    addresses = _addresses(rectangles)[places].tolist()
    _for_each(read, repeat(handle), indices[places].tolist(), addresses)
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


def _rules(raw: Any, page: Any) -> list[Rule]:
    """The lines along an axis that are drawn on a page, up to a number."""
    handle = ctypes.cast(page, ctypes.c_void_p)
    object_at = ctypes.cast(raw.FPDFPage_GetObject, _PART_OF)
    type_of = ctypes.cast(raw.FPDFPageObj_GetType, _KIND_OF)
    items = list(map(object_at, repeat(handle), range(raw.FPDFPage_CountObjects(page))))
    kinds = map(type_of, items)
    paths = [i for i, kind in zip(items, kinds, strict=True) if kind == raw.FPDF_PAGEOBJ_PATH]
    return _rules_between(_segments(raw, paths[:_MOST_PATHS])) if paths else []


@dataclass(frozen=True, slots=True)
class _Segments:
    """The segments of paths, one after the other, each to where the last one of its path ended.

    ends: (n, 2) x and y of where each ends, on the page. begins: (n,) which segment ends where its
    part of the path begins. follows: (n,) whether it comes from the one before it. is_line,
    closes: (n,) whether it is straight, and whether its part is closed behind it.
    """

    ends: FloatArray
    begins: IntArray
    follows: BoolArray
    is_line: BoolArray
    closes: BoolArray


def _segments(raw: Any, paths: Sequence[int]) -> _Segments:
    """The segments of paths, given by their addresses, up to a number of segments."""
    count_of = ctypes.cast(raw.FPDFPath_CountSegments, _KIND_OF)
    segment_at = ctypes.cast(raw.FPDFPath_GetPathSegment, _PART_OF)
    segments: list[int] = []
    path_of: list[int] = []
    for number, path in enumerate(paths):
        count = min(count_of(path), _MOST_SEGMENTS)
        if len(segments) + count > _MOST_SEGMENTS_OF_PAGE:
            break
        segments += map(segment_at, repeat(path), range(count))
        path_of += [number] * count

    matrices = np.zeros((len(paths), 6), dtype=np.float32)
    read_matrix = ctypes.cast(raw.FPDFPageObj_GetMatrix, _READ_MATRIX)
    _for_each(read_matrix, paths, _addresses(matrices).tolist())
    points = np.zeros((len(segments), 2), dtype=np.float32)
    read_point = ctypes.cast(raw.FPDFPathSegment_GetPoint, _READ_POINT)
    x_at, y_at = _addresses(points), _addresses(points[:, 1:])
    _for_each(read_point, segments, x_at.tolist(), y_at.tolist())
    kinds = np.fromiter(map(ctypes.cast(raw.FPDFPathSegment_GetType, _KIND_OF), segments), np.int64)
    closes = np.fromiter(
        map(ctypes.cast(raw.FPDFPathSegment_GetClose, _KIND_OF), segments), np.int64
    )

    a, b, c, d, e, f = matrices[path_of].astype(np.float64).T
    x, y = points.astype(np.float64).T
    is_first = np.diff(path_of, prepend=-1) != 0
    moves = kinds == raw.FPDF_SEGMENT_MOVETO
    numbers = np.arange(len(segments))
    return _Segments(
        ends=np.stack((a * x + c * y + e, b * x + d * y + f), axis=1),
        begins=np.maximum.accumulate(np.where(is_first | moves, numbers, 0)),
        follows=~is_first,
        is_line=kinds == raw.FPDF_SEGMENT_LINETO,
        closes=(closes != 0) & ~moves,
    )


def _rules_between(segments: _Segments) -> list[Rule]:
    """Straight segments, and what closes a part of a path, as far as they run along an axis."""
    ends = segments.ends
    drawn = np.flatnonzero(segments.is_line & segments.follows)
    closing = np.flatnonzero(segments.closes)
    one = ends[np.concatenate((drawn - 1, closing))]
    other = ends[np.concatenate((drawn, segments.begins[closing]))]
    low, high = np.minimum(one, other), np.maximum(one, other)
    across, down = (high - low).T
    middle = (one + other) / 2
    found: list[Rule] = []
    for is_horizontal, straight in (
        (True, (down <= _STRAIGHT) & (across > _STRAIGHT)),
        (False, (across <= _STRAIGHT) & (down > _STRAIGHT)),
    ):
        along, place = (0, 1) if is_horizontal else (1, 0)
        columns = (middle[straight, place], low[straight, along], high[straight, along])
        found += map(Rule, repeat(is_horizontal), *(column.tolist() for column in columns))
    return found


def _addresses(rows: npt.NDArray[np.float32]) -> IntArray:
    """(len(rows),): of each row of an array."""
    first: int = rows.ctypes.data
    return first + np.arange(len(rows)) * rows.strides[0]


def _for_each(function: Callable[..., object], *arguments: Iterable[object]) -> None:
    """Call a C function with each of the arguments, without a line of Python in between."""
    deque(map(function, *arguments), maxlen=0)


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
