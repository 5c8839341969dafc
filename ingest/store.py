"""The library's one source of truth: documents, pages, passages, vectors and keyword index.

One SQLite database in WAL mode. A document goes in, is replaced or goes out in one transaction,
so a process killed at any instant leaves the library as it was before or after. Everything else
on disk (the vector index) is derived from it and can be rebuilt.

It knows nothing of loaders, models or FAISS: texts, offsets and vectors are given to it.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import numpy as np

from ingest.allowed_chunks import AllowedChunks, ids_of_ranges
from ingest.claims import Claim
from ingest.documents import Page
from ingest.errors import (
    DimensionMismatch,
    DiskFull,
    DocumentNotFound,
    EmbedderMismatch,
    InvalidFilter,
    LibraryDamaged,
    LibraryReadOnly,
    PageNotFound,
)
from ingest.keywords import TERMS_VERSION, query_terms, terms
from ingest.library_contents import ChunkSpan, LibraryContents
from ingest.naming import own_name
from ingest.originals import Originals
from ingest.records import (
    DEFAULT_COLLECTION,
    ChunkIds,
    DocumentRecord,
    FloatMatrix,
    NewDocument,
    PendingFile,
    StoredChunk,
)
from ingest.schema import BUSY_TIMEOUT_SECONDS, connect, ending, is_writable, prepare
from ingest.search_filter import SearchFilter, named_documents
from ingest.storage_failures import named_storage_failures

__all__ = [
    "DEFAULT_COLLECTION",
    "ChunkIds",
    "DocumentRecord",
    "FloatMatrix",
    "NewDocument",
    "PendingFile",
    "PutResult",
    "Store",
    "StoredChunk",
]

_DOCUMENT_FIELDS = (
    "document_id",
    "name",
    "path",
    "collection",
    "sha256",
    "media_type",
    "title",
    "byte_size",
    "page_count",
    "chunk_count",
    "added_at",
)
_DOCUMENT_COLUMNS = ", ".join(_DOCUMENT_FIELDS).replace("path", "source")
_CHUNK_QUERY = """
SELECT c.chunk_id, c.document_id, d.name, d.source, d.collection, p.number, c.page_index, c.start,
       c."end", substr(p.text, c.start + 1, c."end" - c.start), c.heading, p.read_by_ocr
