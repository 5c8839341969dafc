"""How well and how fast a library's search finds what is relevant, beside its two sides alone.

Knows store, index and search, and no language model. Texts are embedded once into a library folder
of their own, which is taken up again while the set and the embedder are the same.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePath
from statistics import mean, median
from typing import Protocol

import numpy as np

from ingest.chunking import MAX_TOKENS, chunk_document, passage_text
from ingest.documents import Document, Page
from ingest.embedding_model import TextKind
from ingest.records import NewDocument
from ingest.store import Store
from ingest.vector_index import VectorIndex
from rag.accounts.calculation import AccountsReader
from rag.assembled_search import assembled_search
from rag.fusion import fuse
from rag.reranking import Reranker, RerankingSearch
from rag.retrieval_sets import Entry, RetrievalQuery, RetrievalSet, RetrievalSetError, page_key
from rag.vectors import CachedEmbedder, Vectors

SYSTEMS = ("product", "dense", "bm25", "sum")
RERANKED = "reranked"  # the product's candidates in the reranker's order
_DEPTH = 100  # passages taken from a system before they are counted as entries
_ENTRIES_A_STEP = 256
_DOCUMENTS_SEPARATOR = "#"
_BOOTSTRAP_SAMPLES = 10_000
_SEED = 20261


class IdentifiedEmbedder(Protocol):
    """What is needed of ingest.embedding.SentenceEmbedder."""

    @property
    def identity(self) -> str: ...

    @property
    def dimensions(self) -> int: ...

    def embed_passages(self, texts: Sequence[str]) -> Vectors: ...

    def embed_queries(self, texts: Sequence[str]) -> Vectors: ...

    def embed_tokens(
        self, texts: Sequence[str], kind: TextKind
    ) -> tuple[Vectors, list[Vectors]]: ...

    def count_tokens(self, text: str) -> int: ...


@dataclass(frozen=True, slots=True)
class SystemFigures:
    """What one system reached on one set.

    values: measure -> one value in [0, 1] a query, in the set's order.
    p50_milliseconds: median of a search, the embedding of the query not counted.
    """

    system: str
    values: Mapping[str, tuple[float, ...]]
    p50_milliseconds: float

    def figure(self, measure: str) -> float:
        """The mean over the queries; 0 of none."""
        values = self.values[measure]
        return mean(values) if values else 0.0


@dataclass(frozen=True, slots=True)
class SetFigures:
    """The figures of one set. embed_milliseconds: median time to embed one query, alone."""

    name: str
    queries: int
    chunks: int
    measures: tuple[str, ...]
    embed_milliseconds: float
    systems: tuple[SystemFigures, ...]

    @property
    def queries_per_second(self) -> float:
        """One after another, with the embedding of the query, of the first system."""
        spent = self.embed_milliseconds + self.systems[0].p50_milliseconds
        return 1000.0 / spent if spent else 0.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two lists of values of the same queries. low, high: 95 % interval of the mean difference.

    p_value: two-sided; how often a random exchange of the pairs differs as much.
    """

    difference: float
    low: float
    high: float
    p_value: float


# --- measures -----------------------------------------------------------------------------------

Measure = Callable[[Sequence[str], Mapping[str, float]], float]


def hit_at(k: int) -> Measure:
    """1 where anything relevant is among the first k."""
    return lambda ranked, relevant: float(any(key in relevant for key in ranked[:k]))


def all_at(k: int) -> Measure:
    """1 where everything relevant is among the first k."""
    return lambda ranked, relevant: float(set(relevant) <= set(ranked[:k]))


def recall_at(k: int) -> Measure:
    """The share of what is relevant among the first k."""
    return lambda ranked, relevant: len(set(relevant) & set(ranked[:k])) / len(relevant)


def ndcg_at(k: int) -> Measure:
    """Normalised discounted cumulative gain, gains as judged, as trec_eval's ndcg_cut."""

    def measure(ranked: Sequence[str], relevant: Mapping[str, float]) -> float:
        gained = sum(
            relevant.get(key, 0.0) / math.log2(rank + 2) for rank, key in enumerate(ranked[:k])
        )
        ideal = sorted(relevant.values(), reverse=True)[:k]
        best = sum(gain / math.log2(rank + 2) for rank, gain in enumerate(ideal))
        return gained / best if best else 0.0

    return measure


