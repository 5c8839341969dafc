"""Question -> passages: dense and keyword search, fused, near-duplicates collapsed.

Knows the library's store and index, and no language model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

import numpy as np

from ingest.keywords import query_terms
from ingest.records import ChunkIds, StoredChunk
from rag.fusion import Fused, dense_weight_for, fuse, lift
from rag.proximity import pair_share
from rag.results import Hit
from rag.terms import content_terms, words
from rag.vectors import CachedEmbedder, Vectors

# Taken from each side before fusion. Deep enough that a passage which is good on both sides is in
# both lists; 100 is what the fusion literature uses.
_CANDIDATES = 100
# Passages whose terms overlap this much (Jaccard) say the same: a copy of a document, a footer.
_DUPLICATE_OVERLAP = 0.9
_WORDS_NAMED = 4
# Candidates that are looked at more closely: whether they have the question's words together.
_EXAMINED = 50
# What having all of them together is worth beside a fused similarity of at most 1. hit@1 at 0, .2,
# .3, .4: SQuAD2 paragraphs .794 .811 .817 .820, XQuAD en .958 .964 .964 .960, ClapNQ .974 at all.
_PAIR_BONUS = 0.3


class ChunkStore(Protocol):
    """What is needed of ingest.store.Store."""

    @property
    def embedder(self) -> tuple[str, int] | None:
        """What made the vectors; None in a library that never had any."""
        ...

    def chunks(self, chunk_ids: Iterable[int]) -> list[StoredChunk]:
        """Passages in the order of the ids; those that are gone are left out."""
        ...

    def chunk_ids(self, collection: str | None = None) -> ChunkIds:
        """The ids of all passages of a collection."""
        ...

    def search_keywords(
        self, query: str, k: int, *, collection: str | None = None
    ) -> list[tuple[int, float]]:
        """(chunk id, BM25), best first."""
        ...

    def keyword_terms(
        self, chunk_ids: Iterable[int]
    ) -> Mapping[int, tuple[Sequence[str], Sequence[str]]]:
        """Passage -> its terms in order, and those of its surroundings."""
        ...


class DenseIndex(Protocol):
    """What is needed of ingest.vector_index.VectorIndex."""

    def search(
        self, queries: Vectors, k: int, *, allowed: ChunkIds | Sequence[int] | None = None
    ) -> list[list[tuple[int, float]]]:
        """(chunk id, cosine) for each query, best first."""
        ...


class HybridSearch:
    """Searches one library. Thread-safe.

    synced_index: gives the vector index, caught up with the store; called once a search.
    embedder: gives the embedder; not called while the library is empty.
    """

    def __init__(
        self,
        store: ChunkStore,
        synced_index: Callable[[], DenseIndex],
        embedder: Callable[[], CachedEmbedder],
    ) -> None:
        self._store = store
        self._synced_index = synced_index
        self._embedder = embedder

    def search(self, query: str, k: int = 10, *, collection: str | None = None) -> list[Hit]:
        """The k best passages, best first; [] for a blank query or an empty library.

        Every hit has its dense similarity; the keyword similarity is there where a word matched.
        """
        if k < 1 or not query.strip() or self._store.embedder is None:
            return []
        fused = self._ranked(query, max(k, _CANDIDATES), collection)
        hits: list[Hit] = []
        # Chunks are read in steps: the first step is enough unless there are many duplicates.
        for start in range(0, len(fused), 2 * k):
            hits += self._hits(query, fused[start : start + 2 * k])
            hits = _without_duplicates(hits)
            if len(hits) >= k:
                break
        return hits[:k]

    def knows_language(self, query: str) -> bool:
        """Whether the embedder has words for this query, so that its similarities mean anything."""
        return self._dense_weight(query) > 0.0

    def _ranked(self, query: str, count: int, collection: str | None) -> list[Fused]:
        """Every candidate, best first."""
        keyword = self._store.search_keywords(query, count, collection=collection)
        index = self._synced_index()
        allowed = None if collection is None else self._store.chunk_ids(collection)
        vector = self._embedder().query(query)[np.newaxis, :]  # (1, dim)
        dense = index.search(vector, count, allowed=allowed)[0]
        # What lies below the dense side's own list is worth nothing to it: with the cosines of
        # the passages that only words found as the floor, ClapNQ's hit@1 is .954 instead of .974.
        floor = min((cosine for _, cosine in dense), default=None)
        # A passage that only its words found gets its cosine too, so that a hit can be judged.
        unseen = sorted({chunk_id for chunk_id, _ in keyword} - {chunk_id for chunk_id, _ in dense})
        if unseen:
            dense += index.search(vector, len(unseen), allowed=unseen)[0]
        fused = fuse(dense, keyword, dense_weight=self._dense_weight(query), dense_floor=floor)
        return lift(fused, self._together(query, fused[:_EXAMINED]))

    def _together(self, query: str, fused: Sequence[Fused]) -> dict[int, float]:
        """What each candidate gains by having the question's words near each other."""
        asked = query_terms(query)
        rows = self._store.keyword_terms(f.chunk_id for f in fused)
        return {
            chunk_id: _PAIR_BONUS * pair_share(asked, (*context, *passage))
            for chunk_id, (passage, context) in rows.items()
        }

    def _dense_weight(self, query: str) -> float:
        letters = sum(not character.isspace() for character in query)
        return dense_weight_for(letters, self._embedder().count_tokens(query))

    def _hits(self, query: str, fused: Sequence[Fused]) -> list[Hit]:
        # A chunk that was removed since the search began is simply not there.
        chunks = {chunk.chunk_id: chunk for chunk in self._store.chunks(f.chunk_id for f in fused)}
        return [_hit(query, f, chunks[f.chunk_id]) for f in fused if f.chunk_id in chunks]