FROM chunks c JOIN documents d USING (document_id) JOIN pages p USING (document_id, page_index)
"""
# The documents that a filter leaves; its parameters are those of `_parameters`.
_FITS = """(:collection IS NULL OR collection = :collection)
AND (:since IS NULL OR added_at >= :since) AND (:before IS NULL OR added_at < :before)
AND (:media_types IS NULL OR media_type IN (SELECT value FROM json_each(:media_types)))
AND (:documents IS NULL OR d.document_id IN (SELECT value FROM json_each(:documents)))"""
# (first id, how many) of each document's passages: see ingest.allowed_chunks. A cross join, because
# SQLite looks through the tables in its order then: the few documents, not all the passages.
_RANGES_QUERY = f"""
SELECT c.chunk_id, d.chunk_count FROM documents d CROSS JOIN chunks c USING (document_id)
WHERE c.ordinal = 0 AND {_FITS} ORDER BY c.chunk_id
"""  # noqa: S608 (constant text)
# SQLite's default limit of variables is 32,766 (since 3.32); ids go in by batches below it.
_IDS_A_QUERY = 10_000
_NO_FILTER = dict.fromkeys(("collection", "since", "before", "media_types", "documents"))
_IDLE_CONNECTIONS = 8
_FILTERS_KEPT = 8  # with what they leave: up to 9 MB each at a million passages
_DELETED = "deleted:"  # before a document's id: a key of meta whose value is its original or ""
_LOG_WAIT_MILLISECONDS = 2000
# Weight in BM25 of a term in the passage's surroundings (document name, title, headings). On 33
# FinanceBench questions the evidence page was in the first 10 for .273 at 0, .364 at .4, .394 at 1.
_CONTEXT_WEIGHT = 1.0
# BM25's k1 as FTS5 has it built in.
FTS5_K1 = 1.2


@dataclass(frozen=True, slots=True)
class PutResult:
    """What storing a document did. replaced: an older version of it went out."""

    document_id: str
    replaced: bool
    unchanged: bool = False


class Store:
    """A library's database and originals. Thread-safe, and safe beside other processes.

    path: the database file; originals lie in folders beside it. Its folder is made if missing.
    Where this account may not write, or the disk has no room for SQLite's log, it is opened to be
    read, and whatever would change it raises LibraryReadOnly.
    Raises LibraryDamaged, LibraryTooNew; LibraryReadOnly and DiskFull where it cannot be made.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        with named_storage_failures(self.path.parent):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        self.originals = Originals(self.path.parent)
        self.claims_folder = self.path.parent / "claims"
        self._idle: list[sqlite3.Connection] = []
        self._idle_lock = threading.Lock()
        self._write_lock = threading.Lock()  # threads queue here, processes at SQLite's own lock
        self._closed = False
        self._allowed: OrderedDict[tuple[int, SearchFilter], AllowedChunks] = OrderedDict()
        self._allowed_lock = threading.Lock()
        self.read_only = self.path.exists() and not is_writable(self.path)
        self._was_full = False
        try:
            connection = connect(self.path, read_only=self.read_only)
        except DiskFull:
            if not self.path.exists() or not self.path.stat().st_size:
                raise
            self.read_only = self._was_full = True
            connection = connect(self.path, read_only=True)
        try:
            prepare(connection, self.path)
        except BaseException:
            connection.close()
            raise
        self._give_back(connection)
        # An index of an older version has terms that questions no longer have.
        if not self.read_only and self._meta("terms_version") != str(TERMS_VERSION):
            self.rebuild_keywords()

    # --- lifecycle and transactions -----------------------------------------------------------

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection that is not in use; those close when they come back."""
        with self._idle_lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with self._idle_lock:
            if self._closed:
                raise LibraryDamaged("The library is closed; open it again.")
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = connect(self.path, read_only=self.read_only)
        try:
            yield connection
        finally:
            self._give_back(connection)

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._idle_lock:
            # A connection that was made to read only sees no later changes; see ingest.schema.
            keep = not self._closed and not self.read_only and len(self._idle) < _IDLE_CONNECTIONS
            if keep:
                self._idle.append(connection)
        if not keep:
            connection.close()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """A connection whose statements all see the same state."""
        with self._connection() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A write transaction: all of it or nothing; waits for other writers.

        Raises LibraryReadOnly, DiskFull.
        """
        self.require_writable()
        with (
            named_storage_failures(self.path.parent),
            self._write_lock,
            self._connection() as connection,
        ):
            connection.execute("BEGIN IMMEDIATE")
            with ending(connection):
                yield connection

    def require_writable(self) -> None:
        """Raises LibraryReadOnly or DiskFull where nothing can be changed."""
        if self._was_full:
            connect(self.path).close()
            self.read_only = self._was_full = False
        if self.read_only:
            raise LibraryReadOnly(self.path.parent)

    def _rows(
        self, query: str, parameters: Sequence[Any] | Mapping[str, Any] = ()
    ) -> list[tuple[Any, ...]]:
        with self._connection() as connection:
            return connection.execute(query, parameters).fetchall()

    # --- what the library is ------------------------------------------------------------------

    @property
    def generation(self) -> int:
        """Goes up with every change of the documents, in any process."""
        return int(self._meta("generation") or 0)

    @property
    def library_id(self) -> str:
        """Random, made with the library: tells its index file from another library's."""
        return self._meta("library_id") or ""

    @property
    def embedder(self) -> tuple[str, int] | None:
        """Identity and dimensions of the embedding model of the vectors, or None so far."""
        identity, dimensions = self._meta("embedder"), self._meta("dimensions")
        return (identity, int(dimensions)) if identity and dimensions else None

    def _meta(self, key: str) -> str | None:
        rows = self._rows("SELECT value FROM meta WHERE key = ?", (key,))
        return str(rows[0][0]) if rows else None

    def bind_embedder(self, identity: str, dimensions: int) -> None:
        """Declare which model makes the vectors; a library without passages takes any.

        Raises EmbedderMismatch if the passages' vectors come from another one.
        """
        if self.embedder == (identity, dimensions):
            return
        with self._writing() as connection:
            _bind_embedder(connection, identity, dimensions)

    # --- documents ----------------------------------------------------------------------------

    def documents(self, search_filter: SearchFilter | None = None) -> list[DocumentRecord]:
        """The documents that a filter leaves, or all, in the order they were added.

        Raises InvalidFilter if it names a document that is not there.
        """
        with self._reading() as connection:
            rows = connection.execute(
                f"SELECT {_DOCUMENT_COLUMNS} FROM documents d WHERE {_FITS}"  # noqa: S608
                " ORDER BY added_at, document_id",
                _parameters(connection, search_filter),
            ).fetchall()
        return [_record(row) for row in rows]

    def document(self, document_id: str) -> DocumentRecord:
        """One document. Raises DocumentNotFound."""
        rows = self._rows(
            f"SELECT {_DOCUMENT_COLUMNS} FROM documents WHERE document_id = ?",  # noqa: S608
            (document_id,),
        )
        if not rows:
            raise DocumentNotFound(document_id)
        return _record(rows[0])

    def find_source(self, collection: str, source: str) -> DocumentRecord | None:
        """The document that was added from this source, if any."""
        rows = self._rows(
            f"SELECT {_DOCUMENT_COLUMNS} FROM documents"  # noqa: S608
            " WHERE collection = ? AND source = ?",
            (collection, source),
        )
        return _record(rows[0]) if rows else None

    def find_content(self, collection: str, sha256: str) -> list[DocumentRecord]:
        """The documents of a collection with these bytes, the oldest first."""
        rows = self._rows(
            f"SELECT {_DOCUMENT_COLUMNS} FROM documents"  # noqa: S608
            " WHERE sha256 = ? AND collection = ? ORDER BY added_at",
            (sha256, collection),
        )
        return [_record(row) for row in rows]

    def collections(self) -> list[str]:
        """The names of all collections that have documents, sorted."""
        return [str(name) for (name,) in self._rows("SELECT name FROM collections ORDER BY name")]

    def page(self, document_id: str, page_index: int) -> Page:
        """A page's text. Raises DocumentNotFound, PageNotFound."""
        rows = self._rows(
            "SELECT number, text, read_by_ocr FROM pages WHERE document_id = ? AND page_index = ?",
            (document_id, page_index),
        )
        if not rows:
            self.document(document_id)
            raise PageNotFound(document_id, page_index)
        return _page(rows[0])

    def pages(self, document_id: str) -> list[Page]:
        """All pages of a document, in order. Raises DocumentNotFound."""
        rows = self._rows(
            "SELECT number, text, read_by_ocr FROM pages WHERE document_id = ? ORDER BY page_index",
            (document_id,),
        )
        if not rows:
            self.document(document_id)
        return [_page(row) for row in rows]

    def original(self, document_id: str) -> Path | None:
        """The library's own copy of the file, or None if none was kept or it is gone.

        Raises DocumentNotFound.
        """
        rows = self._rows("SELECT original FROM documents WHERE document_id = ?", (document_id,))
        if not rows:
            raise DocumentNotFound(document_id)
        if rows[0][0] is None:
            return None
        path = self.originals.folder / rows[0][0]
        return path if path.is_file() else None

    def put(
        self,
        new: NewDocument,
        *,
        embedder: str,
        staged: Path | None = None,
        finishes: PendingFile | None = None,
    ) -> PutResult:
        """Store a document, in place of an older one from the same source.

        embedder: identity of the model that made the vectors.
        staged: the file's bytes in the staging folder; they become its kept original. The caller
            discards the staged file.
        finishes: the pending row that goes with it.
        What it replaces is out of sight at once, and out of the files after `tidy`.
        Raises EmbedderMismatch, DimensionMismatch, DiskFull, LibraryReadOnly.
        """
        if new.vectors.ndim != 2 or len(new.vectors) != len(new.chunks):
            raise DimensionMismatch(expected=len(new.chunks), got=new.vectors.shape)
        document_id = make_document_id(new.collection, new.source, new.sha256)
        keyword_rows = _keyword_rows(new)  # outside the transaction: stemming takes its time
        with self._writing() as connection:
            _bind_embedder(connection, embedder, new.vectors.shape[1])
            old = connection.execute(
                "SELECT document_id, original FROM documents WHERE collection = ? AND source = ?",
                (new.collection, new.source),
            ).fetchone()
            if finishes is not None:
                connection.execute(
                    "DELETE FROM pending WHERE pending_id = ?", (finishes.pending_id,)
                )
            if old is not None and old[0] == document_id:  # another process was first
                return PutResult(document_id, replaced=False, unchanged=True)
            if old is not None:
                _delete_document(connection, *old)
                _delete_empty_collections(connection)
            original = (
                None
                if staged is None
                else self.originals.place(
                    staged, sha256=new.sha256, media_type=new.document.media_type
                )
            )
            _insert_document(connection, document_id, new, original, keyword_rows)
            _bump_generation(connection)
        return PutResult(document_id, replaced=old is not None)

    def remove(self, *document_ids: str) -> None:
        """Take documents out, their originals included, and every trace of them in the files.

        All of them or none. Many at once take hardly longer than one: see `tidy`.
        Raises DocumentNotFound, DiskFull, LibraryReadOnly.
        """
        with self._writing() as connection:
            for document_id in dict.fromkeys(document_ids):
                row = connection.execute(
                    "SELECT original FROM documents WHERE document_id = ?", (document_id,)
                ).fetchone()
                if row is None:
                    raise DocumentNotFound(document_id)
                _delete_document(connection, document_id, row[0])
            _delete_empty_collections(connection)
            _bump_generation(connection)
        self.tidy()

    def remove_left_out(self, collection: str, archive: str, present: Collection[str]) -> int:
        """Take out documents that came out of an archive and are not in it any more; how many.

        archive: its source. present: the sources of the files in it now. The archive itself goes
        too, where an older version of this program stored it as one document.
        What goes is out of sight at once, and out of the files after `tidy`.
        Raises DiskFull, LibraryReadOnly.
        """
        inside = f"{archive}/"
        query = (
            "SELECT document_id, original, source FROM documents WHERE collection = ?"
            " AND (source = ? OR source >= ? AND source < ?)"
        )
        # "0" comes after "/": the range is of all that begins with `inside`, by the index.
        parameters = (collection, archive, inside, f"{archive}0")
        if all(source in present for _, _, source in self._rows(query, parameters)):
            return 0
        with self._writing() as connection:
            left_out = [
                (document_id, original)
                for document_id, original, source in connection.execute(query, parameters)
                if source not in present
            ]
            for document_id, original in left_out:
                _delete_document(connection, document_id, original)
            _delete_empty_collections(connection)
            _bump_generation(connection)
        return len(left_out)

    def tidy(self) -> None:
        """Clear away what deleted documents and dead processes left in the files.

        Cheap when there is nothing; else it takes as long as writing all keywords anew, however
        much was deleted. A deletion writes down in its own transaction what is left to do, so that
        after a kill in between the next process does it. Raises DiskFull, LibraryReadOnly.
        """
        deleted = self._deleted()
        if deleted:
            with self._writing() as connection:
                # FTS5 keeps deleted terms in its segments until they are merged: this merges them.
                connection.execute("INSERT INTO keywords (keywords) VALUES ('optimize')")
                for key, original in deleted:
                    self._delete_unused_original(connection, original)
                    connection.execute("DELETE FROM meta WHERE key = ?", (key,))
            self._empty_log()
        for path in self._abandoned():
            self.originals.discard(path)

    def left_behind(self) -> int:
        """How many things `tidy` would clear away."""
        return len(self._deleted()) + len(self._abandoned())

    def _deleted(self) -> list[tuple[str, str]]:
        """(key, original or "") of each document whose traces are still there."""
        return self._rows(f"SELECT key, value FROM meta WHERE key GLOB '{_DELETED}*'")  # noqa: S608

    def _abandoned(self) -> list[Path]:
        """Staged files of processes that are gone, but for those that `resume` will read."""
        staged = list(self.originals.staged())
        wanted = {file.path for file in self.pending()} if staged else set()
        return [
            path
            for path in staged
            if path.absolute() not in wanted
            and not Claim.is_held(self.claims_folder, self.originals.owner_of(path))
        ]

    def _empty_log(self) -> None:
        """Let no deleted text linger in the write-ahead log, unless others are using it."""
        with self._connection() as connection:
            connection.execute(f"PRAGMA busy_timeout = {_LOG_WAIT_MILLISECONDS}")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            connection.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_SECONDS * 1000)}")

    def _delete_unused_original(self, connection: sqlite3.Connection, original: str) -> None:
        """Delete a file that no document refers to, while no other process can add one.

        Only in a transaction after the one that deleted its document: were that one not to be
        committed, the document would have lost its original.
        """
        if not original:
            return
        used = connection.execute(
            "SELECT 1 FROM documents WHERE original = ? LIMIT 1", (original,)
        ).fetchone()
        if used is None:
            self.originals.delete(original)

    # --- passages -----------------------------------------------------------------------------

    def chunks(self, chunk_ids: Iterable[int]) -> list[StoredChunk]:
        """Passages in the order of the ids; those that are gone are left out."""
        ids = [int(chunk_id) for chunk_id in chunk_ids]
        found: dict[int, StoredChunk] = {}
        with self._reading() as connection:
            for batch in _batches(ids):
                query = f"{_CHUNK_QUERY} WHERE c.chunk_id IN ({_marks(batch)})"
                for row in connection.execute(query, batch):
                    found[row[0]] = _chunk(row)
        return [found[chunk_id] for chunk_id in ids if chunk_id in found]

    def neighbours(self, chunk_id: int) -> tuple[StoredChunk | None, StoredChunk | None]:
        """The passages before and after one in its document."""
        rows = self._rows(
            _CHUNK_QUERY
            + """JOIN chunks here ON here.document_id = c.document_id
                 WHERE here.chunk_id = ? AND c.ordinal IN (here.ordinal - 1, here.ordinal + 1)
                 ORDER BY c.ordinal""",
            (int(chunk_id),),
        )
        found = [_chunk(row) for row in rows]
        before = next((chunk for chunk in found if chunk.chunk_id < chunk_id), None)
        after = next((chunk for chunk in found if chunk.chunk_id > chunk_id), None)
        return before, after

    def document_chunks(self, document_id: str) -> list[StoredChunk]:
        """All passages of a document, in order."""
        rows = self._rows(
            _CHUNK_QUERY + "WHERE c.document_id = ? ORDER BY c.ordinal", (document_id,)
        )
        return [_chunk(row) for row in rows]

    def chunk_ids(self) -> ChunkIds:
        """The ids of all passages that have a vector, ascending."""
        rows = self._rows("SELECT chunk_id FROM vectors ORDER BY chunk_id")
        return np.fromiter((row[0] for row in rows), dtype=np.int64, count=len(rows))

    def allowed(self, search_filter: SearchFilter | None) -> AllowedChunks | None:
        """The passages that a filter leaves; None where it leaves all.

        Cheap for a filter that was used since the last change of the documents.
        Raises InvalidFilter if it names a document that is not there.
        """
        if not search_filter:
            return None
        key = (self.generation, search_filter)
        with self._allowed_lock:
            if key in self._allowed:
                self._allowed.move_to_end(key)
                return self._allowed[key]
        with self._reading() as connection:
            key = (_generation(connection), search_filter)
            ranges = connection.execute(_RANGES_QUERY, _parameters(connection, search_filter))
            allowed = AllowedChunks.of_ranges(ranges)
        with self._allowed_lock:
            for old in [old for old in self._allowed if old[0] < key[0]]:
                del self._allowed[old]
            self._allowed[key] = allowed
            if len(self._allowed) > _FILTERS_KEPT:
                self._allowed.popitem(last=False)
        return allowed

    def vectors(self, chunk_ids: ChunkIds | Sequence[int]) -> tuple[ChunkIds, FloatMatrix]:
        """The vectors of these passages: ids (n,) and rows (n, dim), n without those gone."""
        ids = [int(chunk_id) for chunk_id in chunk_ids]
        found: list[int] = []
        blobs: list[bytes] = []
        with self._reading() as connection:
            for batch in _batches(ids):
                query = f"SELECT chunk_id, vector FROM vectors WHERE chunk_id IN ({_marks(batch)})"  # noqa: S608
                for chunk_id, blob in connection.execute(query, batch):
                    found.append(chunk_id)
                    blobs.append(blob)
        bound = self.embedder
        dimensions = bound[1] if bound else 0
        matrix = np.frombuffer(b"".join(blobs), dtype="<f4").astype(np.float32, copy=False)
        return np.array(found, dtype=np.int64), matrix.reshape(len(found), dimensions)

    def snapshot(self) -> tuple[int, ChunkIds]:
        """The generation and the ids of all passages, of the same instant.

        Without a look at the vectors, which are most of the file.
        """
        with self._reading() as connection:
            ranges = connection.execute(_RANGES_QUERY, _NO_FILTER)
            return _generation(connection), ids_of_ranges(ranges)

    def added_after(self, chunk_id: int) -> tuple[int, int, ChunkIds]:
        """The generation, how many passages there are, and the ids above this one that have a
        vector, ascending: of the same instant, and read without a look at all the others.
        """
        with self._reading() as connection:
            generation, count = connection.execute(
                "SELECT (SELECT value FROM meta WHERE key = 'generation'),"
                " (SELECT coalesce(sum(chunk_count), 0) FROM documents)"
            ).fetchone()
            rows = connection.execute(
                "SELECT chunk_id FROM vectors WHERE chunk_id > ? ORDER BY chunk_id", (chunk_id,)
            ).fetchall()
        ids = np.fromiter((row[0] for row in rows), dtype=np.int64, count=len(rows))
        return int(generation), int(count), ids

    def contents(self) -> tuple[int, LibraryContents]:
        """The generation, and which documents there are under which ids: of the same instant."""
        with self._reading() as connection:
            generation, last_chunk_id = connection.execute(
                "SELECT (SELECT value FROM meta WHERE key = 'generation'),"
                " coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'chunks'), 0)"
            ).fetchone()
            rows = connection.execute(
                "SELECT document_id, chunk_id, chunk_count FROM documents"
                " JOIN chunks USING (document_id) WHERE ordinal = 0"
            ).fetchall()
        spans = {document_id: ChunkSpan(first, count) for document_id, first, count in rows}
        return int(generation), LibraryContents(spans, int(last_chunk_id))

    def search_keywords(
        self, query: str, k: int, *, allowed: AllowedChunks | None = None, k1: float = FTS5_K1
    ) -> list[tuple[int, float]]:
        """The k passages that match a question's words best: (chunk id, BM25), best first.

        query: any text; none of it is read as query syntax. BM25 is above 0, higher is better,
        with FTS5's constant b = 0.75; comparable within one query only.
        allowed: only these are considered, before the k best are taken; None allows all.
        k1: above 0; how much a word gains by standing there more than once, near 0 nothing.
        """
        match = " OR ".join(_quoted(term) for term in query_terms(query))
        if not match or k < 1 or (allowed is not None and not len(allowed)):
            return []
        # A column's weight multiplies its counts, and w f / (w f + k1 L) = f / (f + (k1 / w) L): so
        # the weight of both stands for the constant that FTS5 has built in.
        weight = FTS5_K1 / k1
        parameters: dict[str, Any] = {
            "match": match,
            "k": k,
            "passage": weight,
            "context": weight * _CONTEXT_WEIGHT,
        }
        scope = ""
        if allowed is not None:
            # FTS5 walks through the range alone. Within it a passage that has the words is looked
            # up in the marks: a table of ids, or a join, took longer than the search itself.
            scope = (
                "AND rowid BETWEEN :first AND :last"
                " AND substr(:marks, rowid - :first + 1, 1) = x'01'"
            )
            first, last = int(allowed.ids[0]), int(allowed.ids[-1])
            parameters |= {"first": first, "last": last, "marks": allowed.marks}
        rows = self._rows(
            "SELECT rowid, -bm25(keywords, :passage, :context) AS similarity FROM keywords"  # noqa: S608
            f" WHERE keywords MATCH :match {scope} ORDER BY similarity DESC, rowid LIMIT :k",
            parameters,
        )
        return [(int(chunk_id), float(similarity)) for chunk_id, similarity in rows]

    def keyword_terms(self, chunk_ids: Iterable[int]) -> dict[int, tuple[list[str], list[str]]]:
        """Passage -> its terms in order, and those of its surroundings; see ingest.keywords."""
        found: dict[int, tuple[list[str], list[str]]] = {}
        with self._reading() as connection:
            for batch in _batches([int(chunk_id) for chunk_id in chunk_ids]):
                query = (
                    f"SELECT rowid, passage, context FROM keywords WHERE rowid IN ({_marks(batch)})"  # noqa: S608
                )
                for chunk_id, passage, context in connection.execute(query, batch):
                    found[chunk_id] = (passage.split(), context.split())
        return found

    def document_names(self) -> list[tuple[str, str]]:
        """(document id, file name) of every document; of one in an archive its own name there."""
        rows = self._rows("SELECT document_id, name, source FROM documents ORDER BY document_id")
        return [(document_id, own_name(name, source)) for document_id, name, source in rows]

    def documents_of(self, chunk_ids: Iterable[int]) -> dict[int, str]:
        """Passage -> its document's id."""
        found: dict[int, str] = {}
        for batch in _batches([int(chunk_id) for chunk_id in chunk_ids]):
            query = f"SELECT chunk_id, document_id FROM chunks WHERE chunk_id IN ({_marks(batch)})"  # noqa: S608
            found.update(self._rows(query, batch))
        return found

    def chunk_ids_of(self, document_ids: Sequence[str]) -> ChunkIds:
        """The ids of the passages of these documents, ascending."""
        ranges = self._rows(
            "SELECT chunk_id, chunk_count FROM documents JOIN chunks USING (document_id)"
            " WHERE document_id IN (SELECT value FROM json_each(?)) AND ordinal = 0"
            " ORDER BY chunk_id",
            (json.dumps(list(document_ids)),),
        )
        return ids_of_ranges(ranges)

    def first_chunks(self, document_ids: Sequence[str]) -> dict[str, int]:
        """Document -> the id of its first passage; those without any are left out."""
        return dict(
            self._rows(
                "SELECT document_id, chunk_id FROM chunks WHERE ordinal = 0"
                " AND document_id IN (SELECT value FROM json_each(?))",
                (json.dumps(list(document_ids)),),
            )
        )

    # --- files on their way in ----------------------------------------------------------------

    def accept(self, files: Sequence[PendingFile]) -> list[PendingFile]:
        """Write down files that are going to be read; gives them back with their ids."""
        now = datetime.now(UTC).isoformat()
        accepted = []
        with self._writing() as connection:
            for file in files:
                cursor = connection.execute(
                    "INSERT INTO pending (owner, path, staged, name, source, collection,"
                    " accepted_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (
                        file.owner,
                        os.fsencode(file.path),
                        file.staged,
                        file.name,
                        file.source,
                        file.collection,
                        now,
                    ),
                )
                accepted.append(_with_id(file, int(cursor.lastrowid or 0)))
        return accepted

    def pending(self) -> list[PendingFile]:
        """Files accepted and not finished, by this or any process, in order."""
        rows = self._rows(
            "SELECT pending_id, path, staged, name, source, collection, owner FROM pending"
            " ORDER BY pending_id"
        )
        return [
            PendingFile(
                pending_id=pending_id,
                path=Path(os.fsdecode(path)),
                staged=bool(staged),
                name=name,
                source=source,
                collection=collection,
                owner=owner,
            )
            for pending_id, path, staged, name, source, collection, owner in rows
        ]

    def finish(self, files: Iterable[PendingFile]) -> None:
        """Strike files from the list of pending ones."""
        ids = [(file.pending_id,) for file in files]
        if ids:
            with self._writing() as connection:
                connection.executemany("DELETE FROM pending WHERE pending_id = ?", ids)

    # --- health -------------------------------------------------------------------------------

    def integrity_problems(self) -> list[str]:
        """What SQLite's own full check finds wrong with the file; empty if sound."""
        try:
            problems = [str(row[0]) for row in self._rows("PRAGMA integrity_check")]
            broken = self._rows("PRAGMA foreign_key_check")
        except sqlite3.DatabaseError as error:
            return [str(error)]
        if broken:
            problems.append(f"{len(broken)} rows refer to missing rows")
        return [problem for problem in problems if problem != "ok"]

    def misplaced_chunks(self) -> int:
        """How many passages do not lie inside their page."""
        rows = self._rows(
            """SELECT count(*) FROM chunks c LEFT JOIN pages p USING (document_id, page_index)
               WHERE p.text IS NULL OR c.start < 0 OR c.start >= c."end"
                  OR c."end" > length(p.text)"""
        )
        return int(rows[0][0])

    def unindexed_chunks(self) -> tuple[int, int]:
        """How many passages lack a vector or a keyword row, and how many keyword rows a passage."""
        rows = self._rows(
            """SELECT (SELECT count(*) FROM chunks c
                       WHERE NOT EXISTS (SELECT 1 FROM vectors v WHERE v.chunk_id = c.chunk_id)
                          OR NOT EXISTS (SELECT 1 FROM keywords_content k WHERE k.id = c.chunk_id)),
                      (SELECT count(*) FROM keywords_content k
                       WHERE NOT EXISTS (SELECT 1 FROM chunks c WHERE c.chunk_id = k.id))"""
        )
        return int(rows[0][0]), int(rows[0][1])

    def keyword_index_is_sound(self) -> bool:
        """Whether FTS5's structures agree with the terms they were made from.

        FTS5 checks them by a statement that writes, so in a read-only library they are believed.
        """
        if self.read_only:
            return True
        try:
            with self._writing() as connection:
                connection.execute("INSERT INTO keywords (keywords) VALUES ('integrity-check')")
        except sqlite3.DatabaseError:
            return False
        return True

    def rebuild_keywords(self) -> None:
        """Make the keyword index anew from the passages."""
        with self._writing() as connection:
            connection.execute("DELETE FROM keywords")
            rows = connection.execute(_CHUNK_QUERY + "ORDER BY c.chunk_id")
            titles = dict(connection.execute("SELECT document_id, title FROM documents").fetchall())
            while batch := rows.fetchmany(1000):
                chunks = [_chunk(row) for row in batch]
                connection.executemany(
                    "INSERT INTO keywords (rowid, passage, context) VALUES (?, ?, ?)",
                    [
                        (
                            chunk.chunk_id,
                            " ".join(terms(chunk.text)),
                            _context_terms(
                                chunk.document_name, titles[chunk.document_id], chunk.heading
                            ),
                        )
                        for chunk in chunks
                    ],
                )
            # Deleting a row takes its terms out as its content names them; where the two disagree,
            # only this begins the index from nothing.
            connection.execute("INSERT INTO keywords (keywords) VALUES ('rebuild')")
            connection.execute(
                "INSERT OR REPLACE INTO meta VALUES ('terms_version', ?)", (str(TERMS_VERSION),)
            )
            _bump_generation(connection)

    def original_files(self) -> dict[str, str]:
        """Document id -> original's path relative to the folder, of those that should have one."""
        return dict(
            self._rows("SELECT document_id, original FROM documents WHERE original IS NOT NULL")
        )

    def delete_orphans(self, orphans: Iterable[str]) -> None:
        """Delete originals that no document refers to, checked again under the write lock."""
        with self._writing() as connection:
            for orphan in orphans:
                self._delete_unused_original(connection, orphan)

    def forget_originals(self, document_ids: Iterable[str]) -> None:
        """Note that the originals of these documents are gone."""
        with self._writing() as connection:
            connection.executemany(
                "UPDATE documents SET original = NULL WHERE document_id = ?",
                [(document_id,) for document_id in document_ids],
            )


