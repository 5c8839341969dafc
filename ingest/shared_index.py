"""The dense index on a server that several machines share, derived from the store.

It does what ingest.vector_index does with FAISS: hold exactly the store's passages, whoever wrote
to the store or to the server meanwhile. The server says what it holds (library_contents); each
step that brings it nearer to the store is one transaction there that starts from what was seen.
Passages go there with their text and their place, so that other programs can search them too.
Which server it is, an IndexServer knows (ingest.postgres_index, ingest.qdrant_index).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ingest.errors import DimensionMismatch, SharedIndexConflict
from ingest.library_contents import ChunkSpan, LibraryContents, Relation, relation
from ingest.records import ChunkIds, FloatMatrix, StoredChunk

logger = logging.getLogger(__name__)

_PASSAGES_A_STEP = 5_000  # in one transaction: 8 MB of vectors at 384 dimensions, and their texts
# The server keeps numbers of single precision, and adds them up in its own order.
_VECTOR_TOLERANCE = 1e-6


class PassageSource(Protocol):
    """What the index needs of ingest.store.Store."""

    @property
    def generation(self) -> int: ...

    @property
    def embedder(self) -> tuple[str, int] | None: ...

    def contents(self) -> tuple[int, LibraryContents]: ...

    def chunks(self, chunk_ids: Iterable[int]) -> list[StoredChunk]: ...

    def vectors(self, chunk_ids: ChunkIds | Sequence[int]) -> tuple[ChunkIds, FloatMatrix]: ...

    def snapshot(self) -> tuple[int, ChunkIds]: ...


@dataclass(frozen=True, slots=True)
class ServedIndex:
    """What a server has of a library. embedder: identity of the model of its vectors."""

    embedder: str
    dimensions: int
    contents: LibraryContents


@dataclass(frozen=True, slots=True)
class Change:
    """One step on the server: all of it or nothing.

    removed: documents that go out. added: documents that come in, whose passages are `chunks`
    with (len(chunks), dim) float32 `vectors`; one that is in both comes in under other ids.
    contents: what is there afterwards.
    """

    removed: Mapping[str, ChunkSpan]
    added: Mapping[str, ChunkSpan]
    chunks: Sequence[StoredChunk]
    vectors: FloatMatrix
    contents: LibraryContents


@dataclass(frozen=True, slots=True)
class ServedPassages:
    """Passages as the server has them. ids: ascending. vectors: (n, dim) float32."""

    ids: ChunkIds
    document_ids: Sequence[str]
    texts: Sequence[str]
    vectors: FloatMatrix


class IndexServer(Protocol):
    """Where one library's index lives. Thread-safe.

    Every method may raise SharedIndexUnavailable and SharedIndexConflict.
    """

    @property
    def place(self) -> str:
        """Which server and what of it, without secrets: for messages."""
        ...

    def fingerprint(self) -> str | None:
        """Of the contents; None where there is nothing of this library. Cheap."""
        ...

    def read(self) -> ServedIndex | None:
        """What it has; None where there is nothing of this library."""
        ...

    def create(self, embedder: str, dimensions: int) -> None:
        """Make an empty index unless there is one."""
        ...

    def apply(self, change: Change, *, expected: str) -> bool:
        """Make a change; False, and nothing done, where the fingerprint is not the expected one."""
        ...

    def search(
        self, query: FloatMatrix, k: int, *, allowed: ChunkIds | None
    ) -> list[tuple[int, float]]:
        """(chunk id, cosine), best first. query: (dim,) float32, unit length.

        allowed: only these ids, before the k best are taken; not empty.
        """
        ...

    def ids(self) -> ChunkIds:
        """The ids of all passages, ascending."""
        ...

    def passages(self, ids: ChunkIds) -> ServedPassages:
        """Of these, those that are there."""
        ...

    def adapt(self, count: int) -> bool:
        """Make what searching so many passages fast needs; True if anything was made."""
        ...

    def drop(self) -> None:
        """Delete everything of this library."""
        ...

    def close(self) -> None:
        """Let go of all connections."""
        ...


class SharedIndex:
    """The passages of one library on a server. Thread-safe; the same methods as VectorIndex.

    All methods may raise SharedIndexUnavailable and SharedIndexConflict; the store is never
    changed, so nothing is lost by either.
    """

    def __init__(self, server: IndexServer) -> None:
        self._server = server
        self._sync_lock = threading.Lock()
        # The store's generation and the server's fingerprint when the two were last compared.
        self._compared: tuple[int, str] | None = None
        self._relation = Relation.SAME
        self._dim = 0
        self._count = 0

    def __len__(self) -> int:
        """The number of passages on the server, as of the last sync."""
        return self._count

    def sync(self, store: PassageSource) -> bool:
        """Catch up with the store; one question to the server when there is nothing to do.

        True if anything changed there. An older copy of the library changes nothing and is
        searched with what the later one has: what it does not know itself is not shown.
        """
        if store.embedder is None:
            return False
        if self._compared == (store.generation, self._server.fingerprint()):
            return False
        with self._sync_lock:
            return self._catch_up(store)

    def require_current(self, store: PassageSource) -> None:
        """Catch up, and raise SharedIndexConflict where this is an older copy of the library.

        Asks the server in any case, so that one that cannot be used is known before any work.
        """
        if store.embedder is None:
            self._server.fingerprint()
        self.sync(store)
        if self._relation is Relation.AHEAD:
            raise SharedIndexConflict(
                f"{self._server.place} is of a later state of this library than this copy: bring"
                " this copy up to date; or, if a backup was put back for good, run `paperlight"
                " doctor`, which makes the index anew from it."
            )

    def adapt(self, store: PassageSource) -> bool:
        """Catch up and have the server make what so many passages need; True if it made any.

        For who adds documents to call: raises SharedIndexConflict as `require_current`.
        """
        self.require_current(store)
        return self._server.adapt(self._count)

    def search(
        self, queries: FloatMatrix, k: int, *, allowed: ChunkIds | Sequence[int] | None = None
    ) -> list[list[tuple[int, float]]]:
        """The k most similar passages for each query, best first: (chunk id, cosine).

        As VectorIndex.search. Raises DimensionMismatch.
        """
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        dim = self._dim
        if queries.ndim != 2 or (dim and queries.shape[1] != dim):
            raise DimensionMismatch(expected=dim, got=queries.shape)
        lengths = np.linalg.norm(queries, axis=1, keepdims=True)
        queries = (queries / np.where(lengths > 0, lengths, 1)).astype(np.float32)
        if not dim or k < 1 or (allowed is not None and len(allowed) == 0):
            return [[] for _ in queries]
        ids = None if allowed is None else np.ascontiguousarray(allowed, dtype=np.int64)
        return [self._server.search(query, k, allowed=ids) for query in queries]

    def save(self) -> None:
        """Nothing: the server keeps what it has."""

    def discard(self) -> None:
        """Delete it from the server; the next sync makes it anew."""
        with self._sync_lock:
            self._compared = None
            self._server.drop()

    def close(self) -> None:
        """Let go of the server."""
        self._server.close()

    def disagreement(self, store: PassageSource) -> str | None:
        """What is wrong, in a sentence; None where it has the store's passages, texts and vectors.

        Reads all of them.
        """
        try:
            self.require_current(store)
            _, wanted = store.snapshot()
            agrees = np.array_equal(self._server.ids(), wanted) and all(
                self._has(store, wanted[start : start + _PASSAGES_A_STEP])
                for start in range(0, len(wanted), _PASSAGES_A_STEP)
            )
        except SharedIndexConflict as conflict:
            return str(conflict)
        return None if agrees else f"{self._server.place} disagrees with the database."

    def _has(self, store: PassageSource, ids: ChunkIds) -> bool:
        served = self._server.passages(ids)
        chunks, vectors = _passages(store, ids)
        return (
            np.array_equal(served.ids, [chunk.chunk_id for chunk in chunks])
            and [chunk.document_id for chunk in chunks] == list(served.document_ids)
            and [storable(chunk.text) for chunk in chunks] == list(served.texts)
            and served.vectors.shape == vectors.shape
            and np.allclose(vectors, served.vectors, rtol=0, atol=_VECTOR_TOLERANCE)
        )

    # --- catching up --------------------------------------------------------------------------

    def _catch_up(self, store: PassageSource) -> bool:
        changed = False
        while True:
            generation, library = store.contents()
            served = self._served(store, library)
            found = relation(served.contents, library)
            if found is Relation.DIVERGED:
                raise SharedIndexConflict(
                    f"{self._server.place} was changed by another copy of this library that has"
                    " other documents: let only one copy be added to; `paperlight doctor` makes the"
                    " index anew from this one."
                )
            if found is Relation.BEHIND:
                changed = self._advance(store, generation, served, library) or changed
                continue
            if found is Relation.AHEAD and self._relation is not Relation.AHEAD:
                logger.warning(
                    "%s is of a later state of this library than this copy", self._server.place
                )
            self._relation = found
            self._dim, self._count = served.dimensions, served.contents.passage_count
            self._compared = (generation, served.contents.fingerprint)
            return changed

    def _served(self, store: PassageSource, library: LibraryContents) -> ServedIndex:
        """What the server has, made empty if there was nothing; of this store's embedder."""
        bound = store.embedder
        assert bound is not None  # checked before; a library keeps its embedder
        while True:
            served = self._server.read()
            if served is None:
                self._server.create(*bound)
            elif (served.embedder, served.dimensions) == bound:
                return served
            elif served.contents.can_become(library) and not (
                served.contents.spans.keys() & library.spans.keys()
            ):  # all that it holds was removed here, before another embedder was taken
                self._server.drop()
            else:
                raise SharedIndexConflict(
                    f"{self._server.place} has vectors of {served.embedder} ({served.dimensions}"
                    f" dimensions), but this library's are of {bound[0]} ({bound[1]}): `paperlight"
                    " doctor` makes the index anew."
                )

    def _advance(
        self,
        store: PassageSource,
        generation: int,
        served: ServedIndex,
        library: LibraryContents,
    ) -> bool:
        """Take steps from what is served towards the library; True if any was made.

        Ends early where the store or the server was changed by somebody else.
        """
        changed = False
        current = served.contents
        for removed, added, after in _steps(current, library):
            ids = np.array([i for span in added.values() for i in span.ids], dtype=np.int64)
            chunks, vectors = _passages(store, ids)
            if store.generation != generation:
                return changed
            change = Change(removed, added, chunks, vectors, after)
            if not self._server.apply(change, expected=current.fingerprint):
                return changed
            changed, current = True, after
        return changed


