"""Question -> passages: dense and keyword search, fused, near-duplicates collapsed.

Knows the library's store and index, and no language model.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Protocol

import numpy as np

from ingest.allowed_chunks import AllowedChunks
from ingest.keywords import query_terms
from ingest.records import ChunkIds, FloatMatrix, StoredChunk
from ingest.search_filter import SearchFilter
from rag.document_names import DocumentNames
from rag.evidence import Evidence
from rag.extracts import find_extracts
from rag.fusion import DENSE_WEIGHT, Fused, dense_weight_for, follow, fuse, lift
from rag.glossary import Glossary
from rag.late_interaction import token_similarities
from rag.proximity import pair_share
from rag.pseudo_relevance import moved_towards
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
# .3, .4: SQuAD2 paragraphs .794 .811 .819 .820, XQuAD en .958 .964 .962 .960; ClapNQ loses one
# question.
_PAIR_BONUS = 0.3
# A document counts as named when this share of its name, weighted by rarity, is in the question;
# then its passages gain the bonus times that share, and its best are candidates. Without and with,
# HotpotQA all gold in top 5 .679 .744, FinanceBench right document in top 5 .939 .970, right page
# .364 .394. A bonus of .3 or .4 is within a question or two of it.
_NAMED_SHARE = 0.5
_NAME_BONUS = 0.4
# Of so many of the best the sentences are looked at: what a passage's best sentence is worth as an
# answer (rag.extracts.Extract.fit, up to about 2), and how near in meaning it is. A passage of
# many things is far from a question about one of them.
_LOOKED_INTO = 12
_LOOKED_INTO_FOR_A_TOPIC = 20  # which more passages are about
_FIT_BONUS = 0.3
_SENTENCE_BONUS = 0.4
# What it is worth to have the like of all tokens of the question: rag.late_interaction.
_TOKEN_BONUS = 1.5
# Who asks with more terms than the first wants less of a fact, which one sentence has, and more of
# a topic; with as many as the second, a topic only.
_FACT_TERMS = 7
_TOPIC_TERMS = 12
# BM25's k1: a fact is said once, and a passage is about what it says again and again.
_FACT_K1 = 0.4
_TOPIC_K1 = 1.2
# Who asks for a topic has the question's vector moved this far towards so many of the best.
_FEEDBACK_PASSAGES = 3
_FEEDBACK_SHARE = 0.7
_DOCUMENTS_NAMED = 20
# The best passages may name other documents in full; what those say of the question comes up
# behind them. All gold in top 5 without and with: HotpotQA .744 .897, 2WikiMultiHopQA .549 .866,
# MuSiQue .220 .330, and hit@1 stays as it is. Shares of .6 and 1 gain HotpotQA and lose MuSiQue.
_LINKING = 3
_LINK_SHARE = 0.4
_WHOLE_NAME = 0.99
_DOCUMENTS_LINKED = 50
_ADDED = 20  # passages of named and linked documents that become candidates, by meaning


class ChunkStore(Protocol):
    """What is needed of ingest.store.Store."""

    @property
    def embedder(self) -> tuple[str, int] | None:
        """What made the vectors; None in a library that never had any."""
        ...

    def chunks(self, chunk_ids: Iterable[int]) -> list[StoredChunk]:
        """Passages in the order of the ids; those that are gone are left out."""
        ...

    def allowed(self, search_filter: SearchFilter | None) -> AllowedChunks | None:
        """The passages that a filter leaves; None where it leaves all. Raises InvalidFilter."""
        ...

    def search_keywords(
        self, query: str, k: int, *, allowed: AllowedChunks | None = None, k1: float
    ) -> list[tuple[int, float]]:
        """(chunk id, BM25 with this k1), best first."""
        ...

    def vectors(self, chunk_ids: ChunkIds | Sequence[int]) -> tuple[ChunkIds, FloatMatrix]:
        """The vectors of these passages: ids (n,) and rows (n, dim), n without those gone."""
        ...

    @property
    def generation(self) -> int:
        """Goes up with every change of the documents."""
        ...

    def document_names(self) -> list[tuple[str, str]]:
        """(document id, file name) of every document."""
        ...

    def documents_of(self, chunk_ids: Iterable[int]) -> Mapping[int, str]:
        """Passage -> its document's id."""
        ...

    def chunk_ids_of(self, document_ids: Sequence[str]) -> ChunkIds:
        """The ids of the passages of these documents."""
        ...

    def first_chunks(self, document_ids: Sequence[str]) -> Mapping[str, int]:
        """Document -> the id of its first passage."""
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


