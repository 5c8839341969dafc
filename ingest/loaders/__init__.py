"""Files -> Documents: one function, which sniffs the kind and hands over to that kind's loader.

`load` is a pure function of a path, so it can run in a worker process as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ingest.documents import Document
from ingest.errors import CorruptFile, FileTooLarge, IngestError, UnreadableFile
from ingest.loaders.limits import LoadLimits
from ingest.loaders.office import load_docx
from ingest.loaders.pdf import load_pdf
from ingest.loaders.sniffing import FileKind, sniff
from ingest.loaders.text import load_text
from ingest.loaders.web import load_web

__all__ = ["FileKind", "LoadLimits", "load", "sniff"]


def load(
    path: Path,
    *,
    name: str,
    limits: LoadLimits | None = None,
    password: str = "",
    ocr_languages: str = "",
    alive: Callable[[int], None] = lambda pages: None,
) -> Document:
    """Read the text of a file, whatever its name says it is.

    name: what the user calls the file; it tells Markdown from plain text and nothing else.
    password: for encrypted files. ocr_languages: of Tesseract; "" for no OCR. alive: called with
    the number of pages read so far.
    Raises UnreadableFile or a child of it, whose message completes "<name> ..." to a sentence.
    """
    limits = limits or LoadLimits()
    try:
        size = path.stat().st_size
        if size > limits.max_bytes:
            raise FileTooLarge(
                f"is {size / 1e6:,.0f} MB, more than {limits.max_bytes / 1e6:,.0f} MB; split it"
                " into smaller files, or raise the limit."
            )
        return _load(path, sniff(path, name=name), limits)
    except IngestError:
        raise
    except OSError as error:
        raise UnreadableFile(f"cannot be read: {error.strerror or error}.") from error
    except RecursionError as error:
        raise CorruptFile("is nested too deeply to be read; save it in another format.") from error
    except Exception as error:  # third-party parsers before hostile bytes: named, never fatal
        raise CorruptFile(
            f"cannot be read: its parser failed with {type(error).__name__}; get a fresh copy, or"
            " save it in another format."
        ) from error


def _load(path: Path, kind: FileKind, limits: LoadLimits) -> Document:
    match kind:
        case FileKind.PDF:
            return load_pdf(path, limits)
        case FileKind.DOCX:
            return load_docx(path, limits)
        case FileKind.HTML:
            return load_web(path, limits)
        case FileKind.MARKDOWN | FileKind.TEXT | FileKind.CSV | FileKind.JSON:
            return load_text(path, kind, limits)
