"""A document, its pages and its passages: as rows of the library's tables, and back.

Functions over a connection; whoever calls them says which transaction they are part of.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from ingest.documents import Chunk, Page
from ingest.records import DocumentRecord, NewDocument, StoredChunk

_DOCUMENT_FIELDS = (
    "document_id",
    "name",
    "path",
    "collection",
    "sha256",
    "media_type",
    "title",
    "byte_size",
    "page_count",
    "chunk_count",
    "added_at",
    "reading_version",
)
# What `document_of`, `page_of` and `chunk_of` make something of, to be gone on with a condition.
DOCUMENT_QUERY = f"""
SELECT {", ".join(_DOCUMENT_FIELDS).replace("path", "source")} FROM documents d
"""  # noqa: S608 (constant text)
PAGE_QUERY = """
SELECT number, text, read_by_ocr FROM pages
"""
CHUNK_QUERY = """
SELECT c.chunk_id, c.document_id, d.name, d.source, d.collection, p.number, c.page_index, c.start,
       c."end", substr(p.text, c.start + 1, c."end" - c.start), c.heading, p.read_by_ocr,
       c.sections
FROM chunks c JOIN documents d USING (document_id) JOIN pages p USING (document_id, page_index)
"""


@dataclass(frozen=True, slots=True)
class OldDocument:
    """A document in whose place another one is stored. original: its kept copy, if any."""

    document_id: str
    original: str | None
    source: str
    sha256: str
    added_at: str
    reading_version: int


def in_place_of(
    connection: sqlite3.Connection, document_id: str, new: NewDocument
) -> list[OldDocument]:
    """The documents that go when a new one is stored: of its source, of its id, moved to it."""
    rows = connection.execute(
        "SELECT document_id, original, source, sha256, added_at, reading_version FROM documents"
        " WHERE (collection = ? AND source = ?) OR document_id IN (?, ?)",
        (new.collection, new.source, document_id, new.moved_from),
    )
    return [OldDocument(*row) for row in rows]


def document_of(row: tuple[Any, ...]) -> DocumentRecord:
    """Of a row of DOCUMENT_QUERY."""
    fields = dict(zip(_DOCUMENT_FIELDS, row, strict=True))
    fields["added_at"] = datetime.fromisoformat(fields["added_at"])
    return DocumentRecord(**fields)


def page_of(row: tuple[Any, ...]) -> Page:
    """Of a row of PAGE_QUERY."""
    number, text, read_by_ocr = row
    return Page(number, text, bool(read_by_ocr))


def chunk_of(row: tuple[Any, ...]) -> StoredChunk:
    """Of a row of CHUNK_QUERY."""
    fields = (*row[:-2], bool(row[-2]))
    chunk, sections = StoredChunk(*fields), row[-1]
    if sections is None:
        return chunk
    own = ((chunk.start, chunk.heading),)
    return replace(chunk, sections=tuple(map(tuple, json.loads(sections))) or own)


def _stated(chunk: Chunk) -> str | None:
    """What the column of a passage's sections says."""
    if not chunk.sections:
        return None
    is_own = chunk.sections == ((chunk.start, chunk.heading),)
    return json.dumps([] if is_own else chunk.sections, ensure_ascii=False)


def make_document_id(collection: str, source: str, sha256: str) -> str:
    """20 hexadecimal digits made from what a document is and where it came from."""
    key = "\x00".join((collection, source, sha256))
    return hashlib.sha256(key.encode("utf-8", errors="surrogatepass")).hexdigest()[:20]


def insert_document(
    connection: sqlite3.Connection,
    document_id: str,
    new: NewDocument,
    original: str | None,
    added_at: str = "",
) -> list[int]:
    """Insert a document, its pages, passages and vectors; the passages' ids, in order.

    original: its kept copy, relative to the folder of originals. added_at: "" is now.
    """
    now = datetime.now(UTC).isoformat()
    connection.execute("INSERT OR IGNORE INTO collections VALUES (?, ?)", (new.collection, now))
    connection.execute(
        "INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            document_id,
            new.name,
            new.source,
            new.collection,
            new.sha256,
            new.document.media_type,
            new.document.title,
            new.byte_size,
            len(new.document.pages),
            len(new.chunks),
            added_at or now,
            original,
            new.reading_version,
        ),
    )
    connection.executemany(
        "INSERT INTO pages VALUES (?, ?, ?, ?, ?)",
        (
            (document_id, index, page.number, page.text, page.read_by_ocr)
            for index, page in enumerate(new.document.pages)
        ),
    )
    chunk_ids: list[int] = []
    for ordinal, chunk in enumerate(new.chunks):
        cursor = connection.execute(
            "INSERT INTO chunks (document_id, ordinal, page_index, start, end, heading, sections)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                document_id,
                ordinal,
                chunk.page_index,
                chunk.start,
                chunk.end,
                chunk.heading,
                _stated(chunk),
            ),
        )
        chunk_ids.append(int(cursor.lastrowid or 0))
    vectors = np.ascontiguousarray(new.vectors, dtype="<f4")
    connection.executemany(
        "INSERT INTO vectors VALUES (?, ?)",
        ((chunk_id, vector.tobytes()) for chunk_id, vector in zip(chunk_ids, vectors, strict=True)),
    )
    return chunk_ids