class Search(Protocol):
    """What finds passages, e.g. HybridSearch, and what is put around it."""

    def search(
        self,
        query: str,
        k: int,
        *,
        filter: SearchFilter | None = None,
        cancel: threading.Event | None = None,
    ) -> list[Hit]:
        """The k best passages, best first; none is worth looking at after `cancel`."""
        ...

    def knows_language(self, query: str) -> bool:
        """Whether dense similarities of this query mean anything."""
        ...


class HybridSearch:
    """Searches one library. Thread-safe.

    synced_index: gives the vector index, caught up with the store; called once a search.
    embedder: gives the embedder; not called while the library is empty. glossary: None takes the
    one of statements of account.
    """

    def __init__(
        self,
        store: ChunkStore,
        synced_index: Callable[[], DenseIndex],
        embedder: Callable[[], CachedEmbedder],
        *,
        glossary: Glossary | None = None,
    ) -> None:
        self._store = store
        self._synced_index = synced_index
        self._embedder = embedder
        self._glossary = glossary or Glossary()
        self._known_names: tuple[int, DocumentNames] | None = None  # with their generation

    def search(
        self,
        query: str,
        k: int = 10,
        *,
        filter: SearchFilter | None = None,
        cancel: threading.Event | None = None,
    ) -> list[Hit]:
        """The k best passages, best first; [] for a blank query or an empty library.

        filter: which documents are looked at; what it leaves out is no candidate of either side.
        Every hit has its dense similarity; the keyword similarity is there where a word matched.
        cancel: set from any thread; the search then ends after its present stage, with nothing.
        Raises InvalidFilter if the filter names a document that is not there.
        """
        cancel = cancel or threading.Event()
        if k < 1 or not query.strip() or self._store.embedder is None:
            return []
        allowed = self._store.allowed(filter)
        if allowed is not None and not len(allowed):
            return []
        fused, notes = self._ranked(query, max(k, _CANDIDATES), allowed, cancel)
        hits: list[Hit] = []
        # Chunks are read in steps: the first step is enough unless there are many duplicates.
        for start in range(0, len(fused), 2 * k):
            hits += self._hits(query, fused[start : start + 2 * k], notes)
            hits = without_duplicates(hits)
            if len(hits) >= k or cancel.is_set():
                break
        return [] if cancel.is_set() else hits[:k]

    def knows_language(self, query: str) -> bool:
        """Whether the embedder has words for this query, so that its similarities mean anything."""
        return self._dense_weight(query) > 0.0

    def _ranked(
        self, query: str, count: int, allowed: AllowedChunks | None, cancel: threading.Event
    ) -> tuple[list[Fused], dict[int, str]]:
        """Every candidate, best first, and what else than words and meaning brought some here."""
        found = self._candidates(query, count, allowed)
        if cancel.is_set():
            return [], {}
        asked = query_terms(query)
        named = self._names().named_in(asked)
        chosen = sorted(
            (document for document, share in named.items() if share >= _NAMED_SHARE),
            key=lambda document: (-named[document], document),
        )
        chosen = self._within(allowed, chosen)
        found.add(self._store.chunk_ids_of(chosen[:_DOCUMENTS_NAMED]))
        feedback = _FEEDBACK_SHARE * (1.0 - _wants_a_fact(query))
        if feedback > 0.0 and found.dense_weight > 0.0:
            nearest = [f.chunk_id for f in found.fused()[:_FEEDBACK_PASSAGES]]
            found.move_towards(nearest, share=feedback)
        fused = found.fused()
        shares = self._named_shares(fused, {document: named[document] for document in chosen})
        bonus = self._bonus(asked, fused, found.dense_weight, shares)
        if cancel.is_set():
            return [], {}
        # What the glossary has words for is in no sentence by the question's own.
        tokens: Mapping[int, float] = {}
        if found.dense_weight > 0.0 and not found.is_widened:
            best = lift(fused, bonus)[: _looked_into(query)]
            sentences, tokens = self._sentence_bonus(query, best, found.dense_weight)
            for chunk_id in sentences:
                bonus[chunk_id] = bonus.get(chunk_id, 0.0) + sentences[chunk_id] + tokens[chunk_id]
        notes = dict.fromkeys(shares, "the question names its document")
        links = self._links(lift(fused, bonus)[:_LINKING], found, allowed)
        notes |= dict.fromkeys(links, "a passage above names its document")
        # It is about the other part of the question: the tokens that its source has, it need not.
        lacking = {
            chunk_id: max(0.0, tokens.get(source, 0.0) - tokens.get(chunk_id, 0.0))
            for chunk_id, source in links.items()
        }
        ranked = lift(found.fused(), bonus)
        return follow(ranked, links, share=_LINK_SHARE, bonus=lacking), notes

    def _named_shares(self, fused: Sequence[Fused], named: Mapping[str, float]) -> dict[int, float]:
        """Candidate -> how much of its document's name is in the question; others are left out."""
        if not named:
            return {}
        owners = self._store.documents_of(f.chunk_id for f in fused)
        return {chunk_id: named[owner] for chunk_id, owner in owners.items() if owner in named}

    def _within(self, allowed: AllowedChunks | None, documents: Sequence[str]) -> list[str]:
        """Those of the documents that the filter leaves, in their order."""
        if allowed is None or not documents:
            return list(documents)
        first = self._store.first_chunks(documents)
        return [document for document in documents if first.get(document, -1) in allowed]

    def _candidates(self, query: str, count: int, allowed: AllowedChunks | None) -> _Candidates:
        """What either side finds."""
        added = self._glossary.added_to(query)
        searched = f"{query} {added}" if added else query
        k1 = _TOPIC_K1 + (_FACT_K1 - _TOPIC_K1) * _wants_a_fact(query)
        keyword = self._store.search_keywords(searched, count, allowed=allowed, k1=k1)
        index = self._synced_index()
        vector = self._embedder().query(query)[np.newaxis, :]  # (1, dim)
        if added:  # halfway between what was asked and what was added
            vector = vector + self._embedder().query(searched)[np.newaxis, :]
            vector /= np.linalg.norm(vector)
        dense = index.search(vector, count, allowed=None if allowed is None else allowed.ids)[0]
        found = _Candidates(
            index,
            self._store.vectors,
            vector,
            dense,
            keyword,
            self._dense_weight(query),
            is_widened=bool(added),
        )
        # A passage that only its words found gets its cosine too, so that a hit can be judged.
        found.add([chunk_id for chunk_id, _ in keyword], len(keyword))
        return found

    def _bonus(
        self,
        asked: Sequence[str],
        fused: Sequence[Fused],
        dense_weight: float,
        named_shares: Mapping[int, float],
    ) -> dict[int, float]:
        """What speaks for a candidate beside its similarities.

        That it has the question's words near each other, and that the question names its document.
        """
        # Where the dense side is blind the keywords' order is all there is, and it stays.
        pair_bonus = _PAIR_BONUS * dense_weight / DENSE_WEIGHT
        bonus = {
            chunk_id: pair_bonus * pair_share(asked, (*context, *passage))
            for chunk_id, (passage, context) in self._store.keyword_terms(
                f.chunk_id for f in fused[:_EXAMINED]
            ).items()
        }
        for chunk_id, share in named_shares.items():
            bonus[chunk_id] = bonus.get(chunk_id, 0.0) + _NAME_BONUS * share
        return bonus

    def _sentence_bonus(
        self, query: str, best: Sequence[Fused], dense_weight: float
    ) -> tuple[dict[int, float], dict[int, float]]:
        """What each of the best candidates gains by its best sentence, and by its tokens."""
        hits = self._hits(query, best, {})
        evidence = Evidence(hits, question=query)
        extracts = find_extracts(query, evidence, embedder=self._embedder())
        fits: dict[int, float] = {}
        nearest: dict[int, float] = {}
        sentences: dict[int, list[str]] = {hit.chunk_id: [] for hit in hits}
        for extract in extracts:
            chunk_id = hits[extract.quote.passage].chunk_id
            fits[chunk_id] = max(fits.get(chunk_id, 0.0), extract.fit)
            nearest[chunk_id] = max(nearest.get(chunk_id, 0.0), extract.similarity or 0.0)
            sentences[chunk_id].append(extract.quote.text)
        tokens = self._token_bonus(query, sentences)
        trust = dense_weight / DENSE_WEIGHT
        fit_bonus = _FIT_BONUS * _wants_a_fact(query)
        by_sentence = {
            hit.chunk_id: trust
            * (
                fit_bonus * fits.get(hit.chunk_id, 0.0)
                + _SENTENCE_BONUS * nearest.get(hit.chunk_id, 0.0)
            )
            for hit in hits
        }
        return by_sentence, {hit.chunk_id: trust * tokens.get(hit.chunk_id, 0.0) for hit in hits}

    def _token_bonus(self, query: str, sentences: Mapping[int, Sequence[str]]) -> dict[int, float]:
        """How much better each passage's sentences have the question's tokens than the worst's."""
        embedder = self._embedder()
        rows = iter(embedder.tokens([text for texts in sentences.values() for text in texts]))
        passages = {
            chunk_id: np.concatenate([next(rows) for _ in texts])
            for chunk_id, texts in sentences.items()
            if texts
        }
        likeness = token_similarities(embedder.query_tokens(query), tuple(passages.values()))
        least = min(likeness, default=0.0)
        return {
            chunk_id: _TOKEN_BONUS * (similarity - least)
            for chunk_id, similarity in zip(passages, likeness, strict=True)
        }

    def _links(
        self, ranked: Sequence[Fused], found: _Candidates, allowed: AllowedChunks | None
    ) -> dict[int, int]:
        """Passage -> the first of these that names its document in full.

        A question that needs two documents often names one of them, which names the other.
        """
        sources = [f.chunk_id for f in ranked]
        terms = self._store.keyword_terms(sources)
        own = self._store.documents_of(sources)
        links: dict[int, int] = {}
        for source in reversed(sources):  # so that the best source is written last
            passage, _ = terms.get(source, ((), ()))
            named = self._names().named_in(passage)
            documents = [d for d, s in named.items() if s >= _WHOLE_NAME and d != own.get(source)]
            documents = self._within(allowed, documents)
            if not documents:
                continue
            linked = self._store.chunk_ids_of(documents[:_DOCUMENTS_LINKED])
            links |= dict.fromkeys(found.add(linked), source)
        return links

    def _names(self) -> DocumentNames:
        """The documents' names, as of now."""
        generation = self._store.generation
        known = self._known_names
        if known is None or known[0] != generation:
            known = (generation, DocumentNames(self._store.document_names()))
            self._known_names = known
        return known[1]

    def _dense_weight(self, query: str) -> float:
        letters = sum(not character.isspace() for character in query)
        return dense_weight_for(letters, self._embedder().count_tokens(query))

    def _hits(self, query: str, fused: Sequence[Fused], notes: Mapping[int, str]) -> list[Hit]:
        # A chunk that was removed since the search began is simply not there.
        chunks = {chunk.chunk_id: chunk for chunk in self._store.chunks(f.chunk_id for f in fused)}
        return [
            _hit(query, f, chunks[f.chunk_id], notes.get(f.chunk_id, ""))
            for f in fused
            if f.chunk_id in chunks
        ]


