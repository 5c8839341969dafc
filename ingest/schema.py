"""The tables of a library's database, and opening a connection to it.

SQLite 3.35 or later. WAL lets readers go on while one process writes; with synchronous=NORMAL a
killed process loses nothing that was committed (only a power cut may lose the last commits, never
consistency; sqlite.org/pragma.html#pragma_synchronous). secure_delete overwrites what is deleted.
"""

from __future__ import annotations

import sqlite3
import uuid
from pathlib import Path

from ingest.errors import LibraryDamaged, LibraryTooNew
from ingest.keywords import TERMS_VERSION

SCHEMA_VERSION = 2
APPLICATION_ID = 0x50_4C_47_54  # "PLGT": tells a library from any other SQLite file
BUSY_TIMEOUT_SECONDS = 120.0

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
# What each version added to the one before it; an older library is brought up to date when it is
# opened.
_ADDED = {2: _FEEDBACK_TABLES}


def connect(path: Path) -> sqlite3.Connection:
    """A connection for one user at a time, in autocommit mode.

    Raises LibraryDamaged if the file is no database.
    """
    connection = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
    except sqlite3.DatabaseError as error:
        connection.close()
        if isinstance(error, sqlite3.OperationalError):
            raise LibraryDamaged(f"The library's database {path} cannot be opened: {error}.") from (
                error
            )
        raise _damaged(path) from error
    return connection


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Create the tables in a new database, or check that an old one is ours.

    Raises LibraryDamaged, LibraryTooNew.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")  # two processes may open a new library at once
        try:
            _prepare(connection, path)
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
    except sqlite3.DatabaseError as error:
        raise _damaged(path) from error


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application == APPLICATION_ID:
        if version > SCHEMA_VERSION:
            raise LibraryTooNew(
                f"The library {path.parent} has format {version}, but this program reads up to"
                f" {SCHEMA_VERSION}; install the newer version."
            )
        if version < SCHEMA_VERSION:
            _upgrade(connection, version)
        return
    if tables:
        raise LibraryDamaged(f"{path} is a database of another program; choose another folder.")
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
    _upgrade(connection, 1)


def _upgrade(connection: sqlite3.Connection, version: int) -> None:
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