def _document_at(k: int) -> Measure:
    """1 where a page of the right document is among the first k pages."""

    def measure(ranked: Sequence[str], relevant: Mapping[str, float]) -> float:
        right = {key.rpartition(_DOCUMENTS_SEPARATOR)[0] for key in relevant}
        return float(any(key.rpartition(_DOCUMENTS_SEPARATOR)[0] in right for key in ranked[:k]))

    return measure


MEASURES: Mapping[str, Measure] = {
    "hit@1": hit_at(1),
    "hit@5": hit_at(5),
    "all@5": all_at(5),
    "recall@5": recall_at(5),
    "recall@10": recall_at(10),
    "ndcg@10": ndcg_at(10),
    "page@5": hit_at(5),
    "document@5": _document_at(5),
}


def compare(before: Sequence[float], after: Sequence[float]) -> Comparison:
    """A paired test of the same queries' values: bootstrap interval and permutation p-value."""
    if len(before) != len(after) or not before:
        raise ValueError(f"expected the same queries, got {len(before)} and {len(after)}")
    differences = np.asarray(after, dtype=np.float64) - np.asarray(before, dtype=np.float64)
    observed = float(differences.mean())
    generator = np.random.default_rng(_SEED)
    resampled, exchanged = [], []
    for _ in range(_BOOTSTRAP_SAMPLES):
        resampled.append(generator.choice(differences, len(differences)).mean())
        signs = generator.integers(0, 2, len(differences)) * 2 - 1
        exchanged.append(abs(float((differences * signs).mean())))
    as_much = sum(value >= abs(observed) - 1e-12 for value in exchanged)
    low, high = np.percentile(resampled, [2.5, 97.5])
    p_value = (as_much + 1) / (_BOOTSTRAP_SAMPLES + 1)
    return Comparison(observed, float(low), float(high), p_value)


def compare_known(
    before: Sequence[float | None], after: Sequence[float | None]
) -> Comparison | None:
    """`compare` of the questions that have both values; None where none has."""
    pairs = [
        (old, new)
        for old, new in zip(before, after, strict=False)
        if old is not None and new is not None
    ]
    return compare([old for old, _ in pairs], [new for _, new in pairs]) if pairs else None


# --- libraries ----------------------------------------------------------------------------------


class Corpus(Protocol):
    """The texts of a set."""

    @property
    def name(self) -> str: ...

    @property
    def entries(self) -> tuple[Entry, ...]: ...

    @property
    def files(self) -> tuple[Path, ...]: ...


def library_folder(home: Path, corpus: Corpus, embedder_identity: str) -> Path:
    """Where the set's texts are kept: another folder for other texts, embedder or chunk size."""
    digest = hashlib.sha256(f"{embedder_identity}\0{MAX_TOKENS}".encode())
    for entry in corpus.entries:
        digest.update(f"\0{entry.key}\0{entry.title}\0{entry.text}".encode())
    for file in corpus.files:
        digest.update(f"\0{file.name}\0{file.stat().st_size}".encode())
    return home / f"{corpus.name}-{digest.hexdigest()[:12]}"


