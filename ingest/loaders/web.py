"""HTML -> plain text that keeps its structure: headings, paragraphs, lists, tables, code.

Headings become Markdown `#` lines and table rows `a | b | c` lines, which the chunker understands;
inline markup and links are dropped, so that text can be quoted verbatim. Scripts, styles, forms
and hidden parts are left out. Nothing is fetched, nothing is run. Other XML is read in the same
way, each element of it as a paragraph.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.documents import Document
from ingest.errors import CorruptFile, FileTooLarge
from ingest.loaders.bold_headings import mark_bold_headings
from ingest.loaders.characters import clean_text, one_line
from ingest.loaders.encodings import decode
from ingest.loaders.flat_html import flat_text
from ingest.loaders.limits import RAISE_CHARACTERS, Reading
from ingest.loaders.merged_cells import Merge, spread
from ingest.loaders.sniffing import FileKind
from ingest.loaders.text import markdown_title, text_document

if TYPE_CHECKING:
    from lxml.html import HtmlElement

# Markup is several times the text in it; lxml builds a tree of about ten times the bytes.
_MARKUP_PER_TEXT = 4
_MAX_MARKUP_BYTES = 200_000_000
_DROPPED_LIST = """
script style noscript template svg math canvas iframe object embed applet audio video map select
textarea button input datalist head
"""
_BLOCK_LIST = """
address article aside blockquote body center details dialog div dl dt dd fieldset figcaption figure
footer form header hgroup hr html legend main nav ol p section summary ul tbody thead tfoot caption
"""
# In XML that is not HTML, everything else is a block.
_INLINE_LIST = """
a abbr acronym b bdi bdo big cite code data del dfn em font i img ins kbd label mark meter nobr
output picture progress q rp rt ruby s samp small source span strike strong sub sup time track tt u
var wbr
"""
_DROPPED = frozenset(_DROPPED_LIST.split())
_ENDLESS = frozenset({"head", "input", "embed"})  # of those, by rule or by habit
_BLOCKS = frozenset(_BLOCK_LIST.split())
_INLINE = frozenset(_INLINE_LIST.split())
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_XML_DECLARATION = re.compile(r"^\s*<\?xml[^>]{0,200}\?>")
_HTML_TAG = re.compile(r"<(?:html|body|div|p|h1|table)\b", re.IGNORECASE)
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?([A-Za-z0-9_\-]{2,40})", re.I)
_SPACES = re.compile(r"[ \t\r\n\f\v]+")
_BLANK_LINES = re.compile(r"\n{3,}")
_MAX_DEPTH = 200  # elements nested deeper are read as flat text
_MAX_COLUMNS = 1000
_KEPT_SPACE = "\x00"  # stands for a space of code until the others were trimmed; not in clean text
_BREAKING = frozenset({"br", "li", "td", "th", "tr"})  # these part words too


def load_web(path: Path, reading: Reading) -> Document:
    """Read an HTML file. Raises CorruptFile, EmptyFile, FileTooLarge."""
    size = path.stat().st_size
    largest = min(_MAX_MARKUP_BYTES, _MARKUP_PER_TEXT * reading.limits.max_characters)
    if size > largest:
        can_be_raised = f", or {RAISE_CHARACTERS}" if largest < _MAX_MARKUP_BYTES else ""
        raise FileTooLarge(
            f"has {size / 1e6:,.0f} MB of HTML, more than {largest / 1e6:,.0f} MB; split it into"
            f" smaller files{can_be_raised}."
        )
    title, text = html_to_text(decode_html(path.read_bytes()))
    reading.budget().spend(text)
    return text_document(text, title=title or markdown_title(text), kind=FileKind.HTML)


def html_to_text(markup: str) -> tuple[str, str]:
    """Title ("" if none) and structured text of a page. Raises CorruptFile."""
    from lxml import etree, html

    parser = html.HTMLParser(remove_comments=True, remove_pis=True, no_network=True, huge_tree=True)
    # NULs end the C parser's input; lone surrogates cannot be encoded for it.
    markup = clean_text(_XML_DECLARATION.sub("", markup))
    if not markup.strip():
        return "", ""
    try:
        root = html.document_fromstring(markup, parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        raise CorruptFile("is damaged: its HTML cannot be parsed; get a fresh copy.") from error
    renderer = _Renderer(is_html=bool(_HTML_TAG.search(markup)))
    if any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log):
        # Nested deeper than the parser follows, and what it read until then is no more than that.
        return "", flat_text(markup, dropped=_DROPPED - _ENDLESS, is_block=renderer.breaks)
    mark_bold_headings(root)
    title = root.findtext(".//title") or ""
    lines = "".join(renderer.render(root)).split("\n")
    text = _BLANK_LINES.sub("\n\n", "\n".join(line.rstrip() for line in lines)).strip()
    return one_line(title), text.replace(_KEPT_SPACE, " ")


def decode_html(data: bytes) -> str:
    """Text of a page: UTF-8 if it is, else what its head declares, else what it looks like."""
    declared = _META_CHARSET.search(data[:4096])
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        if declared and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
            try:
                return data.decode(declared.group(1).decode("ascii"), errors="replace")
            except LookupError:
                pass
    return decode(data)


class _Renderer:
    """Walks the tree once and yields text."""

    def __init__(self, *, is_html: bool) -> None:
        self._is_html = is_html

    def _is_block(self, tag: str) -> bool:
        return tag in _BLOCKS or not (self._is_html or tag in _INLINE)

    def breaks(self, tag: str) -> bool:
        """Whether an element parts what is before it from what is in it."""
        return self._is_block(tag) or tag in _BREAKING

    def render(self, root: HtmlElement) -> Iterator[str]:
        yield from self._children(root, 0)

    def _children(self, element: HtmlElement, depth: int) -> Iterator[str]:
        if element.text:
            yield _SPACES.sub(" ", element.text)
        items = 0
        for child in element:
            items += child.tag == "li"
            yield from self._element(child, depth + 1, items)
            if child.tail:
                yield _SPACES.sub(" ", child.tail)

    def _element(self, element: HtmlElement, depth: int, item: int) -> Iterator[str]:
        """item: which one of its list it is, from 1, where it is one."""
        tag = element.tag if isinstance(element.tag, str) else ""
        if not tag or tag in _DROPPED or _is_hidden(element):
            return
        if depth > _MAX_DEPTH:
            yield _flat_text(element)
        elif tag in _HEADINGS:
            heading = _flat_text(element)
            yield f"\n\n{'#' * _HEADINGS[tag]} {heading}\n\n" if heading else ""
        elif tag == "table":
            yield from self._table(element, depth)
        elif tag == "pre":
            code = "".join(element.itertext()).replace(" ", _KEPT_SPACE)
            yield f"\n\n{code}\n\n"
        elif tag == "dl":
            yield "\n\n"
            yield from self._definitions(element, depth)
            yield "\n\n"
        elif tag == "br":
            yield "\n"
        elif tag == "li":
            yield f"\n{_item_mark(element, item)} "
            yield from self._stripped(element, depth)
        elif self._is_block(tag):
            yield "\n\n"
            yield from self._stripped(element, depth)
            yield "\n\n"
        else:
            yield from self._children(element, depth)

    def _definitions(self, listed: HtmlElement, depth: int) -> Iterator[str]:
        """Each term and what it means on one line, where each is one; a question heads its answer.

        A pair may be in a div of its own.
        """
        term = ""
        for part in (
            part for child in listed for part in (child if child.tag == "div" else [child])
        ):
            text = "".join(self._element(part, depth + 1, 0)).strip()
            is_pair = part.tag == "dd" and term and text and "\n" not in f"{term}{text}"
            if is_pair and term.endswith("?"):
                yield f"\n\n###### {term}\n\n{text}"
            elif is_pair:
                yield f"\n\n{term}{' ' if term.endswith(':') else ': '}{text}"
            else:
                yield f"\n\n{term}"
                yield f"\n\n{text}" if part.tag != "dt" else ""
            term = text if part.tag == "dt" else ""
            yield f"\n\n{_SPACES.sub(' ', part.tail or '')}\n\n"
        yield f"\n\n{term}"

    def _stripped(self, element: HtmlElement, depth: int) -> Iterator[str]:
        """The children, without the spaces that begin and end each line in the markup."""
        lines = "".join(self._children(element, depth)).split("\n")
        yield "\n".join(line.strip(" ") for line in lines).strip(" ")

    def _table(self, table: HtmlElement, depth: int) -> Iterator[str]:
        if table.find(".//table") is not None:  # for layout: what is in the cells is the text
            yield from self._layout(table, depth)
            return
        yield "\n\n"
        for caption in table.iter("caption"):
            yield _flat_text(caption) + "\n"
        rows = _grid(table)
        used = [any(column) for column in zip_longest(*rows, fillvalue="")]
        for row in rows:
            cells = [cell for cell, is_used in zip(row, used, strict=False) if is_used]
            if any(cells):
                yield " | ".join(cells).rstrip(" |") + "\n"
        yield "\n"

    def _layout(self, table: HtmlElement, depth: int) -> Iterator[str]:
        for part in table:
            if part.tag in ("tbody", "thead", "tfoot", "tr"):
                yield from self._layout(part, depth + 1)
            elif part.tag in ("td", "th", "caption"):
                yield "\n\n"
                yield from self._stripped(part, depth + 1)
                yield "\n\n"


def _grid(table: HtmlElement) -> list[list[str]]:
    """The texts of a table's cells in their columns, with what cells over several of them say."""
    rows: list[list[str]] = []
    merges: list[Merge] = []
    below: dict[int, int] = {}  # column -> rows that a cell from above still takes
    for row in table.iter("tr"):
        cells: list[str] = []
        for cell in row.iterchildren("td", "th"):
            while below.get(len(cells), 0) > 0:
                below[len(cells)] -= 1
                cells.append("")
            column, width = len(cells), _span(cell, "colspan")
            height = _span(cell, "rowspan")
            cells += [_flat_text(cell), *[""] * (width - 1)]
            for covered in range(column, column + width):
                below[covered] = height - 1
            if width > 1 or height > 1:
                top = len(rows)
                merges.append(Merge(top, column, top + height - 1, column + width - 1))
            if len(cells) > _MAX_COLUMNS:
                break
        rows.append(cells)
    spread(rows, merges)
    return rows


