"""A library's index in PostgreSQL with pgvector; the only file that talks to it.

Three tables named for the library's identity: its passages, its documents, and one row of what is
there. A change is one transaction under an advisory lock, so machines that bring it up to date at
once do so one after the other. LangChain's PGVectorStore reads the table of passages as it is.

Password and all else that the address leaves open come from where libpq looks for them
(PGPASSWORD, ~/.pgpass); no message repeats the address.
"""

from __future__ import annotations

import logging
import math
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import numpy as np
import psycopg
from pgvector.psycopg import register_vector
from psycopg import sql
from psycopg.adapt import Dumper
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types import TypeInfo

from ingest.errors import SharedIndexConflict, SharedIndexError, SharedIndexUnavailable
from ingest.library_contents import ChunkSpan, LibraryContents
from ingest.records import ChunkIds, FloatMatrix, StoredChunk
from ingest.shared_index import Change, ServedIndex, ServedPassages, storable

logger = logging.getLogger(__name__)

T = TypeVar("T")
_Connection = psycopg.Connection[tuple[Any, ...]]

_FORMAT = 1
_CONNECT_SECONDS = 10
_DEAD_PEER_MILLISECONDS = 30_000
_IDLE_CONNECTIONS = 8
# Up to here a query is compared with every passage, which is exact. See docs/decisions.md.
_EXACT_UP_TO = 50_000
_MAX_HNSW_DIMENSIONS = 2_000  # pgvector's limit
# Passages that a search in the graph keeps in view (hnsw.ef_search), the most that pgvector takes;
# its usual 40 would end a search for 100 after 40. Of 100,000, 400 had .96 of the best in 10 ms,
# 1,000 have .99 in 25.
_IN_VIEW = 1000
# Vectors that leave room for the rest in a page of 8 kB are kept in the row: outside of it, where
# pgvector puts them unless told otherwise, comparing all takes a second reading of each.
_MAX_INLINE_DIMENSIONS = 1_500

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
_BIGINT, _BIGINT_ARRAY = 20, 1016  # PostgreSQL's type oids, the same everywhere
_TABLES = ("passages", "documents", "state")
_PASSAGE_TYPES = (
    *("int8", "text", "text", "text", "text", "int4", "int4", "int8", "int8", "text", "text"),
    "vector",
)


@dataclass(frozen=True, slots=True)
class _Ids:
    """A parameter of type bigint[]."""

    values: ChunkIds


class _IdsDumper(Dumper):
    """Writes them as array_recv reads them: half a million in 24 ms; as a list, 730 ms.

    Source: postgresql.org/docs/current/protocol-message-formats, src/backend/utils/adt/arrayfuncs.c
    """

    format = psycopg.pq.Format.BINARY
    oid = _BIGINT_ARRAY

    def dump(self, obj: _Ids) -> bytes:
        """One dimension, no nulls; each element after its length."""
        header = struct.pack("!iiIii", 1, 0, _BIGINT, len(obj.values), 1)
        elements = np.empty(len(obj.values), dtype=[("length", ">i4"), ("value", ">i8")])
        elements["length"] = 8
        elements["value"] = obj.values
        return header + elements.tobytes()


