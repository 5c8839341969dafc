"""Taking documents out of a library, with every trace of them in its files.

A document is out of sight in one transaction, which writes down what else there is of it: deleted
terms in the keyword index, and its original. `Removal.tidy` clears that away, for many documents
at once; after a kill in between, the next process does it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from pathlib import Path

from ingest import keyword_index, meta_table, pending_files
from ingest.claims import Claim
from ingest.database import Database
from ingest.errors import DocumentNotFound
from ingest.originals import Originals

_DELETED = "deleted:"  # before a document's id: a key of meta whose value is its original or ""


class Removal:
    """What takes out documents of one library. Thread-safe, and safe beside other processes.

    claims_folder: whose staged files are whose; see ingest.claims.
    """

    def __init__(self, database: Database, originals: Originals, claims_folder: Path) -> None:
        self._database = database
        self._originals = originals
        self._claims_folder = claims_folder

    def remove(self, document_ids: Iterable[str]) -> None:
        """Take documents out, all or none, and tidy. Raises DocumentNotFound and as `tidy`."""
        with self._database.writing() as connection:
            for document_id in dict.fromkeys(document_ids):
                row = connection.execute(
                    "SELECT original FROM documents WHERE document_id = ?", (document_id,)
                ).fetchone()
                if row is None:
                    raise DocumentNotFound(document_id)
                delete_document(connection, document_id, row[0])
            delete_empty_collections(connection)
            meta_table.raise_generation(connection)
        self.tidy()

    def remove_left_out(self, collection: str, archive: str, present: Collection[str]) -> int:
        """Take out what came out of an archive and is not in it any more; how many documents.

        archive: its source. present: the sources of the files in it now. The archive itself goes
        too, where an older version of this program stored it as one document.
        Raises DiskFull, LibraryReadOnly.
        """
        inside = f"{archive}/"
        query = (
            "SELECT document_id, original, source FROM documents WHERE collection = ?"
            " AND (source = ? OR source >= ? AND source < ?)"
        )
        # "0" comes after "/": the range is of all that begins with `inside`, by the index.
        parameters = (collection, archive, inside, f"{archive}0")
        if all(source in present for _, _, source in self._database.rows(query, parameters)):
            return 0
        with self._database.writing() as connection:
            left_out = [
                (document_id, original)
                for document_id, original, source in connection.execute(query, parameters)
                if source not in present
            ]
            for document_id, original in left_out:
                delete_document(connection, document_id, original)
            delete_empty_collections(connection)
            meta_table.raise_generation(connection)
        return len(left_out)

    def tidy(self) -> None:
        """Clear away what deleted documents and dead processes left in the files.

        Cheap when there is nothing; else it takes as long as writing all keywords anew.
        Raises DiskFull, LibraryReadOnly.
        """
        deleted = self._deleted()
        if deleted:
            with self._database.writing() as connection:
                keyword_index.optimize(connection)
                for key, original in deleted:
                    self._delete_unused_original(connection, original)
                    connection.execute("DELETE FROM meta WHERE key = ?", (key,))
            self._database.empty_log()
        for path in self._abandoned():
            self._originals.discard(path)

    def left_behind(self) -> int:
        """How many things `tidy` would clear away."""
        return len(self._deleted()) + len(self._abandoned())

    def delete_orphans(self, orphans: Iterable[str]) -> None:
        """Delete originals that no document refers to, checked again under the write lock."""
        with self._database.writing() as connection:
            for orphan in orphans:
                self._delete_unused_original(connection, orphan)

    def _deleted(self) -> list[tuple[str, str]]:
        """(key, original or "") of each document whose traces are still there."""
        return self._database.rows(f"SELECT key, value FROM meta WHERE key GLOB '{_DELETED}*'")  # noqa: S608

    def _abandoned(self) -> list[Path]:
        """Staged files of processes that are gone, but for those that `resume` will read."""
        staged = list(self._originals.staged())
        if not staged:
            return []
        with self._database.connection() as connection:
            wanted = {file.path for file in pending_files.all_pending(connection)}
        return [
            path
            for path in staged
            if path.absolute() not in wanted
            and not Claim.is_held(self._claims_folder, self._originals.owner_of(path))
        ]

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
            self._originals.delete(original)


def delete_document(connection: sqlite3.Connection, document_id: str, original: str | None) -> None:
    """Delete a document's rows, and write down for `tidy` what else there is of it."""
    meta_table.set_value(connection, f"{_DELETED}{document_id}", original or "")
    keyword_index.delete(connection, document_id)
    connection.execute("DELETE FROM documents WHERE document_id = ?", (document_id,))


def delete_empty_collections(connection: sqlite3.Connection) -> None:
    """Forget the names of collections that have no document any more."""
    connection.execute(
        "DELETE FROM collections WHERE name NOT IN (SELECT collection FROM documents)"
    )
