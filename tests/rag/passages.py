"""Passages for tests: hits on pages that exist only here."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ingest.documents import Page
from ingest.errors import DocumentNotFound
from ingest.records import DocumentRecord
from ingest.search_filter import SearchFilter
from rag.generator import NOBODY, Caller
from rag.results import Calculation, Hit


def make_hit(
    text: str,
    *,
    document: str = "report.pdf",
    page: int | None = 1,
    start: int = 0,
    chunk_id: int = 1,
    dense: float | None = 0.7,
    heading: str = "",
) -> Hit:
    """A hit whose page begins with `start` dots and then has this text."""
    return Hit(
        chunk_id=chunk_id,
        document_id=f"id-{document}",
        document_name=document,
        document_path=f"/documents/{document}",
        page=page,
        page_index=(page or 1) - 1,
        start=start,
        end=start + len(text),
        text=text,
        heading=heading,
        similarity=1.0,
        dense_similarity=dense,
        keyword_similarity=1.0,
    )


def make_record(name: str, document_id: str = "") -> DocumentRecord:
    """A document of a library. document_id: its name, if none is given."""
    return DocumentRecord(
        document_id=document_id or name,
        name=name,
        path=f"/documents/{name}",
        collection="default",
        sha256="",
        media_type="application/pdf",
        title="",
        byte_size=1,
        page_count=1,
        chunk_count=1,
        added_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def page_text(hit: Hit) -> str:
    """The page that `make_hit` means."""
    return "." * hit.start + hit.text


@dataclass
class FakeSearch:
    """Finds always the same hits; keeps the queries. Its pages are those of the hits."""

    hits: list[Hit]
    known_language: bool = True
    queries: list[str] = field(default_factory=list)
    removed: set[str] = field(default_factory=set)

    def search(
        self,
        query: str,
        k: int,
        *,
        filter: SearchFilter | None = None,
        caller: Caller = NOBODY,
        cancel: threading.Event | None = None,
    ) -> list[Hit]:
        self.queries.append(query)
        return self.hits[:k]

    def knows_language(self, query: str) -> bool:
        return self.known_language

    def page(self, document_id: str, page_index: int) -> Page:
        on_page = [
            hit
            for hit in self.hits
            if (hit.document_id, hit.page_index) == (document_id, page_index)
        ]
        if document_id in self.removed or not on_page:
            raise DocumentNotFound(document_id)
        text = list("." * max(hit.end for hit in on_page))
        for hit in on_page:
            text[hit.start : hit.end] = hit.text
        return Page(on_page[0].page, "".join(text))


def told(found: Calculation | None, pages: Sequence[str]) -> tuple[str, str, list[str]] | None:
    """An answer, its short form and its quotations, which are looked up on the pages."""
    if found is None:
        return None
    for citation in found.citations:
        assert pages[citation.page_index][citation.start : citation.end] == citation.quote
        assert citation.page == citation.page_index + 1
    return found.text, found.short, [citation.quote for citation in found.citations]
