"""Paragraphs of HTML that are bold as a whole, or begin so -> headings. Works on the tree.

Many write "Do you take dogs?" in bold above its answer instead of a heading, in web pages and in
Word. What heads nothing, ends like a sentence or is a label ("Note:") stays as it is.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from enum import Enum, auto
from itertools import takewhile
from typing import TYPE_CHECKING

from ingest.heading_lines import reads_as_heading

if TYPE_CHECKING:
    from lxml.html import HtmlElement

BOLD_HEADING = "h6"  # below other headings
_BOLD_TAGS = frozenset({"b", "strong"})
_INLINE_TAGS = frozenset({"span", "font", "em", "i", "u", "a"})
_BOLD_STYLE = re.compile(r"font-weight\s*:\s*(?:bold|[6-9]00)", re.IGNORECASE)
_NOT_IN = frozenset({"li", "td", "th", "dt", "dd", "blockquote"})
_HEADINGS = frozenset(f"h{level}" for level in range(1, 7))
_MAX_DEPTH = 20
_MOST_RUN_IN_WORDS = 6
_FEWEST_RUN_IN = 2  # side by side: one alone may be a sentence that matters


class _Kind(Enum):
    """What of a paragraph is bold."""

    WHOLE = auto()
    FIRST_LINE = auto()
    RUN_IN = auto()  # the first words, up to a full stop


@dataclass(frozen=True, slots=True)
class _Lead:
    kind: _Kind
    title: str
    bold: tuple[HtmlElement, ...]


def mark_bold_headings(root: HtmlElement) -> None:
    """Make a heading of what is bold at the beginning of a paragraph and heads something."""
    leads = {
        element: lead
        for element in root.iter("p", "div")
        if (lead := _lead(element)) and (parent := element.getparent()) is not None
        if parent.tag not in _NOT_IN
    }
    whole = {element for element, lead in leads.items() if lead.kind is _Kind.WHOLE}
    run_in = Counter(e.getparent() for e, lead in leads.items() if lead.kind is _Kind.RUN_IN)
    for element, lead in leads.items():
        if element in whole:
            below = element.getnext()
            heads = below is not None and below not in whole and below.tag not in _HEADINGS
            if heads or lead.title.endswith("?"):
                element.tag = BOLD_HEADING
        elif lead.kind is _Kind.FIRST_LINE or run_in[element.getparent()] >= _FEWEST_RUN_IN:
            _set_above(element, lead)


def _lead(element: HtmlElement) -> _Lead | None:
    """What a paragraph begins with in bold, if that reads as a heading."""
    if (element.text or "").strip():
        return None
    children = list(element)
    bold = list(takewhile(lambda child: _is_bold(child, 0), children))
    for index, child in enumerate(bold):
        if (child.tail or "").strip():
            del bold[index + 1 :]
            break
    if not bold:
        return None
    title = " ".join("".join("".join(child.itertext()) for child in bold).split())
    tail = (bold[-1].tail or "").lstrip()
    after = children[len(bold) :]
    kind = _kind(title, tail, after)
    title = title.removesuffix(".") if kind is _Kind.RUN_IN else title
    reads = kind is not None and reads_as_heading(title)
    return _Lead(kind, title, tuple(bold)) if kind and reads else None


def _kind(title: str, tail: str, after: list[HtmlElement]) -> _Kind | None:
    if not tail and not after:
        return _Kind.WHOLE
    if not tail and after[0].tag == "br" and len(after) + len((after[0].tail or "").strip()) > 1:
        return _Kind.FIRST_LINE
    is_ended = title.endswith(".") != tail.startswith(".") and tail.strip(". ")
    if is_ended and len(title.split()) <= _MOST_RUN_IN_WORDS:
        return _Kind.RUN_IN
    return None


def _is_bold(element: HtmlElement, depth: int) -> bool:
    """Whether all of an element within a line is bold."""
    if element.tag in _BOLD_TAGS:
        return True
    if element.tag not in _INLINE_TAGS or depth > _MAX_DEPTH:
        return False
    if _BOLD_STYLE.search(element.get("style") or ""):
        return True
    if (element.text or "").strip() or not len(element):
        return False
    return all(_is_bold(each, depth + 1) and not (each.tail or "").strip() for each in element)


def _set_above(paragraph: HtmlElement, lead: _Lead) -> None:
    """Take the bold words out of a paragraph and put them above it, as a heading."""
    heading = paragraph.makeelement(BOLD_HEADING)
    heading.text = lead.title
    paragraph.addprevious(heading)
    paragraph.text = (lead.bold[-1].tail or "").lstrip(". ")
    for child in lead.bold:
        paragraph.remove(child)  # with its tail
    if lead.kind is _Kind.FIRST_LINE:
        line_end = paragraph[0]
        paragraph.text = line_end.tail
        paragraph.remove(line_end)
