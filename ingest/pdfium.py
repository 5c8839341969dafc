"""The only user of PDFium: opens PDFs, reads the text of a page, finds and draws it.

PDFium keeps global state and must not be entered by two threads at once, so every call is made
under one lock, which is held for a page at a time: a page can be shown while another document is
read. It knows nothing of documents, chunks or cleaning.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ingest.errors import CorruptFile, EncryptedFile

# PDFium is one C library per process: the lock belongs to it, not to any object of ours.
_PDFIUM_LOCK = threading.RLock()
_PASSWORD_ERRORS = frozenset({4, 5})  # FPDF_ERR_PASSWORD, FPDF_ERR_SECURITY
_MAX_PIXELS = 40_000_000  # of a rendered page; a page may claim to be kilometres wide

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
    Raises EncryptedFile if a password is needed, CorruptFile if PDFium cannot open it.
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
                    raise EncryptedFile(encrypted_reason(password)) from error
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

    def page_characters(self, index: int) -> list[str]:
        """The characters of a page by PDFium's own index, which `boxes` takes."""
        with _pdfium() as pdfium:
            page = self._document[index]
            try:
                textpage = page.get_textpage()
                count = textpage.count_chars()
                read = pdfium.raw.FPDFText_GetUnicode
                return [chr(min(read(textpage.raw, i), 0x10FFFF)) for i in range(count)]
            finally:
                page.close()

    def boxes(self, index: int, first: int, count: int) -> list[Rectangle]:
        """Rectangles, one a line, around PDFium's characters first..first+count of a page."""
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


def encrypted_reason(password: str) -> str:
    """Why an encrypted file is left out, without the password that was tried."""
    if password:
        return "is encrypted, and the password that was given does not open it; try another."
    return (
        "is encrypted and needs a password; give it with --password, or save a copy without a"
        " password and add that."
    )


def _pixel_box(x1: int, y1: int, x2: int, y2: int) -> PixelBox:
    return PixelBox(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))
