"""RTF -> text by striprtf, table rows as `a | b | c` lines."""

from __future__ import annotations

from pathlib import Path

from ingest.documents import Document
from ingest.errors import CorruptFile
from ingest.loaders.characters import clean_text
from ingest.loaders.limits import Reading
from ingest.loaders.sniffing import FileKind
from ingest.loaders.text import check_text_size, text_document


def load_rtf(path: Path, reading: Reading) -> Document:
    """Read an RTF file. Raises CorruptFile, EmptyFile, FileTooLarge."""
    from striprtf.striprtf import rtf_to_text

    check_text_size(path, reading.limits)
    try:
        # RTF is ASCII; what is not is escaped, with the code page named in the file.
        text = clean_text(rtf_to_text(path.read_bytes().decode("latin-1"), errors="replace"))
    except (ValueError, LookupError, IndexError, TypeError) as error:
        raise CorruptFile("is damaged: its RTF cannot be read; save it as .docx.") from error
    reading.budget().spend(text)
    return text_document(text.strip(), title="", kind=FileKind.RTF)
