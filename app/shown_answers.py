"""An answer as the command line shows it to people: its text, then its citations, one a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.terminal import Terminal, one_line

if TYPE_CHECKING:
    from rag.results import Answer, Citation, Hit
    from rag.summary import Summary


def print_answer(terminal: Terminal, answer: Answer | Summary) -> None:
    """The text, and where each of its claims stands."""
    terminal.say(answer.text)
    if answer.citations:
        terminal.say()
    for citation in answer.citations:
        terminal.say(one_line(f"[{citation.marker}] {place_of(citation)}: “{citation.quote}”"))


def place_of(found: Citation | Hit) -> str:
    """The document and, where it has pages, the page."""
    page = "" if found.page is None else f", page {found.page}"
    return f"{found.document_name}{page}{', read by OCR' if found.read_by_ocr else ''}"
