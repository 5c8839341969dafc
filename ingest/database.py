"""A library's SQLite database: opening it, connections to it, and transactions.

SQLite 3.35 or later. WAL lets readers go on while one process writes; with synchronous=NORMAL a
killed process loses nothing that was committed (only a power cut may lose the last commits, never
consistency; sqlite.org/pragma.html#pragma_synchronous). secure_delete overwrites what is deleted.

It knows no tables: those are ingest/schema.py's.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ingest.errors import DiskFull, LibraryClosed, LibraryDamaged, LibraryReadOnly
from ingest.storage_failures import is_full, named_storage_failures

BUSY_TIMEOUT_SECONDS = 120.0
_LOCKED_SECONDS = 0.01  # between two tries
_LOG_WAIT_MILLISECONDS = 2000
_IDLE_CONNECTIONS = 8
# SQLite's default limit of variables is 32,766 (since 3.32); ids go in by batches below it.
_IDS_A_QUERY = 10_000


class Database:
    """Connections to one database file. Thread-safe, and safe beside other processes.

    path: the file, which is made if missing; its folder is there.
    read_only: this account may not write, or the disk has no room for SQLite's log: it was opened
        to be read, and what would change it raises LibraryReadOnly.
    Raises LibraryDamaged; LibraryReadOnly and DiskFull where it cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._idle: list[sqlite3.Connection] = []
        self._idle_lock = threading.Lock()
        self._write_lock = threading.Lock()  # threads queue here, processes at SQLite's own lock
        self._closed = False
        self.read_only = path.exists() and not is_writable(path)
        self._was_full = False
        try:
            connection = connect(path, read_only=self.read_only)
        except DiskFull:
            if not path.exists() or not path.stat().st_size:
                raise
            self.read_only = self._was_full = True
            connection = connect(path, read_only=True)
        self._give_back(connection)

    def close(self) -> None:
        """Close every connection that is not in use; those close when they come back."""
        with self._idle_lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """A connection in autocommit mode, for this user alone until the `with` ends.

        Raises LibraryClosed when the database was closed.
        """
        with self._idle_lock:
            if self._closed:
                raise LibraryClosed(f"The library {self.path.parent} is closed; open it again.")
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = connect(self.path, read_only=self.read_only)
        try:
            yield connection
        finally:
            self._give_back(connection)

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._idle_lock:
            # One that was made to read only sees no later changes; see `_read_only_address`.
            keep = not self._closed and not self.read_only and len(self._idle) < _IDLE_CONNECTIONS
            if keep:
                self._idle.append(connection)
        if not keep:
            connection.close()

    def rows(
        self, query: str, parameters: Sequence[Any] | Mapping[str, Any] = ()
    ) -> list[tuple[Any, ...]]:
        """All rows that one query gives."""
        with self.connection() as connection:
            return connection.execute(query, parameters).fetchall()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection whose statements all see the same state."""
        with self.connection() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A write transaction: all of it or nothing; waits for other writers.

        Raises LibraryReadOnly, DiskFull.
        """
        self.require_writable()
        with (
            named_storage_failures(self.path.parent),
            self._write_lock,
            self.connection() as connection,
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

    def empty_log(self) -> None:
        """Let no deleted text linger in the write-ahead log, unless others are using it."""
        with self.connection() as connection:
            connection.execute(f"PRAGMA busy_timeout = {_LOG_WAIT_MILLISECONDS}")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            connection.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_SECONDS * 1000)}")

    def integrity_problems(self) -> list[str]:
        """What SQLite's own full check finds wrong with the file; empty if sound."""
        try:
            problems = [str(row[0]) for row in self.rows("PRAGMA integrity_check")]
            broken = self.rows("PRAGMA foreign_key_check")
        except sqlite3.DatabaseError as error:
            return [str(error)]
        if broken:
            problems.append(f"{len(broken)} rows refer to missing rows")
        return [problem for problem in problems if problem != "ok"]


def is_writable(path: Path) -> bool:
    """Whether this account may change the database and make files beside it."""
    ours = {"effective_ids": True} if os.access in os.supports_effective_ids else {}
    return all(
        os.access(place, os.W_OK | os.X_OK if place.is_dir() else os.W_OK, **ours)
        for place in (path.parent, path)
        if place.exists()
    )


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection for one user at a time, in autocommit mode.

    read_only: needs no right to write, nor room on the disk.
    Raises LibraryDamaged if the file is no database, DiskFull, LibraryReadOnly.
    """
    with named_storage_failures(path.parent):
        return _connect(path, read_only=read_only)


def _connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    connection: sqlite3.Connection | None = None
    try:
        connection = sqlite3.connect(
            _read_only_address(path) if read_only else path.absolute().as_uri(),
            timeout=BUSY_TIMEOUT_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            uri=True,
        )
        if not read_only:
            _write_ahead(connection)
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.DatabaseError as error:
        if connection is not None:
            connection.close()
        if not isinstance(error, sqlite3.OperationalError):
            raise damaged(path) from error
        if is_full(error):
            raise
        hint = " once with the right to write, to recover what is in its log" if read_only else ""
        raise LibraryDamaged(
            f"The library's database {path} cannot be opened: {error}; open it{hint}."
            if hint
            else f"The library's database {path} cannot be opened: {error}."
        ) from error
    return connection


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch to a write-ahead log, or see that it is on.

    SQLite does not wait for that as it does for other locks: of two processes that open a new file
    at once, one was told at once that it is locked.
    """
    gives_up = time.monotonic() + BUSY_TIMEOUT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > gives_up:
                raise
            time.sleep(_LOCKED_SECONDS)
        else:
            return


def _read_only_address(path: Path) -> str:
    """With a log, readers need its index and so the locks; without one, nobody is writing.

    A process that begins to write later puts that into the log, and changes the file itself only
    at a checkpoint: whoever connects anew for each use does not see that happen.
    """
    log = path.with_name(f"{path.name}-wal")
    try:
        written = log.stat().st_size > 0
    except OSError:
        written = False
    return f"{path.absolute().as_uri()}?mode=ro" + ("" if written else "&immutable=1")


@contextmanager
def ending(connection: sqlite3.Connection) -> Iterator[None]:
    """Ends the transaction that was begun: for good, or as if nothing had been done."""
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite ends it by itself where the disk is full
            connection.execute("ROLLBACK")
        raise


def rows_of_ids(
    connection: sqlite3.Connection, query: str, ids: Sequence[int]
) -> Iterator[tuple[Any, ...]]:
    """The rows of a query that ends with "IN", where what is before it is one of these ids."""
    for start in range(0, len(ids), _IDS_A_QUERY):
        batch = ids[start : start + _IDS_A_QUERY]
        yield from connection.execute(f"{query} ({','.join('?' * len(batch))})", batch)


def damaged(path: Path) -> LibraryDamaged:
    """The error of a file that SQLite cannot make sense of."""
    return LibraryDamaged(
        f"The library's database {path} is damaged or not a database; restore it from a backup, or"
        " move it away and add the documents again."
    )
