"""A second hop: what the best passages lead to, behind them.

A question that needs two documents often describes only one of them; the words and the meaning of
what that one says find the other. `rag.search` follows documents that are named in full; this asks
the search again, with the question and each of the best passages as one query. Knows no model.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ingest.search_filter import SearchFilter
from rag.results import Hit
from rag.search import Search, without_duplicates

# All gold in top 5, without and with: 2WikiMultiHopQA .866 .927, HotpotQA .897 .949, MuSiQue .330
# .340. Following one passage instead of two, or its best sentence instead of the whole, gains
# less. The first two stay where they are: hit@1 as before; without that MuSiQue gains nothing.
_FOLLOWED = 2
_SHARE = 0.8  # .8 to 1.5 are equal
_DEPTH = 20  # passages taken from each search


class HopSearch:
    """A search that is asked again with what it found. Thread-safe where the search is."""

    def __init__(self, search: Search) -> None:
        self._search = search

    def search(
        self,
        query: str,
        k: int = 10,
        *,
        filter: SearchFilter | None = None,
        cancel: threading.Event | None = None,
    ) -> list[Hit]:
        """The k best passages, best first; see `HybridSearch.search`.

        What only the second hop found has no similarities of its own to the question.
        """
        depth = max(k, _DEPTH)
        found = self._search.search(query, depth, filter=filter, cancel=cancel)
        led = [
            (
                source,
                self._search.search(f"{query} {source.text}", _DEPTH, filter=filter, cancel=cancel),
            )
            for source in found[:_FOLLOWED]
        ]
        return without_duplicates(with_hops(found, led))[:k]

    def knows_language(self, query: str) -> bool:
        """Whether the embedder has words for this query, so that its similarities mean anything."""
        return self._search.knows_language(query)


def with_hops(found: Sequence[Hit], led: Sequence[tuple[Hit, Sequence[Hit]]]) -> list[Hit]:
    """The hits of the question, and those of the second hop behind the passages that led there.

    led: each of the first hits with what the search found by it, best first. Their similarities
    count as a share of the source's, as parts of the best of their list.
    """
    gains: dict[int, tuple[float, Hit]] = {}  # chunk -> what the hop adds, and the source
    hits = {hit.chunk_id: hit for hit in found}
    for source, others in led:
        best = max((hit.similarity for hit in others), default=0.0)
        for hit in others:
            gain = _SHARE * source.similarity * hit.similarity / best if best > 0.0 else 0.0
            if hit.chunk_id != source.chunk_id and gain > gains.get(hit.chunk_id, (0.0, hit))[0]:
                gains[hit.chunk_id] = (gain, source)
            # The similarities that it has are those to another query.
            unknown = replace(hit, similarity=0.0, dense_similarity=None, keyword_similarity=None)
            hits.setdefault(hit.chunk_id, replace(unknown, reason=""))
    first = list(found[: len(led)])
    rest = [_led(hit, gains) for hit in list(hits.values()) if hit not in first]
    rest.sort(key=lambda hit: (-hit.similarity, hit.chunk_id))
    most = min((hit.similarity for hit in first), default=0.0)
    return first + [replace(hit, similarity=min(hit.similarity, most)) for hit in rest]


def _led(hit: Hit, gains: Mapping[int, tuple[float, Hit]]) -> Hit:
    if hit.chunk_id not in gains:
        return hit
    gain, source = gains[hit.chunk_id]
    note = f"led to by a passage of {source.document_name}"
    return replace(
        hit,
        similarity=hit.similarity + gain,
        reason="; ".join(filter(None, (hit.reason, note))),
    )
