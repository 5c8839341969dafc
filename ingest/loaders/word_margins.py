"""What stands above and below every page of a DOCX: its headers and footers, which mammoth skips.

Sections mostly repeat one another's, so each line is given once. A page's number is made by Word
when it shows the page, and is none of the text.
"""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ingest.loaders.characters import clean_text
from ingest.loaders.zipped import parse_xml

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_RELATIONSHIPS = "word/_rels/document.xml.rels"
_KINDS = ("/header", "/footer")
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_PAGE_FIELDS = frozenset({"PAGE", "NUMPAGES", "SECTIONPAGES", "SECTION"})
_WORDS_ABOUT_A_NUMBER = 3  # "Page 3 of 7" is the number's, in any language; longer lines say more


def margin_lines(archive: zipfile.ZipFile) -> list[str]:
    """The lines of the headers, then those of the footers. Raises CorruptFile."""
    names = set(archive.namelist())
    if _RELATIONSHIPS not in names:
        return []
    lines: list[str] = []
    related = list(parse_xml(archive.read(_RELATIONSHIPS)))
    for kind in _KINDS:
        for relation in related:
            part = posixpath.normpath(posixpath.join("word", relation.get("Target") or ""))
            part = part.lstrip("/")
            if (relation.get("Type") or "").endswith(kind) and part in names:
                lines += _lines(parse_xml(archive.read(part)))
    return list(dict.fromkeys(lines))


def _lines(root: Element) -> Iterator[str]:
    for paragraph in root.iter(f"{_W}p"):
        # One of a text box is read by itself, and so is not a part of the one around it.
        line, has_number = _line(paragraph)
        words = [word for word in line.split() if any(map(str.isalpha, word))]
        if line and not (has_number and len(words) < _WORDS_ABOUT_A_NUMBER):
            yield line


def _line(paragraph: Element) -> tuple[str, bool]:
    """Its text without the numbers of pages, and whether it had one."""
    parts: list[str] = []
    has_number = False
    instruction: list[str] = []  # of the field that is open
    depth = 0
    for node in _own(paragraph):
        if node.tag == f"{_W}fldSimple":
            has_number |= _is_of_page(node.get(f"{_W}instr") or "")
        elif node.tag == f"{_W}fldChar":
            kind = node.get(f"{_W}fldCharType")
            depth += (kind == "begin") - (kind == "end")
            if kind == "begin" and depth == 1:
                instruction.clear()
            if depth <= 0:
                depth = 0
                instruction.clear()
        elif node.tag == f"{_W}instrText":
            instruction.append(node.text or "")
            has_number |= _is_of_page("".join(instruction))
        elif node.tag == f"{_W}t":
            if not _is_of_page("".join(instruction)) and not _is_in_page_field(node):
                parts.append(node.text or "")
        elif node.tag in (f"{_W}tab", f"{_W}br", f"{_W}ptab"):
            parts.append(" ")
    return " ".join(clean_text("".join(parts)).split()), has_number


def _own(element: Element) -> Iterator[Element]:
    """What is in an element in order, without paragraphs in it, and without copies for old Word."""
    for child in element:
        if child.tag in (f"{_W}p", _FALLBACK):
            continue
        yield child
        yield from _own(child)


def _is_of_page(instruction: str) -> bool:
    """Whether a field's instruction gives a page's number: `PAGE \\* MERGEFORMAT`."""
    return bool(_PAGE_FIELDS & {word.upper() for word in instruction.split()[:1]})


def _is_in_page_field(node: Element) -> bool:
    return any(_is_of_page(each.get(f"{_W}instr") or "") for each in node.iterancestors())