def store_entries(
    store: Store,
    entries: Iterable[Entry],
    embedder: IdentifiedEmbedder,
    *,
    media_type: str = "text/plain",
    progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Put every entry that is not there yet into the store; progress: told how many are done."""
    entries = tuple(entries)
    present = {record.path for record in store.documents()}
    missing = [entry for entry in entries if entry.key not in present]
    for start in range(0, len(missing), _ENTRIES_A_STEP):
        _store_step(store, missing[start : start + _ENTRIES_A_STEP], embedder, media_type)
        progress(len(entries) - max(0, len(missing) - start - _ENTRIES_A_STEP))


def _store_step(
    store: Store, entries: Sequence[Entry], embedder: IdentifiedEmbedder, media_type: str
) -> None:
    count = embedder.count_tokens
    documents = [
        Document(entry.title, media_type, (Page(None, entry.text or entry.title or " "),))
        for entry in entries
    ]
    chunked = [chunk_document(document, count_tokens=count) for document in documents]
    texts = [
        passage_text(chunk.text, name=entry.title, heading=chunk.heading, count_tokens=count)
        if entry.title
        else chunk.text
        for entry, chunks in zip(entries, chunked, strict=True)
        for chunk in chunks
    ]
    vectors = embedder.embed_passages(texts)
    taken = 0
    for entry, document, chunks in zip(entries, documents, chunked, strict=True):
        new = NewDocument(
            name=entry.title or "",
            source=entry.key,
            collection="default",
            sha256=hashlib.sha256(entry.text.encode()).hexdigest(),
            byte_size=len(entry.text.encode()),
            document=document,
            chunks=chunks,
            vectors=vectors[taken : taken + len(chunks)],
        )
        taken += len(chunks)
        store.put(new, embedder=embedder.identity)


# --- measuring ----------------------------------------------------------------------------------


class _KnownQueries:
    """An embedder whose queries were embedded beforehand, so that the search's time is its own."""

    def __init__(self, embedder: IdentifiedEmbedder, texts: Sequence[str], cache: Path) -> None:
        self._embedder = embedder
        self.dimensions = embedder.dimensions
        self._known: dict[str, Vectors] = {}
        distinct = list(dict.fromkeys(texts))
        key = hashlib.sha256("\0".join([embedder.identity, *distinct]).encode()).hexdigest()[:16]
        file = cache / f"queries-{key}.npy"
        vectors = np.load(file, allow_pickle=False) if file.is_file() else None
        if vectors is None:
            vectors = embedder.embed_queries(distinct)
            np.save(file, vectors, allow_pickle=False)
        self._known = dict(zip(distinct, vectors, strict=True))

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        missing = [text for text in texts if text not in self._known]
        if missing:
            self._known.update(zip(missing, self._embedder.embed_queries(missing), strict=True))
        return np.stack([self._known[text] for text in texts])

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        return self._embedder.embed_passages(texts)

    def embed_tokens(self, texts: Sequence[str], kind: TextKind) -> tuple[Vectors, list[Vectors]]:
        return self._embedder.embed_tokens(texts, kind)

    def count_tokens(self, text: str) -> int:
        return self._embedder.count_tokens(text)


def evaluate_set(
    retrieval_set: RetrievalSet,
    store: Store,
    index: VectorIndex,
    embedder: IdentifiedEmbedder,
    *,
    cache: Path,
    systems: Sequence[str] = SYSTEMS,
    hops: int = 1,
    reranker: Reranker | None = None,
    candidates: int = 20,
) -> SetFigures:
    """Ask every query of every system.

    store, index: hold the set. cache: folder for the queries' vectors. systems: of SYSTEMS, and
    RERANKED where there is a reranker, which then judges so many candidates. hops: 2 has the
    product search again with what it found.
    """
    index.sync(store)
    keys = _keys(store, pages=bool(retrieval_set.files))
    texts = [query.text for query in retrieval_set.queries]
    known = CachedEmbedder(_KnownQueries(embedder, texts, cache))
    search = partial(
        assembled_search,
        store,
        lambda: index,
        lambda: known,
        hops=hops,
        accounts=AccountsReader(store.pages, store.documents),
        candidates=candidates,
    )
    product = search()
    reranking = search(reranker=None if reranker is None else lambda: reranker)
    searches = _searches(store, index, known, product, reranking)
    figures = tuple(_measure(system, searches[system], retrieval_set, keys) for system in systems)
    return SetFigures(
        name=retrieval_set.name,
        queries=len(retrieval_set.queries),
        chunks=len(keys),
        measures=retrieval_set.measures,
        embed_milliseconds=_embed_milliseconds(embedder, texts[:20]),
        systems=figures,
    )


def sampled(retrieval_set: RetrievalSet, queries: int) -> RetrievalSet:
    """The set with at most so many of its queries, drawn with a fixed seed, in their order."""
    if queries >= len(retrieval_set.queries):
        return retrieval_set
    drawn = np.random.default_rng(_SEED).choice(len(retrieval_set.queries), queries, replace=False)
    chosen = tuple(retrieval_set.queries[number] for number in sorted(drawn))
    return replace(retrieval_set, queries=chosen)


def _keys(store: Store, *, pages: bool) -> dict[int, str]:
    """Chunk id -> key of its entry or page."""
    return {
        chunk.chunk_id: page_key(PurePath(chunk.document_name).stem, chunk.page_number or 1)
        if pages
        else chunk.document_path
        for chunk in store.chunks(store.chunk_ids())
    }


def _searches(
    store: Store,
    index: VectorIndex,
    embedder: CachedEmbedder,
    product: RerankingSearch,
    reranking: RerankingSearch,
) -> dict[str, Callable[[str], list[int]]]:
    """System -> query -> chunk ids, best first."""

    def dense(query: str) -> list[tuple[int, float]]:
        return index.search(embedder.query(query)[np.newaxis, :], _DEPTH)[0]

    def bm25(query: str) -> list[tuple[int, float]]:
        return store.search_keywords(query, _DEPTH)

    def normalised_sum(query: str) -> list[int]:
        return [f.chunk_id for f in fuse(dense(query), bm25(query), dense_weight=0.5)]

    return {
        "product": lambda query: [hit.chunk_id for hit in product.search(query, _DEPTH // 2)],
        "dense": lambda query: [chunk_id for chunk_id, _ in dense(query)],
        "bm25": lambda query: [chunk_id for chunk_id, _ in bm25(query)],
        "sum": normalised_sum,
        RERANKED: lambda query: [hit.chunk_id for hit in reranking.search(query, _DEPTH // 2)],
    }


def _measure(
    system: str,
    search: Callable[[str], list[int]],
    retrieval_set: RetrievalSet,
    keys: Mapping[int, str],
) -> SystemFigures:
    seconds: list[float] = []
    values: dict[str, list[float]] = {measure: [] for measure in retrieval_set.measures}
    for query in retrieval_set.queries:
        begun = time.perf_counter()
        found = search(query.text)
        seconds.append(time.perf_counter() - begun)
        ranked = list(dict.fromkeys(keys[chunk_id] for chunk_id in found))
        for measure in retrieval_set.measures:
            values[measure].append(_value(measure, ranked, query))
    return SystemFigures(
        system=system,
        values={measure: tuple(each) for measure, each in values.items()},
        p50_milliseconds=1000.0 * median(seconds) if seconds else 0.0,
    )


def _value(measure: str, ranked: Sequence[str], query: RetrievalQuery) -> float:
    return MEASURES[measure](ranked, query.relevant)


def _embed_milliseconds(embedder: IdentifiedEmbedder, texts: Sequence[str]) -> float:
    seconds = []
    for text in texts:
        begun = time.perf_counter()
        embedder.embed_queries([text])
        seconds.append(time.perf_counter() - begun)
    return 1000.0 * median(seconds) if seconds else 0.0


# --- results on disk ----------------------------------------------------------------------------


def as_json(figures: SetFigures) -> dict[str, object]:
    """The figures as JSON: rounded values of each query, no text of the set."""
    return {
        "set": figures.name,
        "queries": figures.queries,
        "chunks": figures.chunks,
        "embed_milliseconds": round(figures.embed_milliseconds, 2),
        "queries_per_second": round(figures.queries_per_second, 1),
        "systems": {
            each.system: {
                "figures": {m: round(each.figure(m), 4) for m in figures.measures},
                "p50_milliseconds": round(each.p50_milliseconds, 2),
                "values": {m: [round(v, 4) for v in each.values[m]] for m in figures.measures},
            }
            for each in figures.systems
        },
    }


def values_of_run(file: Path) -> dict[str, dict[str, list[float]]]:
    """Set -> measure -> the product's value of each query, of a file that a run wrote.

    Raises RetrievalSetError where the file has the figures alone.
    """
    sets = json.loads(file.read_text("utf-8"))["sets"]
    products = {s["set"]: s["systems"]["product"] for s in sets if "product" in s["systems"]}
    if any("values" not in product for product in products.values()):
        raise RetrievalSetError(
            f"{file} has figures, but not the value of each query that a paired test needs; run"
            " the earlier version again with --output and compare with that file."
        )
    return {name: product["values"] for name, product in products.items()}
