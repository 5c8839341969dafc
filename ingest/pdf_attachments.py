"""The files that are attached to a PDF, to it as a whole or to a place on a page.

Everything here calls PDFium, and is called under its lock, by ingest.pdfium.
"""

from __future__ import annotations

import ctypes
import hashlib
from typing import Any

# What the file has in another form, by PDF 2.0, 14.13: the pages say it already.
_SAME_AS_PAGES = frozenset({"Source", "Alternative"})
_DATA_SUFFIX = ".xml"  # of invoices' data and of formulas, which repeat what the pages say
_MOST_ANNOTATIONS = 2000  # of a page
_MOST_NAME_BYTES = 2000

Attachment = tuple[str, bytes]


class AttachedFiles:
    """Names and bytes of the files of one document; each once, be it attached twice."""

    def __init__(self) -> None:
        self._seen: set[bytes] = set()

    def of_document(self, raw: Any, document: Any, number: int) -> list[Attachment]:
        """That of the document as a whole with this number; none if it is no use."""
        return self._read(raw, raw.FPDFDoc_GetAttachment(document, number))

    def of_page(self, raw: Any, page: Any) -> list[Attachment]:
        """Those that are attached to a place on a page."""
        found: list[Attachment] = []
        for number in range(min(raw.FPDFPage_GetAnnotCount(page), _MOST_ANNOTATIONS)):
            annotation = raw.FPDFPage_GetAnnot(page, number)
            if not annotation:
                continue
            if raw.FPDFAnnot_GetSubtype(annotation) == raw.FPDF_ANNOT_FILEATTACHMENT:
                found += self._read(raw, raw.FPDFAnnot_GetFileAttachment(annotation))
            raw.FPDFPage_CloseAnnot(annotation)
        return found

    def _read(self, raw: Any, attachment: Any) -> list[Attachment]:
        """The file of an attachment, unless it says again what the pages do, or was seen."""
        if not attachment:
            return []
        name = _text(raw.FPDFAttachment_GetName, attachment)
        relation = _text(raw.FPDFAttachment_GetAFRelationship, attachment)
        if relation in _SAME_AS_PAGES or name.lower().endswith(_DATA_SUFFIX):
            return []
        data = _bytes(raw, attachment)
        digest = hashlib.sha256(data).digest()
        if digest in self._seen:
            return []
        self._seen.add(digest)
        return [(name, data)]


def _text(function: Any, attachment: Any) -> str:
    """What one of PDFium's functions writes as UTF-16LE, with a final zero; "" if too long."""
    size = function(attachment, None, 0)
    if not 2 < size <= _MOST_NAME_BYTES:
        return ""
    buffer = (ctypes.c_ushort * (size // 2))()
    function(attachment, buffer, size)
    return bytes(buffer)[: size - 2].decode("utf-16-le", errors="replace")


def _bytes(raw: Any, attachment: Any) -> bytes:
    """The content of an attachment; none where it is broken."""
    size = ctypes.c_ulong()
    if not raw.FPDFAttachment_GetFile(attachment, None, 0, size):
        return b""
    buffer = ctypes.create_string_buffer(size.value)
    if not raw.FPDFAttachment_GetFile(attachment, buffer, size.value, size):
        return b""
    return buffer.raw[: size.value]
