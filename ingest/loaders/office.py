"""DOCX -> structured text: headings, paragraphs, lists and tables, by mammoth's reading of styles.

Not through markitdown: its Markdown puts escapes and emphasis marks into quoted text, it drops
every equation of a document if one is of a form it does not know, and importing it takes a second.
Word lays out pages when it shows them, so a DOCX has no pages of its own.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import BinaryIO

from ingest.documents import Document
from ingest.errors import CorruptFile
from ingest.loaders.characters import one_line
from ingest.loaders.equations import equations_as_text
from ingest.loaders.limits import Reading
from ingest.loaders.sniffing import FileKind
from ingest.loaders.tabbed_rows import tabs_as_tables
from ingest.loaders.text import markdown_title, text_document
from ingest.loaders.web import html_to_text
from ingest.loaders.word_margins import margin_lines
from ingest.loaders.zipped import check_unpacked_size

_MAIN_PART = "word/document.xml"
_MARGINS = "# Header and footer"  # or they would seem to belong to the last section
_EQUATION = b":oMath"
_TITLE_TAG = "{http://purl.org/dc/elements/1.1/}title"
_STYLE_MAP = """
p[style-name='Title'] => h1:fresh
p[style-name='Subtitle'] => p:fresh
r[style-name='Hidden'] => !
"""


def load_docx(path: Path, reading: Reading) -> Document:
    """Read a DOCX file. Raises CorruptFile, EmptyFile, FileTooLarge."""
    try:
        with zipfile.ZipFile(path) as archive:
            check_unpacked_size(archive, reading.limits)
            title = _title(archive)
            margins = margin_lines(archive)
            prepared = _with_equations_as_text(path, archive)
        markup = _to_html(prepared)
    except (zipfile.BadZipFile, KeyError, SyntaxError, ValueError, EOFError, OSError) as error:
        raise CorruptFile(
            "is damaged: Word's XML in it cannot be read; open it in Word, save it again and add"
            " that."
        ) from error
    _, text = html_to_text(markup)
    title = title or markdown_title(text)
    body = set(text.splitlines())
    if new := [line for line in margins if line not in body]:
        text = "\n\n".join([text, _MARGINS, *new] if text else new)
    reading.budget().spend(text)
    return text_document(text, title=title, kind=FileKind.DOCX)


def _title(archive: zipfile.ZipFile) -> str:
    from lxml import etree

    try:
        core = archive.read("docProps/core.xml")
        parser = etree.XMLParser(resolve_entities=False, no_network=True)
        return one_line(etree.fromstring(core, parser).findtext(_TITLE_TAG) or "")
    except (KeyError, etree.XMLSyntaxError):
        return ""


def _with_equations_as_text(path: Path, archive: zipfile.ZipFile) -> BinaryIO:
    """The file itself, or a copy in memory where equations have to become text first."""
    if _MAIN_PART not in archive.namelist() or _EQUATION not in archive.read(_MAIN_PART):
        return io.BytesIO(path.read_bytes())
    copy = io.BytesIO()
    with zipfile.ZipFile(copy, "w") as target:
        for entry in archive.infolist():
            data = archive.read(entry)
            target.writestr(
                entry.filename,
                equations_as_text(data) if entry.filename == _MAIN_PART else data,
            )
    copy.seek(0)
    return copy


def _to_html(stream: BinaryIO) -> str:
    import mammoth

    def no_image(_image: object) -> dict[str, str]:
        return {"src": ""}

    result = mammoth.convert_to_html(
        stream,
        style_map=_STYLE_MAP,
        convert_image=mammoth.images.img_element(no_image),
        external_file_access=False,
    )
    markup: str = result.value
    return f"<html><body>{tabs_as_tables(markup)}</body></html>"
