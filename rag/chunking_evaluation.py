"""How much of what answers a question is in the passages found for it, and how little else.

Reads the folders of chunking_evaluation (corpora/*.md and questions_df.csv: questions with the
spans of the texts that answer them) and computes its measures, beside those of the usual splitter.
Knows store, index, search and what a model is shown of their hits; no language model.
Source of set and measures: github.com/brandonstarxel/chunking_evaluation, base_evaluation.py
"""

from __future__ import annotations

import csv
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from langchain_text_splitters import RecursiveCharacterTextSplitter

from ingest.chunking import MAX_TOKENS
from ingest.documents import Chunk, Document, Page
from ingest.records import NewDocument
from ingest.store import Store
from ingest.vector_index import VectorIndex
from rag.context import merge_adjacent
from rag.evidence import Evidence
from rag.extracts import find_extracts
from rag.reading import LARGE_READER, SMALL_READER, Reading, focused
from rag.results import Hit
from rag.retrieval_evaluation import IdentifiedEmbedder, SetFigures, SystemFigures, store_entries
from rag.retrieval_sets import Entry, RetrievalSetError
from rag.search import HybridSearch
from rag.vectors import CachedEmbedder

SYSTEMS = (
    "product",
    "sentences",
    "passages",
    "chunks",
    "dense",
    "bm25",
    "recursive-dense",
    "recursive-bm25",
)
MEASURES = ("recall", "precision", "iou")
_RETRIEVED = 5  # as published
_MARKDOWN = "text/markdown"
# The baseline that the published table knows as "Recursive", in characters and without overlap.
_BASELINE_CHARS = 800
_BASELINE_CHUNKS_A_STEP = 256
_LONGEST_FIELD = 1 << 30


@dataclass(frozen=True, slots=True)
class TextSpan:
    """Characters start..end of a text, the end not part of it."""

    text: str  # the text's name
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class SpanQuestion:
    """A question and the spans that answer it, all of one text."""

    text: str
    references: tuple[TextSpan, ...]


@dataclass(frozen=True, slots=True)
class ChunkingSet:
    """Texts by name, and questions about them."""

    name: str
    texts: Mapping[str, str]
    questions: tuple[SpanQuestion, ...]


def load_chunking_set(folder: Path) -> ChunkingSet:
    """Read corpora/NAME.md and questions_df.csv (question, references as JSON, corpus_id).

    Questions about a text that is not there are left out. Raises RetrievalSetError.
    """
    table = folder / "questions_df.csv"
    files = sorted((folder / "corpora").glob("*.md"))
    if not table.is_file() or not files:
        raise RetrievalSetError(
            f"Expected questions_df.csv and corpora/*.md in {folder}, the format of"
            " chunking_evaluation, and did not find them."
        )
    # Offsets count every character: line ends are read as they are.
    texts = {file.stem: file.read_bytes().decode("utf-8") for file in files}
    questions = tuple(_questions(table, texts))
    return ChunkingSet(folder.name, texts, questions)


def _questions(table: Path, texts: Mapping[str, str]) -> Iterator[SpanQuestion]:
    csv.field_size_limit(_LONGEST_FIELD)
    with table.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            name = row["corpus_id"]
            if name not in texts:
                continue
            references = json.loads(row["references"])
            for each in references:
                if texts[name][each["start_index"] : each["end_index"]] != each["content"]:
                    raise RetrievalSetError(
                        f"{table}: characters {each['start_index']} to {each['end_index']} of"
                        f" {name} are not the text that the question states; get a fresh copy."
                    )
            spans = (TextSpan(name, r["start_index"], r["end_index"]) for r in references)
            yield SpanQuestion(row["question"], tuple(spans))


def span_measures(
    references: Sequence[TextSpan], retrieved: Sequence[TextSpan]
) -> dict[str, float]:
    """Recall, precision and intersection over union, in [0, 1], as published.

    Counted in characters. What was retrieved twice counts twice against precision and IoU, and
    once for recall; what lies in another text counts against them too.
    """
    found = {(span.text, i) for span in retrieved for i in range(span.start, span.end)}
    wanted = [{(span.text, i) for i in range(span.start, span.end)} for span in references]
    both = len(found & set().union(*wanted))
    total_wanted = sum(map(len, wanted))
    total_retrieved = sum(span.end - span.start for span in retrieved)
    missed = sum(len(each - found) for each in wanted)
    return {
        "recall": both / total_wanted if total_wanted else 0.0,
        "precision": both / total_retrieved if total_retrieved else 0.0,
        "iou": both / (total_retrieved + missed) if total_retrieved + missed else 0.0,
    }


# --- libraries ----------------------------------------------------------------------------------


def chunking_folder(home: Path, chosen: ChunkingSet, embedder_identity: str) -> Path:
    """Where the set's libraries are kept: others for other texts, embedder or chunk size."""
    digest = hashlib.sha256(f"{embedder_identity}\0{MAX_TOKENS}".encode())
    for name, text in chosen.texts.items():
        digest.update(f"\0{name}\0{text}".encode())
    return home / f"{chosen.name}-{digest.hexdigest()[:12]}"


def store_texts(store: Store, chosen: ChunkingSet, embedder: IdentifiedEmbedder) -> None:
    """Put the texts into a store as the product would, unless they are there."""
    entries = [Entry(name, name, text) for name, text in chosen.texts.items()]
    store_entries(store, entries, embedder, media_type=_MARKDOWN)