def _span(cell: HtmlElement, name: str) -> int:
    stated = (cell.get(name) or "").strip()
    return min(max(int(stated), 1), _MAX_COLUMNS) if stated.isdecimal() and len(stated) < 6 else 1


def _item_mark(element: HtmlElement, item: int) -> str:
    """What stands before the n-th item of a list: its number in a numbered list, else a dash."""
    parent = element.getparent()
    if parent is None or parent.tag != "ol":
        return "-"
    start = (parent.get("start") or "1").strip()
    first = int(start) if start.isdecimal() and len(start) < 6 else 1
    return f"{first + item - 1}."


def _flat_text(element: HtmlElement) -> str:
    """All text of an element on one line."""
    parts: list[str] = []
    for node in element.iter():
        dropped = node.tag in _DROPPED
        if node.text and not dropped:
            parts.append(node.text)
        if node is not element:
            if node.tag in _BLOCKS or node.tag in _BREAKING:
                parts.append(" ")
            if node.tail:
                parts.append(node.tail)
    return _SPACES.sub(" ", "".join(parts)).strip()


def _is_hidden(element: HtmlElement) -> bool:
    style = element.get("style") or ""
    return (
        element.get("hidden") is not None
        or element.get("aria-hidden") == "true"
        or "display:none" in style.replace(" ", "").lower()
    )
