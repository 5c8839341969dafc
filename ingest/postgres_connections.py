"""Connections to a PostgreSQL database with pgvector: made, kept, and their failures in our words.

Knows no table but the name of the one that messages speak of.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import psycopg
from pgvector.psycopg import register_vector
from psycopg.adapt import Dumper
from psycopg.conninfo import make_conninfo
from psycopg.types import TypeInfo

from ingest.errors import SharedIndexConflict, SharedIndexError, SharedIndexUnavailable
from ingest.postgres_address import PostgresAddress
from ingest.records import ChunkIds

T = TypeVar("T")
Connection = psycopg.Connection[tuple[Any, ...]]

_CONNECT_SECONDS = 10
_DEAD_PEER_MILLISECONDS = 30_000
_IDLE_CONNECTIONS = 8
_BIGINT, _BIGINT_ARRAY = 20, 1016  # PostgreSQL's type oids, the same everywhere


@dataclass(frozen=True, slots=True)
class Ids:
    """A parameter of type bigint[]."""

    values: ChunkIds


class _IdsDumper(Dumper):
    """Writes them as array_recv reads them: half a million in 24 ms; as a list, 730 ms.

    Source: postgresql.org/docs/current/protocol-message-formats, src/backend/utils/adt/arrayfuncs.c
    """

    format = psycopg.pq.Format.BINARY
    oid = _BIGINT_ARRAY

    def dump(self, obj: Ids) -> bytes:
        """One dimension, no nulls; each element after its length."""
        header = struct.pack("!iiIii", 1, 0, _BIGINT, len(obj.values), 1)
        elements = np.empty(len(obj.values), dtype=[("length", ">i4"), ("value", ">i8")])
        elements["length"] = 8
        elements["value"] = obj.values
        return header + elements.tobytes()


class PostgresConnections:
    """Connects when it is first used. Thread-safe.

    table: what messages call the index by.
    """

    def __init__(self, address: PostgresAddress, *, table: str) -> None:
        self._address = address
        self._table = table
        self._idle: list[Connection] = []
        self._idle_lock = threading.Lock()
        self._closed = False
        self._pgvector_version = (0, 0)

    @property
    def place(self) -> str:
        """Host and database, and the table."""
        address = self._address
        return f"The shared index on {address.host} ({address.database}, table {self._table})"

    @property
    def pgvector_version(self) -> tuple[int, int]:
        """Of the database, as the newest connection found it; (0, 0) where there is none."""
        return self._pgvector_version

    def run(self, work: Callable[[Connection], T]) -> T:
        """What the work gives; done again on a new connection where an idle one was dead.

        The work is a single statement or transaction, so what a dead connection was told to do is
        done or not, and doing it again finds out. Raises SharedIndexUnavailable,
        SharedIndexConflict.
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

    def require_vectors(self, connection: Connection) -> None:
        """See that the database can hold vectors and any text: make the extension if it is missing.

        Raises SharedIndexUnavailable.
        """
        encoding = connection.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            raise SharedIndexUnavailable(
                f"{self.place} would be in a database of encoding {encoding}; use one of UTF8."
            )
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

    @contextmanager
    def _returned(self, connection: Connection) -> Iterator[None]:
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

    def _connect(self) -> Connection:
        usual = {
            "connect_timeout": _CONNECT_SECONDS,
            "tcp_user_timeout": _DEAD_PEER_MILLISECONDS,
            "application_name": "paperlight",
            "client_encoding": "UTF8",
        }
        parameters: dict[str, Any] = {**usual, **self._address.parameters}
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

    def _prepare(self, connection: Connection) -> None:
        row = connection.execute(
            "SELECT extversion FROM pg_extension WHERE extname = 'vector'"
        ).fetchone()
        if row is not None:
            major, minor = str(row[0]).split(".")[:2]
            self._pgvector_version = (int(major), int(minor))
            register_vector(connection)
        connection.adapters.register_dumper(Ids, _IdsDumper)

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
        reason = self._address.without_secrets(" ".join(said.split()))
        return SharedIndexUnavailable(
            f"{self.place} {what} ({reason}). The library itself is as it should be; the index"
            " catches up with it when it is next asked."
        )