def store_baseline(store: Store, chosen: ChunkingSet, embedder: IdentifiedEmbedder) -> None:
    """Put the texts into a store as the usual splitter cuts them, unless they are there."""
    splitter = RecursiveCharacterTextSplitter(
        chunk_size=_BASELINE_CHARS, chunk_overlap=0, add_start_index=True
    )
    present = {record.path for record in store.documents()}
    for name, text in chosen.texts.items():
        if name in present:
            continue
        pieces = [
            (int(piece.metadata["start_index"]), piece.page_content)
            for piece in splitter.create_documents([text])
        ]
        chunks = [Chunk(0, start, start + len(piece), piece) for start, piece in pieces]
        steps = range(0, len(chunks), _BASELINE_CHUNKS_A_STEP)
        vectors = np.concatenate(
            [
                embedder.embed_passages([c.text for c in chunks[i : i + _BASELINE_CHUNKS_A_STEP]])
                for i in steps
            ]
        )
        new = NewDocument(
            name="",
            source=name,
            collection="default",
            sha256=hashlib.sha256(text.encode()).hexdigest(),
            byte_size=len(text.encode()),
            document=Document("", _MARKDOWN, (Page(None, text),)),
            chunks=chunks,
            vectors=vectors,
        )
        store.put(new, embedder=embedder.identity)


# --- measuring ----------------------------------------------------------------------------------

_Retrieve = Callable[[str], list[TextSpan]]


def evaluate_chunking(
    chosen: ChunkingSet,
    store: Store,
    index: VectorIndex,
    baseline: Store,
    baseline_index: VectorIndex,
    embedder: IdentifiedEmbedder,
) -> SetFigures:
    """Ask every question of every system.

    store, index: filled by `store_texts`; baseline: by `store_baseline`.
    """
    index.sync(store)
    baseline_index.sync(baseline)
    cached = CachedEmbedder(embedder)
    ways = _systems(chosen, store, index, cached)
    plain = _sides(baseline, baseline_index, cached)
    ways |= {f"recursive-{name}": retrieve for name, retrieve in plain.items()}
    seconds = []
    for question in chosen.questions:  # so that no system pays for embedding them
        begun = time.perf_counter()
        cached.query(question.text)
        seconds.append(time.perf_counter() - begun)
    return SetFigures(
        name=chosen.name,
        queries=len(chosen.questions),
        chunks=len(store.chunk_ids()),
        measures=MEASURES,
        embed_milliseconds=1000.0 * median(seconds) if seconds else 0.0,
        systems=tuple(_measure(system, ways[system], chosen.questions) for system in SYSTEMS),
    )


def _systems(
    chosen: ChunkingSet, store: Store, index: VectorIndex, embedder: CachedEmbedder
) -> dict[str, _Retrieve]:
    search = HybridSearch(store, lambda: index, lambda: embedder)
    names = {record.document_id: record.path for record in store.documents()}

    def page_text(document_id: str, _: int) -> str:
        return chosen.texts[names[document_id]]

    def passages(query: str) -> list[Hit]:
        return merge_adjacent(search.search(query, _RETRIEVED), page_text)

    def shown(query: str, reading: Reading) -> list[TextSpan]:
        evidence = Evidence(passages(query), question=query)
        extracts = find_extracts(query, evidence, embedder=embedder)
        return _spans(
            focused(evidence, extracts, reading.focus) if reading.focus else evidence.passages
        )

    return {
        "product": lambda query: shown(query, LARGE_READER),
        "sentences": lambda query: shown(query, SMALL_READER),
        "passages": lambda query: _spans(passages(query)),
        "chunks": lambda query: _spans(search.search(query, _RETRIEVED)),
        **_sides(store, index, embedder),
    }


def _sides(store: Store, index: VectorIndex, embedder: CachedEmbedder) -> dict[str, _Retrieve]:
    """Meaning alone and words alone."""

    def spans(chunk_ids: Sequence[int]) -> list[TextSpan]:
        found = store.chunks(chunk_ids)
        return [TextSpan(chunk.document_path, chunk.start, chunk.end) for chunk in found]

    def dense(query: str) -> list[TextSpan]:
        (found,) = index.search(embedder.query(query)[np.newaxis, :], _RETRIEVED)
        return spans([chunk_id for chunk_id, _ in found])

    def bm25(query: str) -> list[TextSpan]:
        return spans([chunk_id for chunk_id, _ in store.search_keywords(query, _RETRIEVED)])

    return {"dense": dense, "bm25": bm25}


def _spans(hits: Sequence[Hit]) -> list[TextSpan]:
    return [TextSpan(hit.document_path, hit.start, hit.end) for hit in hits]


def _measure(system: str, retrieve: _Retrieve, questions: Sequence[SpanQuestion]) -> SystemFigures:
    seconds: list[float] = []
    values: dict[str, list[float]] = {measure: [] for measure in MEASURES}
    for question in questions:
        begun = time.perf_counter()
        retrieved = retrieve(question.text)
        seconds.append(time.perf_counter() - begun)
        for measure, value in span_measures(question.references, retrieved).items():
            values[measure].append(value)
    return SystemFigures(
        system=system,
        values={measure: tuple(each) for measure, each in values.items()},
        p50_milliseconds=1000.0 * median(seconds) if seconds else 0.0,
    )
