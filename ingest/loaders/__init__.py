"""Files -> Documents: one function, which sniffs the kind and hands over to that kind's loader.

`load` is a pure function of a path, so it can run in a worker process as it is. `unpack` is for
archives that are to become a document for each file in them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ingest.documents import Document
from ingest.errors import CorruptFile, FileTooLarge, IngestError, UnreadableFile
from ingest.loaders.archives import unpack_members
from ingest.loaders.books import load_epub
from ingest.loaders.calendars import load_calendar
from ingest.loaders.contacts import load_contacts
from ingest.loaders.containers import load_eml, load_mbox, load_msg, load_zip
from ingest.loaders.limits import MEGABYTE, RAISE_BYTES, LoadLimits, Reading
from ingest.loaders.ocr import load_picture
from ingest.loaders.office import load_docx
from ingest.loaders.opendocument import load_opendocument
from ingest.loaders.pdf import load_pdf
from ingest.loaders.richtext import load_rtf
from ingest.loaders.slides import load_pptx
from ingest.loaders.sniffing import FileKind, sniff
from ingest.loaders.structured import load_json
from ingest.loaders.subtitles import load_subtitles
from ingest.loaders.tables import load_csv, load_workbook
from ingest.loaders.text import load_text
from ingest.loaders.web import load_web

_MAX_DEPTH = 3  # of archives in archives, mails in mails, PDFs in PDFs

__all__ = ["FileKind", "LoadLimits", "load", "sniff", "unpack"]


def load(
    path: Path,
    *,
    name: str,
    limits: LoadLimits | None = None,
    password: str = "",
    ocr_languages: str = "",
    cores: int = 1,
    alive: Callable[[int], None] = lambda _pages: None,
) -> Document:
    """Read the text of a file, whatever its name says it is.

    name: what the user calls the file; it tells Markdown from plain text and nothing else.
    password: for encrypted files. ocr_languages: of Tesseract; "" for no OCR. cores: how many may
    work on it. alive: called with the number of pages read so far.
    Raises UnreadableFile or a child of it, whose message completes "<name> ..." to a sentence.
    """
    reading = Reading(limits or LoadLimits(), password, ocr_languages, cores, alive)
    return _load(path, name, reading)


def unpack(
    path: Path,
    *,
    name: str,
    target: Path,
    limits: LoadLimits | None = None,
    alive: Callable[[int], None] = lambda _pages: None,
) -> list[str] | None:
    """Write the files in an archive beside `target`; their names, or None for any other file.

    See archives.unpack_members. Raises UnreadableFile or a child of it, as `load` does.
    """
    limits = limits or LoadLimits()
    with _named_failures():
        _check_size(path, limits)
        if sniff(path, name=name) is not FileKind.ZIP:
            return None
        return unpack_members(path, limits, target, alive)


def _load(path: Path, name: str, reading: Reading) -> Document:
    with _named_failures():
        _check_size(path, reading.limits)
        return _load_kind(path, sniff(path, name=name), reading)


def _check_size(path: Path, limits: LoadLimits) -> None:
    size = path.stat().st_size
    if size > limits.max_bytes:
        raise FileTooLarge(
            f"is {size / MEGABYTE:,.0f} MB, more than {limits.max_bytes / MEGABYTE:,.0f} MB; split"
            f" it into smaller files, or {RAISE_BYTES}."
        )


@contextmanager
def _named_failures() -> Iterator[None]:
    """Raises UnreadableFile or a child of it for whatever a parser raises."""
    try:
        yield
    except IngestError:
        raise
    except OSError as error:
        raise UnreadableFile(f"cannot be read: {error.strerror or error}.") from error
    except RecursionError as error:
        raise CorruptFile("is nested too deeply to be read; save it in another format.") from error
    except BaseException as error:  # third-party parsers before hostile bytes: named, never fatal
        # What a parser in Rust panics with is no Exception.
        if not isinstance(error, Exception) and type(error).__module__ != "pyo3_runtime":
            raise
        raise CorruptFile(
            f"cannot be read: its parser failed with {type(error).__name__}; get a fresh copy, or"
            " save it in another format."
        ) from error


def _load_kind(path: Path, kind: FileKind, reading: Reading) -> Document:
    def load_part(part: Path, name: str) -> Document:
        if reading.depth > _MAX_DEPTH:
            raise FileTooLarge("is packed in too many others; unpack it and add the files in it.")
        return _load(part, name, replace(reading, depth=reading.depth + 1))

    match kind:
        case FileKind.PDF:
            return load_pdf(path, reading, load_part)
        case FileKind.DOCX:
            return load_docx(path, reading)
        case FileKind.PPTX:
            return load_pptx(path, reading)
        case FileKind.XLSX | FileKind.XLS | FileKind.ODS:
            return load_workbook(path, kind, reading)
        case FileKind.ODT | FileKind.ODP:
            return load_opendocument(path, kind, reading)
        case FileKind.EPUB:
            return load_epub(path, reading)
        case FileKind.RTF:
            return load_rtf(path, reading)
        case FileKind.EML:
            return load_eml(path, reading, load_part)
        case FileKind.MBOX:
            return load_mbox(path, reading, load_part)
        case FileKind.MSG:
            return load_msg(path, reading, load_part)
        case FileKind.ZIP:
            return load_zip(path, reading, load_part)
        case FileKind.PNG | FileKind.JPEG | FileKind.GIF | FileKind.TIFF | FileKind.WEBP:
            return load_picture(path, kind, reading)
        case FileKind.HTML:
            return load_web(path, reading)
        case FileKind.CSV:
            return load_csv(path, reading)
        case FileKind.JSON:
            return load_json(path, reading)
        case FileKind.CALENDAR:
            return load_calendar(path, reading)
        case FileKind.CONTACTS:
            return load_contacts(path, reading)
        case FileKind.SUBTITLES:
            return load_subtitles(path, reading)
        case FileKind.MARKDOWN | FileKind.TEXT:
            return load_text(path, kind, reading)
