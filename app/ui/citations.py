"""The source drawer: the quoted passage inside its page's text, and the page as it looks."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from app.ui.components import draw
from app.ui.escaping import one_line
from app.ui.session import OpenSource, PageState
from ingest.documents import Page
from ingest.errors import DocumentNotFound
from ingest.records import DocumentRecord
from rag.library import Library

# Around a quote: enough to judge it by, little enough to find it in. A text file is one "page"
# of any length, so a page without a quote has a limit too.
CONTEXT_CHARS = 1_500
PAGE_CHARS = 20_000
RENDER_SCALE = 1.6
_SENTENCE_ENDS = (".", "!", "?", ":", "。")
OCR_NOTE = "Read by OCR, which may have misread it."
DRAWER_WIDTH = 560  # frontend/page.css makes as much room beside it


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A quoted span with the text around it: before + quote + after is a span of the page."""

    before: str
    quote: str
    after: str


def excerpt(text: str, start: int, end: int) -> Excerpt:
    """The quote text[start:end] and what stands around it, cut at word boundaries."""
    start, end = max(0, min(start, len(text))), max(0, min(end, len(text)))
    if start >= end:
        cut = text[:PAGE_CHARS]
        return Excerpt(cut + ("…" if len(cut) < len(text) else ""), "", "")
    first, last = max(0, start - CONTEXT_CHARS), min(len(text), end + CONTEXT_CHARS)
    before, after = text[first:start], text[end:last]
    if first > 0:
        before = "…" + before[before.find(" ") + 1 :]
    if last < len(text):
        after = after[: after.rfind(" ") + 1] + "…"
    return Excerpt(before, text[start:end], after)


def unwrapped(text: str) -> str:
    """A page's text with the line ends inside its paragraphs as spaces: as long as before, so
    that offsets stay true.

    A printed line that is about as long as its page's lines go, and does not end a sentence, was
    broken for the paper's width.
    """
    lines = text.split("\n")
    full = 0.6 * max(map(len, lines))
    broken = [len(line) >= full and not line.rstrip().endswith(_SENTENCE_ENDS) for line in lines]
    ends = [
        " " if is_broken and after.strip() else "\n"
        for is_broken, after in zip(broken, lines[1:], strict=False)
    ]
    return "".join(line + end for line, end in zip(lines, [*ends, ""], strict=True))


def source_drawer(library: Library, state: PageState) -> None:
    """Draw the drawer when a source is open."""
    if state.source is None:
        return

    def closed() -> None:
        state.open(None)

    title = "Document" if state.source.marker is None else f"Source {state.source.marker}"

    @st.dialog(title, width=DRAWER_WIDTH, position="right", on_dismiss=closed)
    def show() -> None:
        with st.container(key="source-drawer"):
            _draw_source(library, state)

    show()


def _draw_source(library: Library, state: PageState) -> None:
    source = state.source
    if source is None:
        return
    try:
        record = library.document(source.document_id)
    except DocumentNotFound:
        st.text("This document is no longer in the library.")
        return
    shown = max(0, min(state.page_shown, record.page_count - 1))
    page = library.page(source.document_id, shown)
    cited_here = shown == source.page_index and source.start < source.end
    span = (source.start, source.end) if cited_here else None
    image = _page_image(library, record, page, span)
    _draw_text(record, page, shown, span, tall=image is None)
    if record.page_count > 1:
        _draw_page_buttons(state, source, shown, record.page_count)
    if image is not None:
        place = f"{one_line(record.name)}, page {page.number}"
        marked = " with the quoted passage marked" if span else ""
        st.image(image, width="stretch", alt=f"Image of {place}{marked}")


def _draw_text(
    record: DocumentRecord, page: Page, shown: int, span: tuple[int, int] | None, *, tall: bool
) -> None:
    text = page.text if page.number is None else unwrapped(page.text)
    part = excerpt(text, *(span or (0, 0)))
    data = {
        "name": one_line(record.name),
        "place": place_name(page.number, shown, record.page_count),
        "note": OCR_NOTE if page.read_by_ocr else "",
        "before": part.before or ("" if part.quote else "This page has no text."),
        "quote": part.quote,
        "after": part.after,
        "tall": tall,
    }
    draw("source", data, key="source")


def place_name(number: int | None, index: int, count: int) -> str:
    """`Page 3 of 12`; formats without pages have sections."""
    if number is None:
        return f"Section {index + 1} of {count}" if count > 1 else "Whole text"
    return f"Page {number} of {count}" if number <= count else f"Page {number}"


def _draw_page_buttons(state: PageState, source: OpenSource, shown: int, pages: int) -> None:
    def turn_to(index: int) -> None:
        state.page_shown = index

    with st.container(horizontal=True, vertical_alignment="center", key="page-turner"):
        st.button(
            "Previous",
            icon=":material/chevron_left:",
            disabled=shown == 0,
            on_click=turn_to,
            args=(shown - 1,),
            key="previous-page",
        )
        st.button(
            "Next",
            icon=":material/chevron_right:",
            icon_position="right",
            disabled=shown >= pages - 1,
            on_click=turn_to,
            args=(shown + 1,),
            key="next-page",
        )
        if shown != source.page_index and source.marker is not None:
            st.button(
                "Back to the quote",
                type="tertiary",
                on_click=turn_to,
                args=(source.page_index,),
                key="quoted-page",
            )


def _page_image(
    library: Library, record: DocumentRecord, page: Page, span: tuple[int, int] | None
) -> bytes | None:
    if page.number is None:
        return None
    return library.render_page(record.document_id, page.number, scale=RENDER_SCALE, highlight=span)