def make_document_id(collection: str, source: str, sha256: str) -> str:
    """20 hexadecimal digits made from what a document is and where it came from."""
    key = "\x00".join((collection, source, sha256))
    return hashlib.sha256(key.encode("utf-8", errors="surrogatepass")).hexdigest()[:20]


# --- statements inside a transaction ----------------------------------------------------------


def _bind_embedder(connection: sqlite3.Connection, identity: str, dimensions: int) -> None:
    stored = dict(
        connection.execute("SELECT key, value FROM meta WHERE key IN ('embedder', 'dimensions')")
    )
    if stored.get("embedder") == identity and stored.get("dimensions") == str(dimensions):
        return
    if stored and connection.execute("SELECT 1 FROM vectors LIMIT 1").fetchone():
        raise EmbedderMismatch(
            stored=f"{stored.get('embedder')} ({stored.get('dimensions')} dimensions)",
            given=f"{identity} ({dimensions} dimensions)",
        )
    connection.executemany(
        "INSERT OR REPLACE INTO meta VALUES (?, ?)",
        [("embedder", identity), ("dimensions", str(dimensions))],
    )


def _bump_generation(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE meta SET value = value + 1 WHERE key = 'generation'")


def _delete_document(
    connection: sqlite3.Connection, document_id: str, original: str | None
) -> None:
    """Delete its rows, and write down for `tidy` what else there is of it."""
    connection.execute(
        "INSERT OR REPLACE INTO meta VALUES (?, ?)", (f"{_DELETED}{document_id}", original or "")
    )
    connection.execute(
        "DELETE FROM keywords WHERE rowid IN (SELECT chunk_id FROM chunks WHERE document_id = ?)",
        (document_id,),
    )
    connection.execute("DELETE FROM documents WHERE document_id = ?", (document_id,))


def _delete_empty_collections(connection: sqlite3.Connection) -> None:
    connection.execute(
        "DELETE FROM collections WHERE name NOT IN (SELECT collection FROM documents)"
    )


def _generation(connection: sqlite3.Connection) -> int:
    (generation,) = connection.execute("SELECT value FROM meta WHERE key = 'generation'").fetchone()
    return int(generation)


def _parameters(
    connection: sqlite3.Connection, search_filter: SearchFilter | None
) -> dict[str, Any]:
    """What `_FITS` needs. Raises InvalidFilter for a name that no document has."""
    if not search_filter:
        return dict(_NO_FILTER)
    since, before = search_filter.since, search_filter.before
    return {
        "collection": search_filter.collection,
        # As text they are in order: all are in UTC, and "+" comes before ".".
        "since": since and since.isoformat(),
        "before": before and before.isoformat(),
        "media_types": json.dumps(search_filter.media_types) if search_filter.types else None,
        "documents": _named(connection, search_filter.documents),
    }


def _named(connection: sqlite3.Connection, names: Sequence[str]) -> str | None:
    """The ids of the documents that these name, as JSON; None for no names."""
    if not names:
        return None
    everything = connection.execute("SELECT document_id, name, source FROM documents").fetchall()
    found = named_documents(names, everything)
    missing = [name for name, ids in found.items() if not ids]
    if missing:
        raise InvalidFilter(
            f"No document is called {missing[0][:200]!r}; give an id, a name, a path, or a pattern"
            " such as 'report*.pdf'. paperlight list shows all documents."
        )
    return json.dumps(sorted(set().union(*found.values())))


def _insert_document(
    connection: sqlite3.Connection,
    document_id: str,
    new: NewDocument,
    original: str | None,
    keyword_rows: Sequence[tuple[str, str]],
) -> None:
    now = datetime.now(UTC).isoformat()
    connection.execute("INSERT OR IGNORE INTO collections VALUES (?, ?)", (new.collection, now))
    connection.execute(
        "INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            document_id,
            new.name,
            new.source,
            new.collection,
            new.sha256,
            new.document.media_type,
            new.document.title,
            new.byte_size,
            len(new.document.pages),
            len(new.chunks),
            now,
            original,
        ),
    )
    connection.executemany(
        "INSERT INTO pages VALUES (?, ?, ?, ?, ?)",
        (
            (document_id, index, page.number, page.text, page.read_by_ocr)
            for index, page in enumerate(new.document.pages)
        ),
    )
    vectors = np.ascontiguousarray(new.vectors, dtype="<f4")
    for ordinal, chunk in enumerate(new.chunks):
        chunk_id = connection.execute(
            "INSERT INTO chunks (document_id, ordinal, page_index, start, end, heading)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (document_id, ordinal, chunk.page_index, chunk.start, chunk.end, chunk.heading),
        ).lastrowid
        connection.execute(
            "INSERT INTO vectors VALUES (?, ?)", (chunk_id, vectors[ordinal].tobytes())
        )
        connection.execute(
            "INSERT INTO keywords (rowid, passage, context) VALUES (?, ?, ?)",
            (chunk_id, *keyword_rows[ordinal]),
        )