def _hit(query: str, fused: Fused, chunk: StoredChunk) -> Hit:
    return Hit(
        chunk_id=chunk.chunk_id,
        document_id=chunk.document_id,
        document_name=chunk.document_name,
        document_path=chunk.document_path,
        page=chunk.page_number,
        page_index=chunk.page_index,
        start=chunk.start,
        end=chunk.end,
        text=chunk.text,
        heading=chunk.heading,
        similarity=fused.similarity,
        dense_similarity=fused.dense_similarity,
        keyword_similarity=fused.keyword_similarity,
        reason=_reason(query, fused, chunk),
    )


def _reason(query: str, fused: Fused, chunk: StoredChunk) -> str:
    """Which words of the question are in the passage, and how near the meaning is."""
    there = content_terms(f"{chunk.text}\n{chunk.heading}\n{chunk.document_name}")
    shared = dict.fromkeys(
        query[word.start : word.end]
        for word in words(query)
        if not word.is_stop_word and word.term in there
    )
    parts = []
    if shared:
        named = ", ".join(f"“{word}”" for word in list(shared)[:_WORDS_NAMED])
        more = len(shared) - _WORDS_NAMED
        parts.append(f"has {named}" + (f" and {more} more of the words" if more > 0 else ""))
    if fused.dense_similarity is not None:
        parts.append(f"meaning {fused.dense_similarity:.2f}")
    return "; ".join(parts)


def _without_duplicates(hits: Sequence[Hit]) -> list[Hit]:
    """Hits in order, less those that say nearly the same as an earlier one."""
    kept: list[tuple[Hit, frozenset[str]]] = []
    for hit in hits:
        terms = content_terms(hit.text)
        if not any(_overlap(terms, other) >= _DUPLICATE_OVERLAP for _, other in kept):
            kept.append((hit, terms))
    return [hit for hit, _ in kept]


def _overlap(one: frozenset[str], other: frozenset[str]) -> float:
    union = len(one | other)
    return len(one & other) / union if union else 0.0