def storable(text: str) -> str:
    """The text as a server can keep it, of the same length: no NUL, no half of a character."""
    return text.replace("\x00", " ").encode("utf-8", "replace").decode("utf-8")


def _steps(
    served: LibraryContents, library: LibraryContents
) -> Iterator[tuple[dict[str, ChunkSpan], dict[str, ChunkSpan], LibraryContents]]:
    """What to take out, what to put in, and what is there then; one step after the other.

    After each, the contents can still become the library's: documents come in the order of their
    ids, and what goes out does so first.
    """
    removed = served.missing_from(library)
    spans = {key: span for key, span in served.spans.items() if key not in removed}
    step: dict[str, ChunkSpan] = {}
    size = 0
    for document_id, span in library.missing_from(served).items():
        if step and size + span.count > _PASSAGES_A_STEP:
            last = max(served.last_chunk_id, *(s.last_chunk_id for s in step.values()))
            spans = spans | step
            yield removed, step, LibraryContents(spans, last)
            removed, step, size = {}, {}, 0
        step[document_id] = span
        size += span.count
    yield removed, step, library


def _passages(store: PassageSource, ids: ChunkIds) -> tuple[list[StoredChunk], FloatMatrix]:
    """Those that are still there and have a vector: passages and rows in the order of their ids."""
    found, vectors = store.vectors(ids)
    order = np.argsort(found)
    chunks = store.chunks(found[order])
    if len(chunks) != len(found):  # some went between the two readings
        there = {chunk.chunk_id for chunk in chunks}
        order = np.array([row for row in order if int(found[row]) in there], dtype=np.int64)
    return chunks, vectors[order]
