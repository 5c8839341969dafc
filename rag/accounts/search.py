"""A search that puts the rows of a statement first where they are what a question asks for.

"What was the quick ratio?" shares no word with a balance sheet, and with no sentence about it
either; but which rows it takes is known.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from ingest.records import StoredChunk
from ingest.search_filter import SearchFilter
from rag.accounts.calculation import AccountsReader
from rag.results import Citation, Hit
from rag.search import Search, hit_of

_LOOKED_AT = 10  # hits whose documents are looked at


class AccountsSearch:
    """A search, and the passages with the rows that a question about accounts is answered from.

    chunks: the passages of a document, by its id. Thread-safe where the search is.
    """

    def __init__(
        self,
        search: Search,
        accounts: AccountsReader,
        chunks: Callable[[str], Sequence[StoredChunk]],
    ) -> None:
        self._search = search
        self._accounts = accounts
        self._chunks = chunks

    def search(
        self,
        query: str,
        k: int = 10,
        *,
        filter: SearchFilter | None = None,
        cancel: threading.Event | None = None,
    ) -> list[Hit]:
        """The k best passages, best first; see `HybridSearch.search`."""
        found = self._search.search(query, k, filter=filter, cancel=cancel)
        nearest = [hit.document_id for hit in found[:_LOOKED_AT]]
        answer = self._accounts.answer(query, nearest, filter=filter) if found else None
        if answer is None:
            return found
        first = self._passages(answer.citations, found)
        rest = [hit for hit in found if all(hit.chunk_id != other.chunk_id for other in first)]
        return [*first, *rest][:k]

    def knows_language(self, query: str) -> bool:
        """Whether the embedder has words for this query, so that its similarities mean anything."""
        return self._search.knows_language(query)

    def _passages(self, citations: Sequence[Citation], found: Sequence[Hit]) -> list[Hit]:
        """The passages that have the cited rows, in their order, as good as the best found.

        One that the search did not find has no similarities of its own.
        """
        known = {hit.chunk_id: hit for hit in found}
        best = found[0].similarity
        chunks = self._chunks(citations[0].document_id)  # a calculation is of one document
        cited = (chunk for citation in citations for chunk in chunks if _has(chunk, citation))
        passages: dict[int, Hit] = {}
        for chunk in cited:
            hit = known.get(chunk.chunk_id) or hit_of(chunk)
            reason = "; ".join(filter(None, (hit.reason, "has figures that are asked for")))
            passages[chunk.chunk_id] = replace(hit, similarity=best, reason=reason)
        return list(passages.values())


def _has(chunk: StoredChunk, citation: Citation) -> bool:
    return (
        chunk.page_index == citation.page_index
        and chunk.start <= citation.start
        and citation.end <= chunk.end
    )
