"""The library's one source of truth: documents, pages, passages, vectors and keyword index.

One SQLite database in WAL mode. A document goes in, is replaced or goes out in one transaction,
so a process killed at any instant leaves the library as it was before or after. Everything else
on disk (the vector index) is derived from it and can be rebuilt.

The store says what belongs into one transaction; the statements are in modules of their subjects:
document_rows, keyword_index, filtered_passages, pending_files, removal, meta_table. It knows
nothing of loaders, models or FAISS: texts, offsets and vectors are given to it.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Collection, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from ingest import keyword_index, meta_table, pending_files
from ingest.allowed_chunks import AllowedChunks, ids_of_ranges
from ingest.database import Database, connect, damaged, rows_of_ids
from ingest.document_rows import (
    CHUNK_QUERY,
    DOCUMENT_QUERY,
    PAGE_QUERY,
    chunk_of,
    document_of,
    in_place_of,
    insert_document,
    make_document_id,
    page_of,
)
from ingest.documents import Page
from ingest.errors import DimensionMismatch, DocumentNotFound, PageNotFound
from ingest.filtered_passages import (
    FITS_FILTER,
    FilteredPassages,
    filter_parameters,
    passage_ranges,
)
from ingest.library_contents import ChunkSpan, LibraryContents
from ingest.naming import own_name
from ingest.originals import Originals
from ingest.records import (
    ChunkIds,
    DocumentRecord,
    FloatMatrix,
    NewDocument,
    PendingFile,
    StoredChunk,
)
from ingest.removal import Removal, delete_document, delete_empty_collections
from ingest.schema import prepare, require_own_tables
from ingest.search_filter import SearchFilter
from ingest.storage_failures import named_storage_failures


@dataclass(frozen=True, slots=True)
class PutResult:
    """What storing a document did.

    replaced: an older version of it went out. read_again: which had the same bytes.
    """

    document_id: str
    replaced: bool
    unchanged: bool = False
    read_again: bool = False


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
        self._database = Database(self.path)
        self._filtered = FilteredPassages(self._database)
        self._removal = Removal(self._database, self.originals, self.claims_folder)
        try:
            with self._database.connection() as connection:
                prepare(connection, self.path)
                outdated = not keyword_index.has_current_terms(connection)
            if outdated and not self.read_only:
                self.rebuild_keywords()
        except BaseException:
            self.close()
            raise

    @classmethod
    def received(cls, path: Path) -> Self:
        """Open a database that came from elsewhere, once it is sure that it is a library's.

        It gets an id of its own, for its first library may go on beside it; files on their way in
        stayed there. Raises LibraryDamaged, LibraryTooNew, DiskFull, LibraryReadOnly.
        """
        with closing(connect(path, read_only=True)) as connection:
            require_own_tables(connection, path)
        store = cls(path)
        try:
            if store.integrity_problems():
                raise damaged(path)
            with store._database.writing() as connection:
                meta_table.set_value(connection, "library_id", uuid.uuid4().hex)
            store.finish(store.pending())
        except BaseException:
            store.close()
            raise
        return store

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection that is not in use; those close when they come back."""
        self._database.close()

    # --- what the library is ------------------------------------------------------------------

    @property
    def read_only(self) -> bool:
        """Whether it was opened to be read, and nothing can be changed."""
        return self._database.read_only

    def require_writable(self) -> None:
        """Raises LibraryReadOnly or DiskFull where nothing can be changed."""
        self._database.require_writable()

    @property
    def generation(self) -> int:
        """Goes up with every change of the documents, in any process."""
        with self._database.connection() as connection:
            return meta_table.generation(connection)

    @property
    def library_id(self) -> str:
        """Random, made with the library: tells its index file from another library's."""
        with self._database.connection() as connection:
            return meta_table.value_of(connection, "library_id") or ""

    @property
    def embedder(self) -> tuple[str, int] | None:
        """Identity and dimensions of the embedding model of the vectors, or None so far."""
        with self._database.connection() as connection:
            return meta_table.embedder(connection)

    def bind_embedder(self, identity: str, dimensions: int) -> None:
        """Declare which model makes the vectors; a library without passages takes any.

        Raises EmbedderMismatch if the passages' vectors come from another one.
        """
        if self.embedder == (identity, dimensions):
            return
        with self._database.writing() as connection:
            meta_table.bind_embedder(connection, identity, dimensions)

    # --- documents ----------------------------------------------------------------------------

    def documents(self, search_filter: SearchFilter | None = None) -> list[DocumentRecord]:
        """The documents that a filter leaves, or all, in the order they were added.

        Raises InvalidFilter if it names a document that is not there.
        """
        with self._database.reading() as connection:
            rows = connection.execute(
                f"{DOCUMENT_QUERY} WHERE {FITS_FILTER} ORDER BY added_at, document_id",
                filter_parameters(connection, search_filter),
            )
            return [document_of(row) for row in rows]

    def document(self, document_id: str) -> DocumentRecord:
        """One document. Raises DocumentNotFound."""
        rows = self._database.rows(DOCUMENT_QUERY + "WHERE document_id = ?", (document_id,))
        if not rows:
            raise DocumentNotFound(document_id)
        return document_of(rows[0])

    def find_source(self, collection: str, source: str) -> DocumentRecord | None:
        """The document that was added from this source, if any."""
        rows = self._database.rows(
            DOCUMENT_QUERY + "WHERE collection = ? AND source = ?", (collection, source)
        )
        return document_of(rows[0]) if rows else None

    def find_content(self, collection: str, sha256: str) -> list[DocumentRecord]:
        """The documents of a collection with these bytes, the oldest first."""
        rows = self._database.rows(
            DOCUMENT_QUERY + "WHERE sha256 = ? AND collection = ? ORDER BY added_at",
            (sha256, collection),
        )
        return [document_of(row) for row in rows]

    def document_names(self) -> list[tuple[str, str]]:
        """(document id, file name) of every document; of one in an archive its own name there."""
        rows = self._database.rows(
            "SELECT document_id, name, source FROM documents ORDER BY document_id"
        )
        return [(document_id, own_name(name, source)) for document_id, name, source in rows]

    def collections(self) -> list[str]:
        """The names of all collections that have documents, sorted."""
        rows = self._database.rows("SELECT name FROM collections ORDER BY name")
        return [str(name) for (name,) in rows]

    def page(self, document_id: str, page_index: int) -> Page:
        """A page's text. Raises DocumentNotFound, PageNotFound."""
        rows = self._database.rows(
            PAGE_QUERY + "WHERE document_id = ? AND page_index = ?", (document_id, page_index)
        )
        if not rows:
            self.document(document_id)
            raise PageNotFound(document_id, page_index)
        return page_of(rows[0])

    def pages(self, document_id: str) -> list[Page]:
        """All pages of a document, in order. Raises DocumentNotFound."""
        rows = self._database.rows(
            PAGE_QUERY + "WHERE document_id = ? ORDER BY page_index", (document_id,)
        )
        if not rows:
            self.document(document_id)
        return [page_of(row) for row in rows]

    def original(self, document_id: str) -> Path | None:
        """The library's own copy of the file, or None if none was kept or it is gone.

        Raises DocumentNotFound.
        """
        rows = self._database.rows(
            "SELECT original FROM documents WHERE document_id = ?", (document_id,)
        )
        if not rows:
            raise DocumentNotFound(document_id)
        if rows[0][0] is None:
            return None
        path = self.originals.folder / rows[0][0]
        return path if path.is_file() else None

    # --- documents in and out -----------------------------------------------------------------

    def put(
        self,
        new: NewDocument,
        *,
        embedder: str,
        staged: Path | None = None,
        finishes: PendingFile | None = None,
    ) -> PutResult:
        """Store a document, in place of an older one from the same source.

        One of the same bytes keeps its id, its time and, where none is given, its original; it is
        unchanged if no older version read it.
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
        keyword_rows = keyword_index.rows_of(new)  # outside the transaction: it takes its time
        with self._database.writing() as connection:
            meta_table.bind_embedder(connection, embedder, new.vectors.shape[1])
            if finishes is not None:
                pending_files.strike(connection, [finishes.pending_id])
            old = in_place_of(connection, document_id, new)
            same = next((each for each in old if each.sha256 == new.sha256), None)
            if same is not None:
                document_id = same.document_id
                has_moved = document_id == new.moved_from and same.source != new.source
                if same.reading_version >= new.reading_version and not has_moved:
                    # another process was first
                    return PutResult(document_id, replaced=False, unchanged=True)
            original = same.original if same is not None else None
            if staged is not None:
                original = self.originals.place(
                    staged, sha256=new.sha256, media_type=new.document.media_type
                )
            for each in old:
                delete_document(connection, each.document_id, each.original)
            delete_empty_collections(connection)
            chunk_ids = insert_document(
                connection, document_id, new, original, added_at=same.added_at if same else ""
            )
            keyword_index.insert(connection, chunk_ids, keyword_rows)
            meta_table.raise_generation(connection)
        return PutResult(document_id, replaced=bool(old), read_again=same is not None)

    def move(self, record: DocumentRecord, source: str) -> bool:
        """Note that a document's file lies elsewhere now, under the same name.

        What was added from there before goes out. False, and nothing done, where the document
        itself is not there any more. Raises DiskFull, LibraryReadOnly.
        """
        with self._database.writing() as connection:
            moved = connection.execute(
                "SELECT 1 FROM documents WHERE document_id = ? AND source = ?",
                (record.document_id, record.path),
            ).fetchone()
            if moved is None:
                return False
            overwritten = connection.execute(
                "SELECT document_id, original FROM documents WHERE collection = ? AND source = ?",
                (record.collection, source),
            ).fetchone()
            if overwritten is not None:
                delete_document(connection, *overwritten)
            connection.execute(
                "UPDATE documents SET source = ? WHERE document_id = ?",
                (source, record.document_id),
            )
            meta_table.raise_generation(connection)
        return True

    def remove(self, *document_ids: str) -> None:
        """Take documents out, their originals included, and every trace of them in the files.

        All of them or none. Many at once take hardly longer than one: see `tidy`.
        Raises DocumentNotFound, DiskFull, LibraryReadOnly.
        """
        self._removal.remove(document_ids)

    def remove_left_out(self, collection: str, archive: str, present: Collection[str]) -> int:
        """Take out documents that came out of an archive and are not in it any more; how many.

        archive: its source. present: the sources of the files in it now. The archive itself goes
        too, where an older version of this program stored it as one document.
        What goes is out of sight at once, and out of the files after `tidy`.
        Raises DiskFull, LibraryReadOnly.
        """
        return self._removal.remove_left_out(collection, archive, present)

    def tidy(self) -> None:
        """Clear away what deleted documents and dead processes left in the files.

        Cheap when there is nothing; else it takes as long as writing all keywords anew, however
        much was deleted. Raises DiskFull, LibraryReadOnly.
        """
        self._removal.tidy()

    def left_behind(self) -> int:
        """How many things `tidy` would clear away."""
        return self._removal.left_behind()

    # --- passages -----------------------------------------------------------------------------

    def chunks(self, chunk_ids: Iterable[int]) -> list[StoredChunk]:
        """Passages in the order of the ids; those that are gone are left out."""
        ids = [int(chunk_id) for chunk_id in chunk_ids]
        with self._database.reading() as connection:
            rows = rows_of_ids(connection, CHUNK_QUERY + "WHERE c.chunk_id IN", ids)
            found = {chunk.chunk_id: chunk for chunk in map(chunk_of, rows)}
        return [found[chunk_id] for chunk_id in ids if chunk_id in found]

    def neighbours(self, chunk_id: int) -> tuple[StoredChunk | None, StoredChunk | None]:
        """The passages before and after one in its document."""
        rows = self._database.rows(
            CHUNK_QUERY
            + """JOIN chunks here ON here.document_id = c.document_id
                 WHERE here.chunk_id = ? AND c.ordinal IN (here.ordinal - 1, here.ordinal + 1)
                 ORDER BY c.ordinal""",
            (int(chunk_id),),
        )
        found = [chunk_of(row) for row in rows]
        before = next((chunk for chunk in found if chunk.chunk_id < chunk_id), None)
        after = next((chunk for chunk in found if chunk.chunk_id > chunk_id), None)
        return before, after

    def document_chunks(self, document_id: str) -> list[StoredChunk]:
        """All passages of a document, in order."""
        rows = self._database.rows(
            CHUNK_QUERY + "WHERE c.document_id = ? ORDER BY c.ordinal", (document_id,)
        )
        return [chunk_of(row) for row in rows]

    def documents_of(self, chunk_ids: Iterable[int]) -> dict[int, str]:
        """Passage -> its document's id."""
        ids = [int(chunk_id) for chunk_id in chunk_ids]
        query = "SELECT chunk_id, document_id FROM chunks WHERE chunk_id IN"
        with self._database.reading() as connection:
            return dict(rows_of_ids(connection, query, ids))

    def first_chunks(self, document_ids: Sequence[str]) -> dict[str, int]:
        """Document -> the id of its first passage; those without any are left out."""
        return dict(
            self._database.rows(
                "SELECT document_id, chunk_id FROM chunks WHERE ordinal = 0"
                " AND document_id IN (SELECT value FROM json_each(?))",
                (json.dumps(list(document_ids)),),
            )
        )

    def chunk_ids(self) -> ChunkIds:
        """The ids of all passages that have a vector, ascending."""
        rows = self._database.rows("SELECT chunk_id FROM vectors ORDER BY chunk_id")
        return np.fromiter((row[0] for row in rows), dtype=np.int64, count=len(rows))

    def chunk_ids_of(self, document_ids: Sequence[str]) -> ChunkIds:
        """The ids of the passages of these documents, ascending."""
        ranges = self._database.rows(
            "SELECT chunk_id, chunk_count FROM documents JOIN chunks USING (document_id)"
            " WHERE document_id IN (SELECT value FROM json_each(?)) AND ordinal = 0"
            " ORDER BY chunk_id",
            (json.dumps(list(document_ids)),),
        )
        return ids_of_ranges(ranges)

    def allowed(self, search_filter: SearchFilter | None) -> AllowedChunks | None:
        """The passages that a filter leaves; None where it leaves all.

        Cheap for a filter that was used since the last change of the documents.
        Raises InvalidFilter if it names a document that is not there.
        """
        return self._filtered.allowed(search_filter) if search_filter else None

    def search_keywords(
        self,
        query: str,
        k: int,
        *,
        allowed: AllowedChunks | None = None,
        k1: float = keyword_index.FTS5_K1,
    ) -> list[tuple[int, float]]:
        """The k passages that match a question's words best: (chunk id, BM25), best first.

        query: any text; none of it is read as query syntax. BM25 is above 0, higher is better,
        with FTS5's constant b = 0.75; comparable within one query only.
        allowed: only these are considered, before the k best are taken; None allows all.
        k1: above 0; how much a word gains by standing there more than once, near 0 nothing.
        """
        with self._database.connection() as connection:
            return keyword_index.search(connection, query, k, allowed, k1=k1)

    def keyword_terms(self, chunk_ids: Iterable[int]) -> dict[int, tuple[list[str], list[str]]]:
        """Passage -> its terms in order, and those of its surroundings; see ingest.keywords."""
        ids = [int(chunk_id) for chunk_id in chunk_ids]
        with self._database.reading() as connection:
            return keyword_index.terms_of(connection, ids)

    # --- what indexes of the vectors are made from --------------------------------------------

    def vectors(self, chunk_ids: ChunkIds | Sequence[int]) -> tuple[ChunkIds, FloatMatrix]:
        """The vectors of these passages: ids (n,) and rows (n, dim), n without those gone."""
        ids = [int(chunk_id) for chunk_id in chunk_ids]
        query = "SELECT chunk_id, vector FROM vectors WHERE chunk_id IN"
        found: list[int] = []
        blobs: list[bytes] = []
        with self._database.reading() as connection:
            for chunk_id, blob in rows_of_ids(connection, query, ids):
                found.append(chunk_id)
                blobs.append(blob)
            bound = meta_table.embedder(connection)
        dimensions = bound[1] if bound else 0
        matrix = np.frombuffer(b"".join(blobs), dtype="<f4").astype(np.float32, copy=False)
        return np.array(found, dtype=np.int64), matrix.reshape(len(found), dimensions)

    def snapshot(self) -> tuple[int, ChunkIds]:
        """The generation and the ids of all passages, of the same instant.

        Without a look at the vectors, which are most of the file.
        """
        with self._database.reading() as connection:
            ids = ids_of_ranges(passage_ranges(connection, None))
            return meta_table.generation(connection), ids

    def added_after(self, chunk_id: int) -> tuple[int, int, ChunkIds]:
        """The generation, how many passages there are, and the ids above this one that have a
        vector, ascending: of the same instant, and read without a look at all the others.
        """
        with self._database.reading() as connection:
            generation = meta_table.generation(connection)
            (count,) = connection.execute(
                "SELECT coalesce(sum(chunk_count), 0) FROM documents"
            ).fetchone()
            rows = connection.execute(
                "SELECT chunk_id FROM vectors WHERE chunk_id > ? ORDER BY chunk_id", (chunk_id,)
            ).fetchall()
        ids = np.fromiter((row[0] for row in rows), dtype=np.int64, count=len(rows))
        return generation, int(count), ids

    def contents(self) -> tuple[int, LibraryContents]:
        """The generation, and which documents there are under which ids: of the same instant."""
        with self._database.reading() as connection:
            generation = meta_table.generation(connection)
            (last_chunk_id,) = connection.execute(
                "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'chunks'), 0)"
            ).fetchone()
            rows = connection.execute(
                "SELECT document_id, chunk_id, chunk_count FROM documents"
                " JOIN chunks USING (document_id) WHERE ordinal = 0"
            ).fetchall()
        spans = {document_id: ChunkSpan(first, count) for document_id, first, count in rows}
        return generation, LibraryContents(spans, int(last_chunk_id))

    def copy_to(self, path: Path) -> None:
        """Write the database of one instant into a new file, while others go on writing.

        Raises DiskFull, LibraryReadOnly, of the copy's folder.
        """
        with (
            named_storage_failures(path.parent),
            self._database.connection() as connection,
            closing(sqlite3.connect(path)) as copy,
        ):
            connection.backup(copy)  # in one step, for between two others may write

    # --- files on their way in ----------------------------------------------------------------

    def accept(self, files: Sequence[PendingFile]) -> list[PendingFile]:
        """Write down files that are going to be read; gives them back with their ids."""
        with self._database.writing() as connection:
            return pending_files.insert(connection, files)

    def pending(self) -> list[PendingFile]:
        """Files accepted and not finished, by this or any process, in order."""
        with self._database.connection() as connection:
            return pending_files.all_pending(connection)

    def finish(self, files: Iterable[PendingFile]) -> None:
        """Strike files from the list of pending ones."""
        pending_ids = [file.pending_id for file in files]
        if pending_ids:
            with self._database.writing() as connection:
                pending_files.strike(connection, pending_ids)

    # --- health -------------------------------------------------------------------------------

    def integrity_problems(self) -> list[str]:
        """What SQLite's own full check finds wrong with the file; empty if sound."""
        return self._database.integrity_problems()

    def misplaced_chunks(self) -> int:
        """How many passages do not lie inside their page."""
        rows = self._database.rows(
            """SELECT count(*) FROM chunks c LEFT JOIN pages p USING (document_id, page_index)
               WHERE p.text IS NULL OR c.start < 0 OR c.start >= c."end"
                  OR c."end" > length(p.text)"""
        )
        return int(rows[0][0])

    def unindexed_chunks(self) -> tuple[int, int]:
        """How many passages lack a vector or a keyword row, and how many keyword rows a passage."""
        rows = self._database.rows(
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
            with self._database.writing() as connection:
                keyword_index.check(connection)
        except sqlite3.DatabaseError:
            return False
        return True

    def rebuild_keywords(self) -> None:
        """Make the keyword index anew from the passages."""
        with self._database.writing() as connection:
            keyword_index.rebuild(connection)
            meta_table.raise_generation(connection)

    def original_files(self) -> dict[str, str]:
        """Document id -> original's path relative to the folder, of those that should have one."""
        return dict(
            self._database.rows(
                "SELECT document_id, original FROM documents WHERE original IS NOT NULL"
            )
        )

    def delete_orphans(self, orphans: Iterable[str]) -> None:
        """Delete originals that no document refers to, checked again under the write lock."""
        self._removal.delete_orphans(orphans)

    def forget_originals(self, document_ids: Iterable[str]) -> None:
        """Note that the originals of these documents are gone."""
        with self._database.writing() as connection:
            connection.executemany(
                "UPDATE documents SET original = NULL WHERE document_id = ?",
                [(document_id,) for document_id in document_ids],
            )
