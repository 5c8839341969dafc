"""What the rest of the project knows about a document: pages of text and chunks of pages.

Everything here is frozen data. Offsets are Python string indices into `Page.text`, which is the
one text that chunks, citations and the page view all refer to, so that a quoted span can always
be located again: ``chunk.text == page.text[chunk.start:chunk.end]``.
"""

from __future__ import annotations

from dataclasses import dataclass

# Kept with each document: of which version of reading its text is. Raise it by one in every release
# whose loaders, OCR or chunking make something better of the same bytes; files that are added again
# are then read again. Documents of libraries that did not keep it yet have 0.
READING_VERSION = 3


@dataclass(frozen=True, slots=True)
class Heading:
    """A span of a page's text that is a heading. level: 1 is the highest."""

    start: int
    end: int
    level: int


@dataclass(frozen=True, slots=True)
class Page:
    """One page of text, or one section of a format that has no pages.

    number: 1-based page number, None where the format has no pages.
    read_by_ocr: the text was read off a picture and may be misread.
    headings: in order, each of one or more whole lines or the first words of one, where the text
        has no marks for them; they end in the chunks' section paths and are not kept with the page.
    """

    number: int | None
    text: str
    read_by_ocr: bool = False
    headings: tuple[Heading, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """The text of one file as a loader read it.

    title: the document's own title when it states one, else "".
    media_type: the sniffed type, e.g. "application/pdf"; never taken from the file name alone.
    """

    title: str
    media_type: str
    pages: tuple[Page, ...]


@dataclass(frozen=True, slots=True)
class Chunk:
    """A span of one page that is embedded and retrieved as a unit.

    page_index: 0-based index into Document.pages (not the page number).
    start, end: offsets into that page's text; text == page.text[start:end].
    heading: the section path the chunk stands under, outermost first, joined by " > "; "" if none.
        Embedded with the text as context, never quoted as part of it.
    sections: where in the page's text each of its sections begins, and what that stands under, in
        order; the first begins with the chunk.
    """

    page_index: int
    start: int
    end: int
    text: str
    heading: str = ""
    sections: tuple[tuple[int, str], ...] = ()