class _Candidates:
    """The passages that either side found for one query, and those added since.

    is_widened: the glossary had words for what the query asks for.
    """

    def __init__(
        self,
        index: DenseIndex,
        vectors: Callable[[Sequence[int]], tuple[ChunkIds, FloatMatrix]],
        vector: Vectors,
        dense: Sequence[tuple[int, float]],
        keyword: Sequence[tuple[int, float]],
        dense_weight: float,
        *,
        is_widened: bool,
    ) -> None:
        self._index = index
        self._vectors = vectors
        self._vector = vector
        self._moved: Vectors | None = None
        self._dense = dict(dense)
        self._keyword = keyword
        self.dense_weight = dense_weight
        self.is_widened = is_widened
        self._listed = tuple(self._dense)

    def add(self, chunk_ids: Iterable[int], most: int = _ADDED) -> list[int]:
        """Take in those of these passages that are nearest in meaning; their ids, known or new."""
        ids = np.unique(np.fromiter(chunk_ids, dtype=np.int64))
        if not len(ids):
            return []
        nearest = self._index.search(self._vector, min(most, len(ids)), allowed=ids)[0]
        for chunk_id, cosine in nearest:
            self._dense.setdefault(chunk_id, cosine)
        return [chunk_id for chunk_id, _ in nearest]

    def move_towards(self, chunk_ids: Sequence[int], *, share: float) -> None:
        """Rank by a query that was moved towards these passages; see rag.pseudo_relevance."""
        _, best = self._vectors(chunk_ids)
        self._moved = moved_towards(self._vector[0], best, share=share)

    def fused(self) -> list[Fused]:
        """All of them, best first; their dense similarity is that of the query as it was asked."""
        ranking = self._dense if self._moved is None else self._cosines_with(self._moved)
        # What lies below the dense side's own list is worth nothing to it: with the cosines of
        # the passages that only words found as the floor, ClapNQ's hit@1 is .954 instead of .974.
        listed = [ranking[chunk_id] for chunk_id in self._listed if chunk_id in ranking]
        ranked = fuse(
            tuple(ranking.items()),
            self._keyword,
            dense_weight=self.dense_weight,
            dense_floor=min(listed, default=None),
        )
        if self._moved is None:
            return ranked
        return [replace(f, dense_similarity=self._dense.get(f.chunk_id)) for f in ranked]

    def _cosines_with(self, vector: Vectors) -> dict[int, float]:
        ids, rows = self._vectors(tuple(self._dense))
        return dict(zip(ids.tolist(), (rows @ vector).tolist(), strict=True))