# --- rows and parameters ----------------------------------------------------------------------


def _keyword_rows(new: NewDocument) -> list[tuple[str, str]]:
    contexts: dict[str, str] = {}
    rows = []
    for chunk in new.chunks:
        if chunk.heading not in contexts:
            contexts[chunk.heading] = _context_terms(new.name, new.document.title, chunk.heading)
        rows.append((" ".join(terms(chunk.text)), contexts[chunk.heading]))
    return rows


def _context_terms(name: str, title: str, heading: str) -> str:
    return " ".join(dict.fromkeys(terms(f"{name}\n{title}\n{heading}")))


def _quoted(term: str) -> str:
    return '"' + term.replace('"', '""') + '"'


def _page(row: tuple[Any, ...]) -> Page:
    number, text, read_by_ocr = row
    return Page(number, text, bool(read_by_ocr))


def _chunk(row: tuple[Any, ...]) -> StoredChunk:
    """Of a row of _CHUNK_QUERY."""
    fields = (*row[:-1], bool(row[-1]))
    return StoredChunk(*fields)


def _record(row: tuple[Any, ...]) -> DocumentRecord:
    fields = dict(zip(_DOCUMENT_FIELDS, row, strict=True))
    fields["added_at"] = datetime.fromisoformat(fields["added_at"])
    return DocumentRecord(**fields)


def _with_id(file: PendingFile, pending_id: int) -> PendingFile:
    return PendingFile(
        pending_id=pending_id,
        path=file.path,
        staged=file.staged,
        name=file.name,
        source=file.source,
        collection=file.collection,
        owner=file.owner,
    )


def _batches(ids: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(ids), _IDS_A_QUERY):
        yield ids[start : start + _IDS_A_QUERY]


def _marks(batch: Sequence[object]) -> str:
    return ",".join("?" * len(batch))
