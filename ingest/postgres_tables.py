"""One library's tables in PostgreSQL: what they are called, what is in them, and writing to them.

Three, named for the library's identity: its passages, its documents, and one row of what is there.
LangChain's PGVectorStore reads the table of passages as it is. Every function here runs inside a
transaction of its caller.
"""

from __future__ import annotations

from typing import Any

from psycopg import sql

from ingest.library_contents import LibraryContents
from ingest.postgres_connections import Connection
from ingest.records import StoredChunk
from ingest.shared_index import Change, storable

FORMAT = 1
# Vectors that leave room for the rest in a page of 8 kB are kept in the row: outside of it, where
# pgvector puts them unless told otherwise, comparing all takes a second reading of each.
_MAX_INLINE_DIMENSIONS = 1_500

_STATE_COLUMNS = """
    library_id text PRIMARY KEY,
    format integer NOT NULL,
    embedder text NOT NULL,
    dimensions integer NOT NULL,
    last_chunk_id bigint NOT NULL,
    fingerprint text NOT NULL
"""
_DOCUMENT_COLUMNS = """
    document_id text PRIMARY KEY,
    first_chunk_id bigint NOT NULL,
    chunk_count bigint NOT NULL
"""
_PASSAGE_COLUMNS = """
    chunk_id bigint PRIMARY KEY,
    document_id text NOT NULL,
    document_name text NOT NULL,
    document_path text NOT NULL,
    collection text NOT NULL,
    page integer,
    page_index integer NOT NULL,
    "start" bigint NOT NULL,
    "end" bigint NOT NULL,
    heading text NOT NULL,
    content text NOT NULL,
    embedding vector({}) NOT NULL
"""
_PASSAGE_TYPES = (
    *("int8", "text", "text", "text", "text", "int4", "int4", "int8", "int8", "text", "text"),
    "vector",
)
_TABLES = ("passages", "documents", "state")


class PostgresTables:
    """The tables of one library. name: of the table of passages."""

    def __init__(self, library_id: str) -> None:
        self.library_id = library_id
        self.name = f"paperlight_{library_id}"
        self._names = {
            "passages": sql.Identifier(self.name),
            "documents": sql.Identifier(f"{self.name}_documents"),
            "state": sql.Identifier(f"{self.name}_state"),
            "graph": sql.Identifier(f"{self.name}_hnsw"),
        }
        self._mark = f"Paperlight, library {library_id}"  # tells our tables from others'
        self._lock_key = int(library_id[:15], 16)

    def sql(self, statement: str, **parts: sql.Composable) -> sql.Composed:
        """A statement with the names of the tables in it: {passages}, {documents}, {state}, and
        {graph}, the index of vectors."""
        return sql.SQL(statement).format(**self._names, **parts)

    def lock(self, connection: Connection) -> None:
        """One change of this library at a time, until the transaction ends."""
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (self._lock_key,))

    def state(self, connection: Connection, columns: str) -> tuple[Any, ...] | None:
        """The one row of state; None where there is no such table."""
        if not _exists(connection, f"{self.name}_state"):
            return None
        return connection.execute(
            self.sql("SELECT {columns} FROM {state}", columns=sql.SQL(columns))
        ).fetchone()

    def has_graph(self, connection: Connection) -> bool:
        """Whether there is an index of the vectors."""
        return _exists(connection, f"{self.name}_hnsw")

    # --- making and dropping ------------------------------------------------------------------

    def create(self, connection: Connection, embedder: str, dimensions: int) -> None:
        """Make all three, with nothing in them."""
        for table, columns in (
            ("state", sql.SQL(_STATE_COLUMNS)),
            ("documents", sql.SQL(_DOCUMENT_COLUMNS)),
            ("passages", sql.SQL(_PASSAGE_COLUMNS).format(sql.Literal(dimensions))),
        ):
            connection.execute(
                self.sql(
                    "CREATE TABLE {table} ({columns})", table=self._names[table], columns=columns
                )
            )
            connection.execute(
                self.sql(
                    "COMMENT ON TABLE {table} IS {mark}",
                    table=self._names[table],
                    mark=sql.Literal(self._mark),
                )
            )
        connection.execute(self.sql("CREATE INDEX ON {passages} (document_id)"))
        if dimensions <= _MAX_INLINE_DIMENSIONS:
            connection.execute(
                self.sql("ALTER TABLE {passages} ALTER COLUMN embedding SET STORAGE PLAIN")
            )
        connection.execute(
            self.sql("INSERT INTO {state} VALUES (%s, %s, %s, %s, 0, %s)"),
            (self.library_id, FORMAT, embedder, dimensions, LibraryContents({}, 0).fingerprint),
        )

    def of_others(self, connection: Connection) -> list[str]:
        """Tables of these names that are not ours."""
        names = [self._names[table].as_string() for table in _TABLES]
        rows = connection.execute(
            "SELECT name, obj_description(to_regclass(name), 'pg_class')"
            " FROM unnest(%s::text[]) AS name WHERE to_regclass(name) IS NOT NULL",
            (names,),
        ).fetchall()
        return [name for name, mark in rows if mark != self._mark]

    def drop(self, connection: Connection) -> None:
        """Drop all three, and what is made from them."""
        connection.execute(self.sql("DROP TABLE IF EXISTS {passages}, {documents}, {state}"))

    # --- rows ---------------------------------------------------------------------------------

    def write(self, connection: Connection, change: Change) -> None:
        """Take out and put in what a change says, and note what is there then."""
        for table in ("passages", "documents"):
            connection.execute(
                self.sql(
                    "DELETE FROM {table} WHERE document_id = ANY(%s)", table=self._names[table]
                ),
                (list(change.removed),),
            )
        self._copy_documents(connection, change)
        self._copy_passages(connection, change)
        connection.execute(
            self.sql("UPDATE {state} SET last_chunk_id = %s, fingerprint = %s"),
            (change.contents.last_chunk_id, change.contents.fingerprint),
        )

    def _copy_documents(self, connection: Connection, change: Change) -> None:
        copy = self.sql("COPY {documents} FROM STDIN")
        with connection.cursor() as cursor, cursor.copy(copy) as rows:
            for document_id, span in change.added.items():
                rows.write_row((document_id, span.first_chunk_id, span.count))

    def _copy_passages(self, connection: Connection, change: Change) -> None:
        copy = self.sql("COPY {passages} FROM STDIN (FORMAT BINARY)")
        with connection.cursor() as cursor, cursor.copy(copy) as rows:
            rows.set_types(_PASSAGE_TYPES)
            for chunk, vector in zip(change.chunks, change.vectors, strict=True):
                rows.write_row((*_row(chunk), vector))


def _exists(connection: Connection, name: str) -> bool:
    row = connection.execute("SELECT to_regclass(%s)", (f'"{name}"',)).fetchone()
    return row is not None and row[0] is not None


def _row(chunk: StoredChunk) -> tuple[Any, ...]:
    """As _PASSAGE_COLUMNS names it, but for the vector."""
    return (
        chunk.chunk_id,
        chunk.document_id,
        storable(chunk.document_name),
        storable(chunk.document_path),
        storable(chunk.collection),
        chunk.page_number,
        chunk.page_index,
        chunk.start,
        chunk.end,
        storable(chunk.heading),
        storable(chunk.text),
    )