def hit_of(chunk: StoredChunk) -> Hit:
    """A passage as a hit that no search has found yet."""
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
        similarity=0.0,
        dense_similarity=None,
        keyword_similarity=None,
        read_by_ocr=chunk.read_by_ocr,
        sections=chunk.sections,
    )


def _wants_a_fact(query: str) -> float:
    """1 for a question of few terms, which one sentence answers, down to 0 for one of a topic."""
    terms = len(content_terms(query))
    return min(1.0, max(0.0, (_TOPIC_TERMS - terms) / (_TOPIC_TERMS - _FACT_TERMS)))


def _looked_into(query: str) -> int:
    """How many of the best passages have their sentences looked at."""
    more = _LOOKED_INTO_FOR_A_TOPIC - _LOOKED_INTO
    return _LOOKED_INTO + round(more * (1.0 - _wants_a_fact(query)))


def _hit(query: str, fused: Fused, chunk: StoredChunk, note: str) -> Hit:
    return replace(
        hit_of(chunk),
        similarity=fused.similarity,
        dense_similarity=fused.dense_similarity,
        keyword_similarity=fused.keyword_similarity,
        reason=_reason(query, fused, chunk, note),
    )


def _reason(query: str, fused: Fused, chunk: StoredChunk, note: str) -> str:
    """Which words of the question are in the passage, how near the meaning is, and the note."""
    there = content_terms(f"{chunk.text}\n{chunk.heading}\n{chunk.document_name}")
    shared = dict.fromkeys(word for term, word in _content_words(query) if term in there)
    parts = []
    if shared:
        named = ", ".join(f"“{word}”" for word in list(shared)[:_WORDS_NAMED])
        more = len(shared) - _WORDS_NAMED
        parts.append(f"has {named}" + (f" and {more} more of the words" if more > 0 else ""))
    if fused.dense_similarity is not None:
        parts.append(f"meaning {fused.dense_similarity:.2f}")
    return "; ".join([*parts, note] if note else parts)


@lru_cache(maxsize=16)  # asked for again with every hit
def _content_words(query: str) -> tuple[tuple[str, str], ...]:
    """(term, word as it is written) of each word of a question that carries meaning."""
    return tuple(
        (word.term, query[word.start : word.end]) for word in words(query) if not word.is_stop_word
    )


def without_duplicates(hits: Sequence[Hit]) -> list[Hit]:
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
