"""ODT and ODP -> text: headings, paragraphs, lists, tables, and a page a slide."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.documents import Document, Page
from ingest.errors import CorruptFile, EmptyFile, EncryptedFile
from ingest.loaders.characters import clean_text, one_line
from ingest.loaders.limits import Reading
from ingest.loaders.merged_cells import Merge, spread
from ingest.loaders.sniffing import FileKind
from ingest.loaders.text import markdown_title, text_document
from ingest.loaders.zipped import check_unpacked_size, parse_xml, stated_count

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_DRAW = "{urn:oasis:names:tc:opendocument:xmlns:drawing:1.0}"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_PRESENTATION = "{urn:oasis:names:tc:opendocument:xmlns:presentation:1.0}"
_TITLE = ".//{http://purl.org/dc/elements/1.1/}title"
_NO_TEXT = (f"{_TEXT}tracked-changes", f"{_OFFICE}annotation", f"{_TEXT}sequence-decls")
_MAX_DEPTH = 200
_MAX_REPEATS = 100  # of a cell; sheets repeat an empty one thousands of times
_ENCRYPTED = b"encryption-data"


def load_opendocument(path: Path, kind: FileKind, reading: Reading) -> Document:
    """Read a text or a presentation. Raises CorruptFile, EmptyFile, EncryptedFile, FileTooLarge."""
    try:
        with zipfile.ZipFile(path) as archive:
            check_unpacked_size(archive, reading.limits)
            names = set(archive.namelist())
            if "META-INF/manifest.xml" in names and _ENCRYPTED in archive.read(
                "META-INF/manifest.xml"
            ):
                raise EncryptedFile(
                    "is encrypted and needs a password; save a copy without one and add that."
                )
            content = archive.read("content.xml")
            meta = archive.read("meta.xml") if "meta.xml" in names else b"<none/>"
    except (zipfile.BadZipFile, KeyError, EOFError, NotImplementedError) as error:
        raise CorruptFile("is damaged and cannot be unpacked; get a fresh copy.") from error
    title = one_line(parse_xml(meta).findtext(_TITLE) or "")
    body = parse_xml(content).find(f"{_OFFICE}body")
    if body is None:
        raise CorruptFile("is damaged: it has no content; get a fresh copy.")
    budget = reading.budget()
    if kind is FileKind.ODP:
        pages = []
        for number, slide in enumerate(body.iter(f"{_DRAW}page"), start=1):
            text = _text(slide)
            budget.spend(text)
            pages.append(Page(number, text))
        if not any(page.text for page in pages):
            raise EmptyFile("has no text in it.")
        return Document(title=title, media_type=kind.value, pages=tuple(pages))
    text = _text(body)
    budget.spend(text)
    return text_document(text, title=title or markdown_title(text), kind=kind)


def _text(element: Element) -> str:
    return clean_text("\n\n".join(part for part in _blocks(element, 0) if part.strip())).strip()


def _blocks(element: Element, depth: int) -> Iterator[str]:
    for child in element:
        if not isinstance(child.tag, str) or child.tag in _NO_TEXT:
            continue
        if child.tag == f"{_TEXT}h":
            level = child.get(f"{_TEXT}outline-level") or "1"
            marks = "#" * (min(6, max(1, int(level))) if level.isdecimal() else 1)
            yield f"{marks} {_line(child)}"
        elif child.tag == f"{_TEXT}p":
            yield _line(child)
            yield from _frames(child, depth)
        elif child.tag == f"{_TEXT}list":
            yield "\n".join(_items(child, 0))
        elif child.tag == f"{_TABLE}table":
            yield "\n".join(_rows(child))
        elif child.tag == f"{_PRESENTATION}notes":
            notes = " ".join(" ".join(_blocks(child, depth + 1)).split())
            yield f"Notes: {notes}" if notes else ""
        elif depth < _MAX_DEPTH:
            yield from _blocks(child, depth + 1)


def _frames(paragraph: Element, depth: int) -> Iterator[str]:
    """The text boxes that are anchored in a paragraph; those in a box are its own paragraphs'."""
    if depth < _MAX_DEPTH:
        for child in paragraph:
            if child.tag == f"{_DRAW}text-box":
                yield from _blocks(child, depth + 1)
            else:
                yield from _frames(child, depth + 1)


def _items(parent: Element, level: int) -> Iterator[str]:
    for item in parent:
        for child in item:
            if child.tag in (f"{_TEXT}p", f"{_TEXT}h"):
                yield f"{'  ' * level}- {_line(child)}"
            elif child.tag == f"{_TEXT}list" and level < _MAX_DEPTH:
                yield from _items(child, level + 1)


def _rows(table: Element) -> Iterator[str]:
    rows: list[list[str]] = []
    merges: list[Merge] = []
    for row in table.iter(f"{_TABLE}table-row"):
        cells: list[str] = []
        for cell in row:
            if cell.tag not in (f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
                continue
            repeats = min(_count(cell, "number-columns-repeated"), _MAX_REPEATS)
            height, width = (
                _count(cell, "number-rows-spanned"),
                _count(cell, "number-columns-spanned"),
            )
            if height > 1 or width > 1:
                top, left = len(rows), len(cells)
                merges.append(Merge(top, left, top + height - 1, left + width - 1))
            text = " ".join(" ".join(_line(p) for p in cell.iter(f"{_TEXT}p")).split())
            cells += [text] * repeats
        rows.append(cells)
    spread(rows, merges)
    for row_text in (" | ".join(cells).rstrip(" |") for cells in rows):
        if row_text:
            yield row_text


def _count(cell: Element, name: str) -> int:
    return stated_count(cell, f"{_TABLE}{name}", most_digits=5)


def _line(element: Element) -> str:
    return " ".join("".join(_inline(element)).split())


def _inline(element: Element) -> Iterator[str]:
    yield element.text or ""
    for child in element:
        if child.tag in (f"{_TEXT}s", f"{_TEXT}tab", f"{_TEXT}line-break"):
            yield " "
        elif isinstance(child.tag, str) and child.tag not in (*_NO_TEXT, f"{_DRAW}frame"):
            yield from _inline(child)
        yield child.tail or ""
