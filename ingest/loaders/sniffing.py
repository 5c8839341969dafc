"""What kind of file is this? Decided by its first bytes; the name only refines plain text.

Knows nothing of how the kinds are read. A PDF named .txt is a PDF; junk named .txt is refused.
"""

from __future__ import annotations

import re
import zipfile
from enum import Enum
from pathlib import Path, PurePath

from ingest.errors import CorruptFile, EmptyFile, EncryptedFile, UnsupportedFile
from ingest.loaders.encodings import HEAD_BYTES, decode_head, looks_binary


class FileKind(Enum):
    """The families that are read. The value is the media type."""

    PDF = "application/pdf"
    DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
    XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    XLS = "application/vnd.ms-excel"
    ODT = "application/vnd.oasis.opendocument.text"
    ODS = "application/vnd.oasis.opendocument.spreadsheet"
    ODP = "application/vnd.oasis.opendocument.presentation"
    EPUB = "application/epub+zip"
    RTF = "application/rtf"
    EML = "message/rfc822"
    MBOX = "application/mbox"
    MSG = "application/vnd.ms-outlook"
    ZIP = "application/zip"
    PNG = "image/png"
    JPEG = "image/jpeg"
    GIF = "image/gif"
    TIFF = "image/tiff"
    WEBP = "image/webp"
    HTML = "text/html"
    MARKDOWN = "text/markdown"
    CSV = "text/csv"
    JSON = "application/json"
    CALENDAR = "text/calendar"
    CONTACTS = "text/vcard"
    SUBTITLES = "text/vtt"
    TEXT = "text/plain"


_TEXT_KINDS = {
    ".md": FileKind.MARKDOWN,
    ".markdown": FileKind.MARKDOWN,
    ".mdown": FileKind.MARKDOWN,
    ".mkd": FileKind.MARKDOWN,
    ".csv": FileKind.CSV,
    ".tsv": FileKind.CSV,
    ".tab": FileKind.CSV,
    ".json": FileKind.JSON,
    ".jsonl": FileKind.JSON,
    ".ndjson": FileKind.JSON,
}
# Acrobat accepts the header anywhere in the first 1024 bytes (PDF 1.7, implementation note 13).
_PDF_HEADER_WITHIN = 1024
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLE_SCAN_BYTES = 1 << 22
_MAGIC = (
    (b"{\\rtf", FileKind.RTF),
    (b"\x89PNG", FileKind.PNG),
    (b"\xff\xd8\xff", FileKind.JPEG),
    (b"GIF8", FileKind.GIF),
    (b"II*\x00", FileKind.TIFF),
    (b"MM\x00*", FileKind.TIFF),
)
_OPEN_PACKAGES = {
    kind.value: kind for kind in (FileKind.ODT, FileKind.ODS, FileKind.ODP, FileKind.EPUB)
}
# The names of streams in Microsoft's old container, which tell its formats apart.
_OLE_KINDS = (("__properties_version1.0", FileKind.MSG), ("Workbook", FileKind.XLS))
_MAIL_HEADER = re.compile(r"(?:[!-9;-~]{1,80}:[^\n]*\n(?:[ \t][^\n]*\n){0,200}){2,}")
_MAIL_FIELD = re.compile(
    r"^(?:from|to|subject|date|received|mime-version|message-id|return-path|delivered-to):",
    re.IGNORECASE | re.MULTILINE,
)
_MBOX_HEAD = re.compile(r"From \S+ [^\n]*\d\d:\d\d[^\n]*\n(?=[!-9;-~]{1,80}:)")
_REFUSED = (
    (b"%!PS", "is a PostScript file, a kind that is not read; convert it to PDF."),
    (b"\x1f\x8b", "is a compressed archive; unpack it and add the files in it."),
    (b"7z\xbc\xaf", "is a compressed archive; unpack it and add the files in it."),
    (b"Rar!", "is a compressed archive; unpack it and add the files in it."),
    (b"\x7fELF", "is a program, not a document."),
    (b"MZ\x90\x00", "is a program, not a document."),
    (b"SQLite format 3\x00", "is a database, not a document; export its text and add that."),
)
_HTML_HEAD = re.compile(
    r"\s*(?:<\?xml[^>]{0,200}>\s*)?(?:<!--(?:(?!-->).){0,2000}-->\s*)*"
    r"<(?:!doctype\s+html|html|head|body|meta|title|script|table|article|main|div|p|h1)\b",
    re.IGNORECASE | re.DOTALL,
)
_XML_HEAD = re.compile(r"\s*<\?xml\s")
_ANY_TAG = re.compile(r"<(?:html|body|div|p|h[1-6]|table|br|span|a)\b", re.IGNORECASE)