class PostgresServer:
    """One library's tables in one database. Thread-safe; see ingest.shared_index.IndexServer.

    address: postgresql://user:password@host:port/database?options, as libpq reads it.
    Connects when it is first used. Raises SharedIndexUnavailable for an address that is none.
    """

    def __init__(self, address: str, library_id: str) -> None:
        self._library_id = library_id
        try:
            self._parameters = conninfo_to_dict(address)
        except psycopg.Error:  # its message repeats parts of the address
            raise _unreadable() from None
        if not _is_unambiguous(self._parameters):
            raise _unreadable()
        self._secrets = _secrets(address, self._parameters)
        name = f"paperlight_{library_id}"
        self.table = name
        self._tables = {
            "passages": sql.Identifier(name),
            "documents": sql.Identifier(f"{name}_documents"),
            "state": sql.Identifier(f"{name}_state"),
            "graph": sql.Identifier(f"{name}_hnsw"),
        }
        self._mark = f"Paperlight, library {library_id}"  # tells our tables from others'
        self._lock_key = int(library_id[:15], 16)
        self._idle: list[_Connection] = []
        self._idle_lock = threading.Lock()
        self._closed = False
        self._version = (0, 0)  # of pgvector

    @property
    def place(self) -> str:
        """Host and database, and the table."""
        host = self._parameters.get("host") or "PostgreSQL's default host"
        database = self._parameters.get("dbname") or "its default database"
        return f"The shared index on {host} ({database}, table {self.table})"

    # --- what is there ------------------------------------------------------------------------

    def fingerprint(self) -> str | None:
        """Of the contents; None where there is nothing of this library."""
        query = self._sql("SELECT fingerprint FROM {state}")

        def work(connection: _Connection) -> str | None:
            try:
                row = connection.execute(query).fetchone()
            except psycopg.errors.UndefinedTable:
                return None
            return None if row is None else str(row[0])

        return self._run(work)

    def read(self) -> ServedIndex | None:
        """What it has; None where there is nothing of this library."""

        def work(connection: _Connection) -> ServedIndex | None:
            with connection.transaction():
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                row = self._state(
                    connection, "library_id, format, embedder, dimensions, last_chunk_id"
                )
                if row is None:
                    return None
                library_id, version, embedder, dimensions, last_chunk_id = row
                if (library_id, version) != (self._library_id, _FORMAT):
                    raise SharedIndexConflict(
                        f"{self.place} was made by another version of this program or belongs to"
                        " another library; drop its three tables, or use another database."
                    )
                rows = connection.execute(
                    self._sql("SELECT document_id, first_chunk_id, chunk_count FROM {documents}")
                ).fetchall()
            spans = {key: ChunkSpan(first, count) for key, first, count in rows}
            return ServedIndex(embedder, dimensions, LibraryContents(spans, last_chunk_id))

        return self._run(work)

    def ids(self) -> ChunkIds:
        """The ids of all passages, ascending."""
        query = self._sql("SELECT chunk_id FROM {passages} ORDER BY chunk_id")
        rows = self._run(lambda connection: connection.execute(query).fetchall())
        return np.fromiter((row[0] for row in rows), dtype=np.int64, count=len(rows))

    def passages(self, ids: ChunkIds) -> ServedPassages:
        """Of these, those that are there."""
        query = self._sql(
            "SELECT chunk_id, document_id, content, embedding::real[] FROM {passages}"
            " WHERE chunk_id = ANY(%s) ORDER BY chunk_id"
        )
        rows = self._run(
            lambda connection: connection.execute(query, (_Ids(ids),), binary=True).fetchall()
        )
        return ServedPassages(
            np.array([row[0] for row in rows], dtype=np.int64),
            [row[1] for row in rows],
            [row[2] for row in rows],
            np.array([row[3] for row in rows], dtype=np.float32),
        )

    # --- changes ------------------------------------------------------------------------------

    def create(self, embedder: str, dimensions: int) -> None:
        """Make the extension and empty tables, unless they are there."""

        def work(connection: _Connection) -> None:
            self._require_utf8(connection)
            self._make_extension(connection)
            with connection.transaction():
                self._lock(connection)
                if self._state(connection, "1") is not None:
                    return
                connection.execute(
                    self._sql(
                        "CREATE TABLE {state} (library_id text PRIMARY KEY, format integer"
                        " NOT NULL, embedder text NOT NULL, dimensions integer NOT NULL,"
                        " last_chunk_id bigint NOT NULL, fingerprint text NOT NULL)"
                    )
                )
                connection.execute(
                    self._sql(
                        "CREATE TABLE {documents} (document_id text PRIMARY KEY,"
                        " first_chunk_id bigint NOT NULL, chunk_count bigint NOT NULL)"
                    )
                )
                columns = sql.SQL(_PASSAGE_COLUMNS).format(sql.Literal(dimensions))
                connection.execute(
                    self._sql("CREATE TABLE {passages} ({columns})", columns=columns)
                )
                connection.execute(self._sql("CREATE INDEX ON {passages} (document_id)"))
                if dimensions <= _MAX_INLINE_DIMENSIONS:
                    connection.execute(
                        self._sql("ALTER TABLE {passages} ALTER COLUMN embedding SET STORAGE PLAIN")
                    )
                for table in _TABLES:
                    connection.execute(
                        self._sql(
                            "COMMENT ON TABLE {table} IS {mark}",
                            table=self._tables[table],
                            mark=sql.Literal(self._mark),
                        )
                    )
                connection.execute(
                    self._sql("INSERT INTO {state} VALUES (%s, %s, %s, %s, 0, %s)"),
                    (
                        *(self._library_id, _FORMAT, embedder, dimensions),
                        LibraryContents({}, 0).fingerprint,
                    ),
                )

        self._run(work)

    def apply(self, change: Change, *, expected: str) -> bool:
        """Make a change; False, and nothing done, where the fingerprint is not the expected one."""

        def work(connection: _Connection) -> bool:
            with connection.transaction():
                self._lock(connection)
                row = self._state(connection, "fingerprint")
                if row is None or row[0] != expected:
                    return False
                for table in ("passages", "documents"):
                    connection.execute(
                        self._sql(
                            "DELETE FROM {table} WHERE document_id = ANY(%s)",
                            table=self._tables[table],
                        ),
                        (list(change.removed),),
                    )
                self._copy_documents(connection, change)
                self._copy_passages(connection, change)
                connection.execute(
                    self._sql("UPDATE {state} SET last_chunk_id = %s, fingerprint = %s"),
                    (change.contents.last_chunk_id, change.contents.fingerprint),
                )
                return True

        return self._run(work)

    def adapt(self, count: int) -> bool:
        """Have an HNSW graph made where there are too many passages to compare with all."""
        served = self.read() if count > _EXACT_UP_TO else None
        if served is None or served.dimensions > _MAX_HNSW_DIMENSIONS:
            return False

        def work(connection: _Connection) -> bool:
            with connection.transaction():
                self._lock(connection)
                if self._has_graph(connection):
                    return False
                logger.info("Having PostgreSQL make an index of %d vectors", count)
                connection.execute(
                    self._sql(
                        "CREATE INDEX {graph} ON {passages}"
                        " USING hnsw (embedding vector_cosine_ops)"
                    )
                )
                return True

        return self._run(work)

    def drop(self) -> None:
        """Drop the three tables. Raises SharedIndexConflict where one of them is not ours."""
        names = [self._tables[table].as_string() for table in _TABLES]

        def work(connection: _Connection) -> None:
            with connection.transaction():
                self._lock(connection)
                rows = connection.execute(
                    "SELECT name, obj_description(to_regclass(name), 'pg_class')"
                    " FROM unnest(%s::text[]) AS name WHERE to_regclass(name) IS NOT NULL",
                    (names,),
                ).fetchall()
                for name, mark in rows:
                    if mark != self._mark:
                        raise SharedIndexConflict(
                            f"{self.place} cannot be made anew: {name} is not ours; drop or rename"
                            " it."
                        )
                connection.execute(
                    self._sql("DROP TABLE IF EXISTS {passages}, {documents}, {state}")
                )

        self._run(work)

    def _copy_documents(self, connection: _Connection, change: Change) -> None:
        copy = self._sql("COPY {documents} FROM STDIN")
        with connection.cursor() as cursor, cursor.copy(copy) as rows:
            for document_id, span in change.added.items():
                rows.write_row((document_id, span.first_chunk_id, span.count))

    def _copy_passages(self, connection: _Connection, change: Change) -> None:
        copy = self._sql("COPY {passages} FROM STDIN (FORMAT BINARY)")
        with connection.cursor() as cursor, cursor.copy(copy) as rows:
            rows.set_types(_PASSAGE_TYPES)
            for chunk, vector in zip(change.chunks, change.vectors, strict=True):
                rows.write_row((*_row(chunk), vector))

    # --- searching ----------------------------------------------------------------------------

    def search(
        self, query: FloatMatrix, k: int, *, allowed: ChunkIds | None
    ) -> list[tuple[int, float]]:
        """(chunk id, cosine), best first; see IndexServer.search."""
        chosen = None if allowed is None else _Ids(allowed)

        def work(connection: _Connection) -> list[tuple[int, float]]:
            if chosen is None or len(chosen.values) > _EXACT_UP_TO:
                found = self._search(connection, query, k, chosen, exact=False)
                # A search in the graph may end before it has found as many as there are.
                if len(found) >= k:
                    return found
            return self._search(connection, query, k, chosen, exact=True)

        found = self._run(work)
        return sorted(found, key=lambda hit: (-hit[1], hit[0]))

    def _search(
        self,
        connection: _Connection,
        query: FloatMatrix,
        k: int,
        allowed: _Ids | None,
        *,
        exact: bool,
    ) -> list[tuple[int, float]]:
        scope = sql.SQL("" if allowed is None else "WHERE chunk_id = ANY(%(allowed)s)")
        statement = self._sql(
            "SELECT chunk_id, 1 - (embedding <=> %(query)s) FROM {passages} {scope}"
            " ORDER BY embedding <=> %(query)s LIMIT %(k)s",
            scope=scope,
        )
        with connection.pipeline(), connection.transaction():
            for setting, value in self._planning(exact=exact).items():
                connection.execute("SELECT set_config(%s, %s, true)", (setting, value))
            cursor = connection.execute(
                statement, {"query": query, "allowed": allowed, "k": k}, binary=True
            )
            rows = cursor.fetchall()
        return [
            # No cosine with a query of zeros.
            (chunk_id, 0.0 if math.isnan(cosine) else min(1.0, max(-1.0, cosine)))
            for chunk_id, cosine in rows
        ]

    def _planning(self, *, exact: bool) -> dict[str, str]:
        """PostgreSQL's settings for one search."""
        if exact:  # the graph is out; ids are still looked up, by a bitmap
            return {"enable_indexscan": "off"}
        settings = {"hnsw.ef_search": str(_IN_VIEW)}
        if self._version >= (0, 8):  # goes on where a filter leaves too few
            settings["hnsw.iterative_scan"] = "strict_order"
        return settings

    # --- statements ---------------------------------------------------------------------------

    def _sql(self, statement: str, **parts: sql.Composable) -> sql.Composed:
        return sql.SQL(statement).format(**self._tables, **parts)

    def _state(self, connection: _Connection, columns: str) -> tuple[Any, ...] | None:
        """The one row of state; None where there is no such table."""
        (there,) = connection.execute(
            "SELECT to_regclass(%s)", (f'"{self.table}_state"',)
        ).fetchone() or (None,)
        if there is None:
            return None
        return connection.execute(
            self._sql("SELECT {columns} FROM {state}", columns=sql.SQL(columns))
        ).fetchone()

    def _has_graph(self, connection: _Connection) -> bool:
        row = connection.execute("SELECT to_regclass(%s)", (f'"{self.table}_hnsw"',)).fetchone()
        return row is not None and row[0] is not None

    def _lock(self, connection: _Connection) -> None:
        """One change of this library at a time, until the transaction ends."""
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (self._lock_key,))

    def _require_utf8(self, connection: _Connection) -> None:
        encoding = connection.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            raise SharedIndexUnavailable(
                f"{self.place} would be in a database of encoding {encoding}; use one of UTF8."
            )

    def _make_extension(self, connection: _Connection) -> None:
        if TypeInfo.fetch(connection, "vector") is not None:
            return
        try:
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        except psycopg.errors.InsufficientPrivilege:
            raise SharedIndexUnavailable(
                f"{self.place} needs the extension pgvector, which this user may not create: have"
                " an administrator run CREATE EXTENSION vector in that database."
            ) from None
        except (psycopg.errors.FeatureNotSupported, psycopg.errors.UndefinedFile):
            raise SharedIndexUnavailable(
                f"{self.place} needs the extension pgvector, which that server does not have:"
                " install it there (Debian: postgresql-16-pgvector)."
            ) from None
        self._prepare(connection)

    # --- connections --------------------------------------------------------------------------

    def close(self) -> None:
        """Close every connection that is not in use; those close when they come back."""
        with self._idle_lock:
            self._closed = True
        self._close_idle()

    def _close_idle(self) -> None:
        with self._idle_lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _run(self, work: Callable[[_Connection], T]) -> T:
        """What the work gives; done again on a new connection where an idle one was dead.

        The work is a single statement or transaction, so what a dead connection was told to do is
        done or not, and doing it again finds out.
        """
        with self._idle_lock:
            connection = self._idle.pop() if self._idle else None
        if connection is not None:
            try:
                with self._returned(connection):
                    return work(connection)
            except psycopg.Error as error:
                if not connection.closed:
                    raise self._named(error) from error
                self._close_idle()  # the others have most likely met the same end
        connection = self._connect()
        try:
            with self._returned(connection):
                return work(connection)
        except psycopg.Error as error:
            raise self._named(error) from error

    @contextmanager
    def _returned(self, connection: _Connection) -> Iterator[None]:
        try:
            yield
        finally:
            with self._idle_lock:
                keep = (
                    not self._closed
                    and not connection.closed
                    # One from before the extension was made does not know its type.
                    and connection.adapters.types.get("vector") is not None
                    and connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
                    and len(self._idle) < _IDLE_CONNECTIONS
                )
                if keep:
                    self._idle.append(connection)
            if not keep:
                with suppress(psycopg.Error):
                    connection.close()

    def _connect(self) -> _Connection:
        usual = {
            "connect_timeout": _CONNECT_SECONDS,
            "tcp_user_timeout": _DEAD_PEER_MILLISECONDS,
            "application_name": "paperlight",
            "client_encoding": "UTF8",
        }
        parameters: dict[str, Any] = {**usual, **self._parameters}
        try:
            # No prepared statements: poolers between here and the server mix them up, and a plan
            # for any k and any filter is none for this one.
            connection = psycopg.connect(
                make_conninfo(**parameters), autocommit=True, prepare_threshold=None
            )
        except psycopg.Error as error:
            raise self._unavailable("cannot be reached", error) from None
        try:
            self._prepare(connection)
        except psycopg.Error as error:
            connection.close()
            raise self._named(error) from error
        return connection

    def _prepare(self, connection: _Connection) -> None:
        row = connection.execute(
            "SELECT extversion FROM pg_extension WHERE extname = 'vector'"
        ).fetchone()
        if row is not None:
            major, minor = str(row[0]).split(".")[:2]
            self._version = (int(major), int(minor))
            register_vector(connection)
        connection.adapters.register_dumper(_Ids, _IdsDumper)

    def _named(self, error: psycopg.Error) -> SharedIndexError:
        """PostgreSQL's error in the library's words."""
        if isinstance(error, psycopg.errors.UndefinedTable):
            return SharedIndexConflict(
                f"{self.place} is not complete any more; `paperlight doctor` makes it anew."
            )
        if isinstance(error, psycopg.errors.DuplicateTable):
            return SharedIndexConflict(
                f"{self.place} cannot be made: there is something of that name. If it is ours,"
                " `paperlight doctor` makes it anew; if it is not, drop or rename it."
            )
        if isinstance(error, psycopg.errors.InsufficientPrivilege):
            return self._unavailable("refuses this user", error)
        if isinstance(error, psycopg.OperationalError):
            return self._unavailable("does not answer as it should", error)
        return self._unavailable("reports an error", error)

    def _unavailable(self, what: str, error: psycopg.Error) -> SharedIndexUnavailable:
        said = error.diag.message_primary or str(error) or type(error).__name__
        reason = " ".join(said.split())
        for secret in self._secrets:
            reason = reason.replace(secret, "***")
        return SharedIndexUnavailable(
            f"{self.place} {what} ({reason}). The library itself is as it should be; the index"
            " catches up with it when it is next asked."
        )


def _unreadable() -> SharedIndexUnavailable:
    return SharedIndexUnavailable(
        "The address of the shared index cannot be read; it is written"
        " postgresql://user:password@host:port/database, and what is special in a name or password"
        " (@ : / ? # %) as %40 %3A %2F %3F %23 %25."
    )


def _is_unambiguous(parameters: dict[str, Any]) -> bool:
    """Whether no part of a password can have got into what messages show.

    libpq reads a password with @ or / in it as half a host, a port or a database.
    """
    shown = f"{parameters.get('host') or ''}{parameters.get('dbname') or ''}"
    port = str(parameters.get("port") or "")
    return "@" not in shown and port.replace(",", "").isdecimal() == bool(port)


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


def _secrets(address: str, parameters: dict[str, Any]) -> list[str]:
    """What no message may repeat: the password, as it is and as it was written."""
    written = [str(parameters.get(key) or "") for key in ("password", "sslpassword")]
    with suppress(ValueError):
        written.append(urlsplit(address).password or "")
    return [secret for secret in written if secret]
