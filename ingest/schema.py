"""The tables of a library's database: made in a new one, brought up to date in an old one."""

from __future__ import annotations

import re
import sqlite3
import uuid
from contextlib import closing
from pathlib import Path

from ingest.database import damaged, ending
from ingest.errors import LibraryDamaged, LibraryReadOnly, LibraryTooNew
from ingest.keywords import TERMS_VERSION
from ingest.storage_failures import named_storage_failures

SCHEMA_VERSION = 5
APPLICATION_ID = 0x50_4C_47_54  # "PLGT": tells a library from any other SQLite file

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
# How documents were read before this was kept nobody knows: 0 is older than any version.
_READING_COLUMN = """
ALTER TABLE documents ADD COLUMN reading_version INTEGER NOT NULL DEFAULT 0;
"""
# JSON, [[start, heading], ...]; [] where the only one is the passage's own. NULL: not known, as an
# older version read the document.
_SECTIONS_COLUMN = """
ALTER TABLE chunks ADD COLUMN sections TEXT;
"""
# What each version added to the one before it; an older library is brought up to date when it is
# opened.
_ADDED = {2: _FEEDBACK_TABLES, 3: _OCR_COLUMN, 4: _READING_COLUMN, 5: _SECTIONS_COLUMN}


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
        raise damaged(path) from error


def require_own_tables(connection: sqlite3.Connection, path: Path) -> None:
    """Check that a database from elsewhere has the tables, indexes and triggers of a library of its
    version, and nothing that would run when it is used.

    Raises LibraryDamaged, LibraryTooNew.
    """
    try:
        version = _version(connection, path)
        found = _definitions(connection)
    except sqlite3.DatabaseError as error:
        raise damaged(path) from error
    with closing(sqlite3.connect(":memory:")) as made:
        for tables in (_TABLES, *(_ADDED[newer] for newer in range(2, version + 1))):
            _execute_all(made, tables)
        expected = _definitions(made)
    if version < 1 or found != expected:
        raise LibraryDamaged(f"{path.name} is not the database of a library as Paperlight makes it")


def _definitions(connection: sqlite3.Connection) -> set[tuple[str, ...]]:
    """All that a database is made of, whatever its comments and line breaks."""
    rows = connection.execute("SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema")
    return {(*names, *re.sub(r"--[^\n]*", "", definition).split()) for *names, definition in rows}


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