_TEXT_HEADS = (
    (re.compile(r"\s*BEGIN:VCALENDAR\b", re.IGNORECASE), FileKind.CALENDAR),
    (re.compile(r"\s*BEGIN:VCARD\b", re.IGNORECASE), FileKind.CONTACTS),
    (re.compile(r"WEBVTT\b|\s*\d+\s*\n\d+:\d\d:\d\d[.,]\d{3} --> "), FileKind.SUBTITLES),
)


def sniff(path: Path, *, name: str) -> FileKind:
    """The kind of the file at `path`; `name` is what the user calls it.

    Raises UnsupportedFile, EmptyFile, EncryptedFile or CorruptFile with the reason; OSError if
    the file cannot be opened.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not head:
        raise EmptyFile("is empty.")
    if b"%PDF-" in head[:_PDF_HEADER_WITHIN]:
        return FileKind.PDF
    if head.startswith(b"PK\x03\x04"):
        return _sniff_zip(path)
    if head.startswith(_OLE):
        return _sniff_ole(path)
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return FileKind.WEBP
    for magic, reason in _REFUSED:
        if head.startswith(magic):
            raise UnsupportedFile(reason)
    return _sniff_text(head, name)


def _sniff_zip(path: Path) -> FileKind:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            stated = _stated_type(archive)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise CorruptFile(
            "is damaged: it starts like an office file or archive but cannot be unpacked;"
            " get a fresh copy."
        ) from error
    lowered = [name.lower().replace("\\", "/") for name in names]
    if any(name.startswith("word/") for name in lowered):
        return FileKind.DOCX
    if any(name.startswith("ppt/") for name in lowered):
        return FileKind.PPTX
    if any(name.startswith("xl/") for name in lowered):
        return FileKind.XLSX
    if stated in _OPEN_PACKAGES:
        return _OPEN_PACKAGES[stated]
    if "meta-inf/container.xml" in lowered:
        return FileKind.EPUB
    if "content.xml" in lowered and "mimetype" in lowered:
        raise UnsupportedFile(
            f"is an OpenDocument file of a kind that is not read ({stated[:80]}); export it as PDF."
        )
    return FileKind.ZIP


def _stated_type(archive: zipfile.ZipFile) -> str:
    """What an OpenDocument or EPUB package says it is, or ""."""
    if "mimetype" not in archive.namelist():
        return ""
    with archive.open("mimetype") as file:
        return file.read(200).decode("ascii", errors="replace").strip().replace("-template", "")


def _sniff_ole(path: Path) -> FileKind:
    with path.open("rb") as file:
        content = file.read(_OLE_SCAN_BYTES)
    if "EncryptedPackage".encode("utf-16-le") in content:
        raise EncryptedFile(
            "is encrypted and needs a password; save a copy without a password and add that."
        )
    for stream, kind in _OLE_KINDS:
        if stream.encode("utf-16-le") in content:
            return kind
    raise UnsupportedFile(
        "is in an old Microsoft Office format (.doc, .ppt), which is not read; save it as .docx,"
        " .pptx or PDF."
    )


def _sniff_text(head: bytes, name: str) -> FileKind:
    if looks_binary(head):
        raise UnsupportedFile(
            "is neither text nor a kind of document that is read (PDF, office files, HTML, e-mail,"
            " EPUB, pictures, ZIP)."
        )
    text = decode_head(head).lstrip("\ufeff")
    suffix = PurePath(name).suffix.lower()
    for text_head, kind in _TEXT_HEADS:
        if text_head.match(text):
            return kind
    if _MBOX_HEAD.match(text):
        return FileKind.MBOX
    if suffix == ".eml" or _is_mail(text):
        return FileKind.EML
    if suffix not in _TEXT_KINDS and (_HTML_HEAD.match(text) or _XML_HEAD.match(text)):
        return FileKind.HTML
    if suffix in (".html", ".htm", ".xhtml") and _ANY_TAG.search(text):
        return FileKind.HTML
    return _TEXT_KINDS.get(suffix, FileKind.TEXT)


def _is_mail(text: str) -> bool:
    """Whether a text starts with the header of an e-mail."""
    header = _MAIL_HEADER.match(text.replace("\r\n", "\n"))
    return header is not None and len(_MAIL_FIELD.findall(header.group())) >= 3
