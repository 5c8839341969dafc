"""The tables of a library's database, and opening a connection to it.

SQLite 3.35 or later. WAL lets readers go on while one process writes; with synchronous=NORMAL a
killed process loses nothing that was committed (only a power cut may lose the last commits, never
consistency; sqlite.org/pragma.html#pragma_synchronous). secure_delete overwrites what is deleted.
"""

from __future__ import annotations

import os
import sqlite3
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ingest.errors import LibraryDamaged, LibraryReadOnly, LibraryTooNew
from ingest.keywords import TERMS_VERSION
from ingest.storage_failures import is_full, named_storage_failures

SCHEMA_VERSION = 3
APPLICATION_ID = 0x50_4C_47_54  # "PLGT": tells a library from any other SQLite file
BUSY_TIMEOUT_SECONDS = 120.0
_LOCKED_SECONDS = 0.01  # between two tries

_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE collections (name TEXT PRIMARY KEY, created_at TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE documents (
    document_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    source TEXT NOT NULL,
    collection TEXT NOT NULL REFERENCES collections(name),
    sha256 TEXT NOT NULL,
    media_type TEXT NOT NULL,
    title TEXT NOT NULL,
    byte_size INTEGER NOT NULL,
    page_count INTEGER NOT NULL,
    chunk_count INTEGER NOT NULL,
    added_at TEXT NOT NULL,
    original TEXT,                       -- relative to the folder of originals, or NULL
    UNIQUE (collection, source)
);
CREATE INDEX documents_by_content ON documents (sha256, collection);
CREATE TABLE pages (
    document_id TEXT NOT NULL REFERENCES documents ON DELETE CASCADE,
    page_index INTEGER NOT NULL,
    number INTEGER,                      -- NULL where the format has no pages
    text TEXT NOT NULL,
    PRIMARY KEY (document_id, page_index)
);
-- AUTOINCREMENT: an id is never used again, so it names one vector for ever and a derived index
-- is up to date exactly when it holds the same ids. The text is not repeated: it is the page's
-- characters [start, end), cut out by substr, which counts code points as Python does.
CREATE TABLE chunks (
    chunk_id INTEGER PRIMARY KEY AUTOINCREMENT,
    document_id TEXT NOT NULL REFERENCES documents ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    page_index INTEGER NOT NULL,
    start INTEGER NOT NULL,
    "end" INTEGER NOT NULL,
    heading TEXT NOT NULL,
    UNIQUE (document_id, ordinal),
    FOREIGN KEY (document_id, page_index) REFERENCES pages ON DELETE CASCADE
);
CREATE TABLE vectors (
    chunk_id INTEGER PRIMARY KEY REFERENCES chunks ON DELETE CASCADE,
    vector BLOB NOT NULL                 -- little-endian float32, unit length
);
-- Holds terms that ingest.keywords made, one space between: the tokenizer has nothing to decide.
CREATE VIRTUAL TABLE keywords USING fts5 (passage, context, tokenize = "ascii tokenchars '.'");
CREATE TABLE pending (
    pending_id INTEGER PRIMARY KEY AUTOINCREMENT,
    owner TEXT NOT NULL,
    path BLOB NOT NULL,
    staged INTEGER NOT NULL,
    name TEXT NOT NULL,
    source TEXT NOT NULL,
    collection TEXT NOT NULL,
    accepted_at TEXT NOT NULL
);
"""
# What readers thought of answers (rag/feedback.py). A row quotes the documents that it names and
# goes with the first of them that is removed or replaced.
_FEEDBACK_TABLES = """
CREATE TABLE feedback (
    feedback_id INTEGER PRIMARY KEY AUTOINCREMENT,
    given_at TEXT NOT NULL,
    rating TEXT NOT NULL,
    approved INTEGER NOT NULL,
    question TEXT NOT NULL,
    answer TEXT NOT NULL,
    expected TEXT NOT NULL,              -- the right answer, as a reader knows it; or ''
    not_answerable INTEGER NOT NULL,     -- the right answer is that the documents do not say
    example TEXT                         -- JSON, of a good answer
);
CREATE TABLE feedback_documents (
    feedback_id INTEGER NOT NULL REFERENCES feedback ON DELETE CASCADE,
    document_id TEXT NOT NULL REFERENCES documents ON DELETE CASCADE,
    PRIMARY KEY (feedback_id, document_id)
) WITHOUT ROWID;
CREATE INDEX feedback_by_document ON feedback_documents (document_id);
CREATE TRIGGER feedback_goes_with_its_documents AFTER DELETE ON feedback_documents
BEGIN DELETE FROM feedback WHERE feedback_id = OLD.feedback_id; END;
"""
# Of pages that older versions read by OCR the text says so itself, in a line of its own. It stays:
# passages, examples and indexes on servers have places in that text.
_OCR_COLUMN = """
ALTER TABLE pages ADD COLUMN read_by_ocr INTEGER NOT NULL DEFAULT 0;
UPDATE pages SET read_by_ocr = 1
WHERE instr(char(10) || text, char(10) || '[Read by OCR]' || char(10)) > 0;
"""
# What each version added to the one before it; an older library is brought up to date when it is
# opened.
_ADDED = {2: _FEEDBACK_TABLES, 3: _OCR_COLUMN}


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
            raise _damaged(path) from error
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


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Create the tables in a new database, or check that an old one is ours and up to date.

    Raises LibraryDamaged, LibraryTooNew, DiskFull, LibraryReadOnly.
    """
    version = 0
    try:
        with named_storage_failures(path.parent):
            connection.execute("BEGIN")
            with ending(connection):
                version = _version(connection, path)
            if version < SCHEMA_VERSION:
                connection.execute("BEGIN IMMEDIATE")  # two processes may make it at once
                with ending(connection):
                    version = _version(connection, path)
                    if version < SCHEMA_VERSION:
                        _bring_up_to_date(connection, version)
    except LibraryReadOnly as error:
        raise LibraryReadOnly(path.parent, is_outdated=version > 0) from error
    except sqlite3.DatabaseError as error:
        raise _damaged(path) from error


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


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """Of the tables that are there; 0 in a new file. Raises LibraryDamaged, LibraryTooNew."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application == APPLICATION_ID:
        if version > SCHEMA_VERSION:
            raise LibraryTooNew(
                f"The library {path.parent} has format {version}, but this program reads up to"
                f" {SCHEMA_VERSION}; install the newer version."
            )
        return int(version)
    if tables:
        raise LibraryDamaged(f"{path} is a database of another program; choose another folder.")
    return 0


def _bring_up_to_date(connection: sqlite3.Connection, version: int) -> None:
    if version == 0:
        _execute_all(connection, _TABLES)
        connection.executemany(
            "INSERT INTO meta VALUES (?, ?)",
            [
                ("generation", "0"),
                ("library_id", uuid.uuid4().hex),
                ("terms_version", str(TERMS_VERSION)),
            ],
        )
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        version = 1
    for newer in range(version + 1, SCHEMA_VERSION + 1):
        _execute_all(connection, _ADDED[newer])
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _execute_all(connection: sqlite3.Connection, statements: str) -> None:
    for statement in statements.split(";\n"):
        if statement.strip():
            connection.execute(statement)


def _damaged(path: Path) -> LibraryDamaged:
    return LibraryDamaged(
        f"The library's database {path} is damaged or not a database; restore it from a backup, or"
        " move it away and add the documents again."
    )
