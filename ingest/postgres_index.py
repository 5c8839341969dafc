"""A library's index in PostgreSQL with pgvector: an IndexServer of ingest.shared_index.

A change is one transaction under an advisory lock, so machines that bring the index up to date at
once do so one after the other. What there is to know of addresses, connections, tables and searches
is in the four files beside this one.
"""

from __future__ import annotations

import logging

import numpy as np
import psycopg

from ingest.errors import SharedIndexConflict
from ingest.library_contents import ChunkSpan, LibraryContents
from ingest.postgres_address import PostgresAddress
from ingest.postgres_connections import Connection, Ids, PostgresConnections
from ingest.postgres_search import can_have_graph, compares_all, make_graph, nearest
from ingest.postgres_tables import FORMAT, PostgresTables
from ingest.records import ChunkIds, FloatMatrix
from ingest.shared_index import Change, ServedIndex, ServedPassages

logger = logging.getLogger(__name__)


class PostgresServer:
    """One library's tables in one database. Thread-safe; see ingest.shared_index.IndexServer.

    address: postgresql://user:password@host:port/database?options, as libpq reads it.
    Connects when it is first used. Raises SharedIndexUnavailable for an address that is none.
    """

    def __init__(self, address: str, library_id: str) -> None:
        self._tables = PostgresTables(library_id)
        self._connections = PostgresConnections(
            PostgresAddress.parse(address), table=self._tables.name
        )

    @property
    def table(self) -> str:
        """The name of the table of passages."""
        return self._tables.name

    @property
    def place(self) -> str:
        """Host and database, and the table."""
        return self._connections.place

    # --- what is there ------------------------------------------------------------------------

    def fingerprint(self) -> str | None:
        """Of the contents; None where there is nothing of this library."""
        query = self._tables.sql("SELECT fingerprint FROM {state}")

        def work(connection: Connection) -> str | None:
            try:
                row = connection.execute(query).fetchone()
            except psycopg.errors.UndefinedTable:
                return None
            return None if row is None else str(row[0])

        return self._connections.run(work)

    def read(self) -> ServedIndex | None:
        """What it has; None where there is nothing of this library."""
        tables = self._tables

        def work(connection: Connection) -> ServedIndex | None:
            with connection.transaction():
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                row = tables.state(
                    connection, "library_id, format, embedder, dimensions, last_chunk_id"
                )
                if row is None:
                    return None
                library_id, version, embedder, dimensions, last_chunk_id = row
                if (library_id, version) != (tables.library_id, FORMAT):
                    raise SharedIndexConflict(
                        f"{self.place} was made by another version of this program or belongs to"
                        " another library; drop its three tables, or use another database."
                    )
                rows = connection.execute(
                    tables.sql("SELECT document_id, first_chunk_id, chunk_count FROM {documents}")
                ).fetchall()
            spans = {key: ChunkSpan(first, count) for key, first, count in rows}
            return ServedIndex(embedder, dimensions, LibraryContents(spans, last_chunk_id))

        return self._connections.run(work)

    def ids(self) -> ChunkIds:
        """The ids of all passages, ascending."""
        query = self._tables.sql("SELECT chunk_id FROM {passages} ORDER BY chunk_id")
        rows = self._connections.run(lambda connection: connection.execute(query).fetchall())
        return np.fromiter((row[0] for row in rows), dtype=np.int64, count=len(rows))

    def passages(self, ids: ChunkIds) -> ServedPassages:
        """Of these, those that are there."""
        query = self._tables.sql(
            "SELECT chunk_id, document_id, content, embedding::real[] FROM {passages}"
            " WHERE chunk_id = ANY(%s) ORDER BY chunk_id"
        )
        rows = self._connections.run(
            lambda connection: connection.execute(query, (Ids(ids),), binary=True).fetchall()
        )
        return ServedPassages(
            np.array([row[0] for row in rows], dtype=np.int64),
            [row[1] for row in rows],
            [row[2] for row in rows],
            np.array([row[3] for row in rows], dtype=np.float32),
        )

    def search(
        self, query: FloatMatrix, k: int, *, allowed: ChunkIds | None
    ) -> list[tuple[int, float]]:
        """(chunk id, cosine), best first; see IndexServer.search."""
        return self._connections.run(
            lambda connection: nearest(
                connection,
                self._tables,
                query,
                k,
                allowed=allowed,
                pgvector_version=self._connections.pgvector_version,
            )
        )

    # --- changes ------------------------------------------------------------------------------

    def create(self, embedder: str, dimensions: int) -> None:
        """Make the extension and empty tables, unless they are there."""

        def work(connection: Connection) -> None:
            self._connections.require_vectors(connection)
            with connection.transaction():
                self._tables.lock(connection)
                if self._tables.state(connection, "1") is None:
                    self._tables.create(connection, embedder, dimensions)

        self._connections.run(work)

    def apply(self, change: Change, *, expected: str) -> bool:
        """Make a change; False, and nothing done, where the fingerprint is not the expected one."""

        def work(connection: Connection) -> bool:
            with connection.transaction():
                self._tables.lock(connection)
                row = self._tables.state(connection, "fingerprint")
                if row is None or row[0] != expected:
                    return False
                self._tables.write(connection, change)
                return True

        return self._connections.run(work)

    def adapt(self, count: int) -> bool:
        """Have a graph made where there are too many passages to compare with all."""
        served = None if compares_all(count) else self.read()
        if served is None or not can_have_graph(served.dimensions):
            return False

        def work(connection: Connection) -> bool:
            with connection.transaction():
                self._tables.lock(connection)
                if self._tables.has_graph(connection):
                    return False
                logger.info("Having PostgreSQL make an index of %d vectors", count)
                make_graph(connection, self._tables)
                return True

        return self._connections.run(work)

    def drop(self) -> None:
        """Drop the three tables. Raises SharedIndexConflict where one of them is not ours."""

        def work(connection: Connection) -> None:
            with connection.transaction():
                self._tables.lock(connection)
                if others := self._tables.of_others(connection):
                    raise SharedIndexConflict(
                        f"{self.place} cannot be made anew: {others[0]} is not ours; drop or rename"
                        " it."
                    )
                self._tables.drop(connection)

        self._connections.run(work)

    def close(self) -> None:
        """Let go of all connections."""
        self._connections.close()
